"""CycleGAN: its terms in closed form for linear maps, and two Gaussians mapped onto each other."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxunfold.errors import InputError
from jaxunfold.training import cycle, steps


def line(slope, shift):
    """x -> slope x + shift, with the squared distance."""

    def apply(params, x, r):
        return params["slope"] * x + params["shift"]

    return cycle.Mapper(
        lambda key: {"slope": jnp.float32(slope), "shift": jnp.float32(shift)},
        apply,
        0,
        lambda params, x, r, wanted: jnp.sum((apply(params, x, r) - wanted) ** 2),
    )


# a critic that is blind to all but mean and spread
PARABOLA = cycle.Critic(lambda key: jnp.zeros(3), lambda params, x: params @ jnp.array([1.0, x[0], x[0] ** 2]))
OPTIONS = {"loss": "least_squares", "penalty": {"kind": "none"}}


def test_terms_of_exact_maps():
    """b = 2 a + 3 and its inverse: nothing is lost around; the identity term is |b + 3|^2 + |a / 2 + 3 / 2|^2."""
    built = cycle.build(
        line(2, 3), line(0.5, -1.5), PARABOLA, PARABOLA, optax.sgd(0.0), cycle=1.0, identity=0.1, **OPTIONS
    )
    rng = np.random.default_rng(0)
    batch = cycle.Both(*(jnp.asarray(rng.normal(size=(50, 1)), jnp.float32) for _ in range(2)))
    state = built.init(jax.random.key(0), batch)
    after, metrics = built.step(state, batch, jax.random.key(1))
    assert metrics["cycle"] < 1e-10
    identity = np.mean((batch.b + 3) ** 2) + np.mean((0.5 * batch.a + 1.5) ** 2)
    np.testing.assert_allclose(metrics["identity"], identity, rtol=1e-5)
    # a critic that says 0 of everything: (phi - 1)^2 + phi^2 of each
    np.testing.assert_allclose(metrics["critic_loss"], 2.0)
    np.testing.assert_allclose(metrics["loss"], 2.0 + 0.1 * identity, rtol=1e-5)
    np.testing.assert_allclose(
        built.back(after, built.there(after, batch.a, jax.random.key(2)), jax.random.key(3)), batch.a, atol=1e-5
    )


def test_two_gaussians_are_mapped_onto_each_other():
    built = cycle.build(
        line(1, 0), line(1, 0), PARABOLA, PARABOLA, optax.adam(0.02, b1=0.5), cycle=1.0, ema=0.99, **OPTIONS
    )

    def both(key):
        a, b = jax.random.normal(key, (2, 256, 1))
        return cycle.Both(a, 2 * b + 3)

    state = built.init(jax.random.key(0), both(jax.random.key(0)))
    state, metrics = steps.run(built.step, state, both, jax.random.key(1), 1500)
    slope, shift = (float(state.ema[0][name]) for name in ("slope", "shift"))
    assert abs(abs(slope) - 2) < 0.2
    assert abs(shift - 3) < 0.2
    assert metrics["cycle"][-100:].mean() < 0.05


def test_wrong_options_are_one_line():
    with pytest.raises(InputError, match="expected cycle, identity and penalty"):
        cycle.build(line(1, 0), line(1, 0), PARABOLA, PARABOLA, optax.sgd(0.1), cycle=-1.0, **OPTIONS)
