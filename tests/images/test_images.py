"""Binary images: pixels with known probabilities, generators that begin at the mean image, translation."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxunfold.errors import InputError
from jaxunfold.images import generators, pixels, translation
from jaxunfold.training import steps
from jaxunfold.training.cycle import Both

NET = {"hidden": 16, "layers": 1}
GAME = {"loss": "least_squares", "penalty": {"kind": "none"}}


@pytest.fixture(scope="module")
def images():
    """[4000, 6]: the first pixel or the second one, never both; the third with 0.1, others never."""
    rng = np.random.default_rng(0)
    x = np.zeros((4000, 6), np.float32)
    x[np.arange(4000), rng.integers(0, 2, 4000)] = 1
    x[:, 2] = rng.uniform(size=4000) < 0.1
    return jnp.asarray(x)


def test_pixels_have_the_probability_of_their_logit():
    """Five standard errors of 100,000 draws, a false alarm in 10^6 runs; the slope is that of the sigmoid."""
    logits = jnp.array([-4.0, 0.0, 1.5])
    r = jax.random.normal(jax.random.key(0), (100_000, 3))
    drawn = pixels.sample(jnp.broadcast_to(logits, r.shape), r)
    assert set(np.unique(drawn)) <= {0.0, 1.0}
    p = jax.nn.sigmoid(logits)
    assert (jnp.abs(drawn.mean(0) - p) < 5 * jnp.sqrt(p * (1 - p) / 100_000)).all()
    slope = jax.grad(lambda x: pixels.sample(x, jnp.zeros(())))(0.7)
    np.testing.assert_allclose(slope, jax.nn.sigmoid(0.7) * jax.nn.sigmoid(-0.7), rtol=1e-5)


def test_cross_entropy_is_minus_the_log_probability():
    logits, image = jnp.array([-1.0, 2.0]), jnp.array([1.0, 0.0])
    wanted = -jnp.log(jax.nn.sigmoid(-1.0)) - jnp.log(1 - jax.nn.sigmoid(2.0))
    np.testing.assert_allclose(pixels.cross_entropy(logits, image), wanted, rtol=1e-6)
    # of the mean image's logits it is the entropy, the least that independent pixels reach
    x = jnp.array([[1.0], [0.0], [0.0], [0.0]])
    mean = pixels.logits_of_mean(x)
    np.testing.assert_allclose(jax.nn.sigmoid(mean), [0.25], rtol=1e-6)
    assert jnp.isfinite(pixels.logits_of_mean(jnp.zeros((3, 2)))).all()


def test_a_vae_learns_what_pixels_do_together(images, quick_compile):
    vae = generators.vae(images, optax.adam(1e-2), encoder=NET, decoder=NET, latent=2, warmup=100)
    data = steps.unconditional(images)
    state = vae.init(jax.random.key(0), data)
    state, metrics = steps.run(vae.step, state, steps.rows_of(data, 128), jax.random.key(1), 600)
    drawn = np.asarray(vae.draw(state, jax.random.key(2), 4000))
    # one of the two in all images; independent pixels have it in a half of them
    assert np.mean(drawn[:, 0] + drawn[:, 1] == 1) > 0.8
    assert abs(drawn[:, 0].mean() - 0.5) < 0.15
    assert drawn[:, 3:].mean() < 0.01
    assert metrics["distance"][-50:].mean() < metrics["distance"][:5].mean()


def test_a_gan_takes_a_step_and_draws_images(images, quick_compile):
    gan = generators.gan(images, optax.adam(1e-3), generator=NET, critic=NET, latent=2, **GAME)
    data = steps.unconditional(images)
    state = gan.init(jax.random.key(0), data)
    state, metrics = steps.run(gan.step, state, steps.rows_of(data, 32), jax.random.key(1), 3)
    assert np.isfinite(metrics["loss"]).all()
    drawn = gan.draw(state, jax.random.key(2), 50)
    assert drawn.shape == (50, 6)
    assert set(np.unique(drawn)) <= {0.0, 1.0}


def test_a_translation_begins_as_almost_nothing(images, quick_compile):
    other = images[:, ::-1]
    options = {"network": NET, "critic": NET, "latent": 2, "cycle": 1.0, **GAME}
    built = translation.build(images, other, optax.adam(1e-3), **options)
    state = built.init(jax.random.key(0), Both(images[:8], other[:8]))
    # with the network's output at zero a pixel that is on stays with a probability of 0.95
    nothing = state._replace(ema=jax.tree.map(jnp.zeros_like, state.ema))
    there = built.there(nothing, images, jax.random.key(1))
    np.testing.assert_allclose(there[images == 1].mean(), jax.nn.sigmoid(3.0), atol=0.02)
    make = steps.rows_of  # rows of the two samples are drawn apart

    def both(key):
        first, second = jax.random.split(key)
        a, b = make(steps.unconditional(images), 32)(first), make(steps.unconditional(other), 32)(second)
        return Both(a.truth, b.truth)

    state, metrics = steps.run(built.step, state, both, jax.random.key(2), 3)
    assert all(np.isfinite(values).all() for values in metrics.values())


def test_wrong_options_are_one_line(images):
    with pytest.raises(InputError, match="latent: expected 1 or more, found 0"):
        generators.vae(images, optax.adam(1e-3), encoder=NET, decoder=NET, latent=0)
    with pytest.raises(InputError, match="images of one size"):
        translation.build(images, images[:, :3], optax.adam(1e-3), network=NET, critic=NET, cycle=1.0, **GAME)
    with pytest.raises(InputError, match="expected cycle, identity"):
        translation.build(images, images, optax.adam(1e-3), network=NET, critic=NET, cycle=-1.0, **GAME)
