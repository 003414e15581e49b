"""Mean and width as a loss: closed form, and a slope where all events are one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxunfold.errors import InputError
from jaxunfold.losses.moments import build_moments
from jaxunfold.types import Batch, Reco, Spec

SPEC = Spec(1, 0, ("x",), lambda truth, reco: {"twice": 2 * truth[:, 0]})


def batch_of(x, weight):
    return Batch(jnp.asarray(x, jnp.float32)[:, None], Reco(jnp.zeros((len(x), 0))), jnp.asarray(weight, jnp.float32))


def test_the_term_is_what_equation_19_says():
    """Weights 1 and 3 at 0 and 4 (twice: 0 and 8): mean 6, variance 12; generated: mean 2, variance 4."""
    batch = batch_of([0.0, 4.0], [1.0, 3.0])
    term = build_moments(SPEC, observables=("twice",), mean=0.1, width=0.01)
    ours = jnp.array([[-1.0], [1.0]])
    mean, var = (3 * 2 - 2) / 4, ((-2 - 1) ** 2 + 3 * (2 - 1) ** 2) / 4
    wanted = 0.1 * (mean - 6) ** 2 + 0.01 * (var**0.5 - 12**0.5) ** 2
    np.testing.assert_allclose(term(ours, batch), wanted, rtol=1e-5)
    np.testing.assert_allclose(term(batch.truth, batch), 0.0, atol=1e-6)


def test_the_slope_is_finite_where_all_events_are_one():
    batch = batch_of([0.0, 4.0], [1.0, 1.0])
    term = build_moments(SPEC, observables=("twice",))
    assert jnp.isfinite(jax.grad(term)(jnp.ones((2, 1)), batch)).all()


def test_wrong_options_are_one_line():
    with pytest.raises(InputError, match="expected at least one of observables"):
        build_moments(SPEC, observables=())
    with pytest.raises(InputError, match=r"expected names among .* found 'm_ee'"):
        build_moments(SPEC, observables=("m_ee",))(jnp.ones((2, 1)), batch_of([0.0, 1.0], [1.0, 1.0]))
