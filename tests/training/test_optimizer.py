import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxunfold.errors import InputError
from jaxunfold.training import decay_mask, ema_update, make_optimizer, make_schedule


def test_one_cycle_has_its_peak_and_its_ends_where_asked():
    rate = make_schedule("one_cycle", 2.0, 1000, warmup=0.3, start_factor=0.1, end_factor=0.01)
    np.testing.assert_allclose([rate(0), rate(150), rate(300)], [0.2, 1.1, 2.0], rtol=1e-6)
    np.testing.assert_allclose([rate(650), rate(1000), rate(2000)], [1.01, 0.02, 0.02], rtol=1e-5)


def test_one_cycle_agrees_with_optax():
    ours, theirs = make_schedule("one_cycle", 1e-3, 500), optax.cosine_onecycle_schedule(500, 1e-3)
    # optax ends at 1e-4 of its first value, ours at 1e-4 of the peak: compare where that does not show.
    steps = np.arange(0, 400)
    np.testing.assert_allclose([ours(s) for s in steps], [theirs(s) for s in steps], rtol=0, atol=2e-7)


def test_cosine_is_half_way_down_half_way_along():
    rate = make_schedule("cosine", 1.0, 100, warmup=0.0, end_factor=0.0)
    np.testing.assert_allclose([rate(0), rate(50), rate(100)], [1.0, 0.5, 0.0], atol=1e-6)


@pytest.mark.parametrize("kind", ["one_cycle", "cosine", "constant"])
@pytest.mark.parametrize("total", [1, 2, 3])
def test_schedules_of_a_few_steps_are_finite_and_positive(kind, total):
    rate = make_schedule(kind, 1e-3, total)
    values = np.array([rate(step) for step in range(total)])
    assert np.all(np.isfinite(values))
    assert np.all((values > 0) & (values <= 1.001e-3))


def test_adam_with_a_constant_rate_moves_by_the_rate_at_first():
    optimizer = make_optimizer(0.1, 10, schedule="constant")
    params = {"w": jnp.array([1.0, -2.0])}
    updates, _ = optimizer.update({"w": jnp.array([3.0, -0.5])}, optimizer.init(params), params)
    np.testing.assert_allclose(updates["w"], [-0.1, 0.1], rtol=1e-5)


def test_weight_decay_spares_biases():
    optimizer = make_optimizer(0.1, 10, kind="adamw", schedule="constant", weight_decay=0.5)
    params = {"layer": {"kernel": jnp.ones((2, 2)), "bias": jnp.ones((4, 2))}}
    zero = jax.tree.map(jnp.zeros_like, params)
    updates, _ = optimizer.update(zero, optimizer.init(params), params)
    np.testing.assert_allclose(updates["layer"]["kernel"], -0.05, rtol=1e-6)
    np.testing.assert_array_equal(updates["layer"]["bias"], 0.0)
    assert decay_mask(params) == {"layer": {"kernel": True, "bias": False}}


def test_clipping_bounds_the_global_norm():
    clipped = make_optimizer(0.1, 10, schedule="constant", clip_norm=1.0, b1=0.0, b2=0.0, eps=1.0)
    params = {"w": jnp.zeros(2)}
    updates, _ = clipped.update({"w": jnp.array([30.0, 40.0])}, clipped.init(params), params)
    # Adam without memory: g / (|g| + 1) of the clipped gradient (0.6, 0.8).
    np.testing.assert_allclose(updates["w"], [-0.1 * 0.6 / 1.6, -0.1 * 0.8 / 1.8], rtol=1e-5)


def test_ema_of_a_constant_is_the_constant_and_forgets_its_start():
    ema, params = {"w": jnp.array(5.0), "n": jnp.int32(0)}, {"w": jnp.array(1.0), "n": jnp.int32(7)}
    for step in range(30):
        ema = ema_update(ema, params, 0.999, step)
    # The product of (1 + s) / (10 + s) over s < 30 is 9! 30! / 39!, 5e-9.
    assert abs(float(ema["w"]) - 1.0) < 1e-6
    assert int(ema["n"]) == 7


def test_ema_in_the_long_run_has_the_decay_asked_for():
    assert float(ema_update(jnp.array(1.0), jnp.array(0.0), 0.9, 10_000)) == pytest.approx(0.9)


@pytest.mark.parametrize("options", [{"kind": "sgd"}, {"schedule": "linear"}, {"weight_decay": 0.1}, {"warmup": 1.0}])
def test_bad_options_are_refused_in_one_line(options):
    with pytest.raises(InputError, match=r"expected|needs") as caught:
        make_optimizer(1e-3, 10, **options)
    assert "\n" not in str(caught.value)
