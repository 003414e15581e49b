"""Events in pieces: the same numbers as at once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxunfold.methods import eventwise
from jaxunfold.methods.eventwise import mean_over_events, over_draws, over_events


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


@pytest.mark.parametrize("n", [1, 7, 30])
@pytest.mark.parametrize("draws", [1, 3, 20])
def test_draws_in_pieces_are_those_of_all_at_once(monkeypatch, n, draws):
    """Also where an event has more draws than a piece has rows."""
    monkeypatch.setattr(eventwise, "ROWS", 8)
    latents = jax.random.normal(jax.random.key(0), (n, draws, 2))
    events = {"a": jnp.arange(1.0 * n), "b": jnp.arange(2.0 * n).reshape(n, 2)}

    def context(event):
        return event["a"] * event["b"]

    def draw(z, ctx):
        return {"x": z * ctx, "sum": jnp.sum(z) + ctx[0]}

    plain = jax.vmap(lambda z, event: jax.vmap(lambda one: draw(one, context(event)))(z))(latents, events)
    ours = over_draws(draw, latents, events, context)
    for found, exact in zip(jax.tree.leaves(ours), jax.tree.leaves(plain)):
        assert found.shape == exact.shape
        np.testing.assert_array_equal(found, exact)


@pytest.mark.parametrize("n", [1, 8, 30])
def test_mean_and_its_gradient_in_pieces_are_those_of_all_at_once(monkeypatch, n):
    """Also within a larger loss, over several networks, and where a last piece is filled up."""
    monkeypatch.setattr(eventwise, "TRAINED_ROWS", 8)
    keys = jax.random.split(jax.random.key(0), 3)
    params = {"w": jax.random.normal(keys[0], (3, 2)), "b": jnp.ones(3)}
    events = jax.random.normal(keys[1], (n, 2)), jax.random.uniform(keys[2], (n,))

    def one(params, x, weight):
        return weight * jnp.sum(jnp.tanh(params["w"] @ x + params["b"]) ** 2)

    def plain(params):
        return 3 * jnp.mean(jax.vmap(lambda *event: one(params, *event))(*events)) ** 2 + params["b"][0]

    def ours(params):
        return 3 * mean_over_events(one, params, events) ** 2 + params["b"][0]

    several = jax.tree.map(lambda a: jnp.stack([a, 2 * a]), params)
    for f, g in ((ours, plain), (jax.value_and_grad(ours), jax.value_and_grad(plain))):
        for found, exact in zip(jax.tree.leaves(jax.jit(f)(params)), jax.tree.leaves(g(params))):
            np.testing.assert_allclose(found, exact, rtol=2e-6, atol=1e-6)
        for found, exact in zip(jax.tree.leaves(jax.vmap(f)(several)), jax.tree.leaves(jax.vmap(g)(several))):
            np.testing.assert_allclose(found, exact, rtol=2e-6, atol=1e-6)
