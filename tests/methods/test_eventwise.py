"""Events in pieces: the same numbers as at once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxunfold.methods import eventwise
from jaxunfold.methods.eventwise import over_events


@pytest.mark.parametrize("n", [1, 7, 8, 30])
@pytest.mark.parametrize("rows", [1, 3, 100])
def test_pieces_give_what_all_at_once_gives(monkeypatch, n, rows):
    monkeypatch.setattr(eventwise, "ROWS", 8)
    x, scale = jnp.arange(2.0 * n).reshape(n, 2), jnp.arange(1.0 * n)

    def fun(x, scale):
        return {"sum": jnp.sum(x) * scale, "outer": jnp.outer(x, x)}

    for ours, plain in zip(
        *(jax.tree.leaves(f) for f in (over_events(fun, (x, scale), rows), jax.vmap(fun)(x, scale)))
    ):
        np.testing.assert_array_equal(ours, plain)
