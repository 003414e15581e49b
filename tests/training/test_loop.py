import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import toy_regression as toy

from jaxunfold import training
from jaxunfold.data import batches
from jaxunfold.errors import InputError
from jaxunfold.training import dispatch


def same(a, b):
    assert toy.digest(a) == toy.digest(b)


def test_the_fit_finds_the_least_squares_solution():
    loop = toy.make_loop(None, batch_size=1000, epochs=1000, select="last")
    state = loop("fit", toy.init, toy.step)
    data = toy.sample(1000)
    root = np.sqrt(data.weight)[:, None]
    design = np.concatenate([data.x, np.ones((1000, 1))], axis=1)
    exact = np.linalg.lstsq(root * design, root[:, 0] * data.y, rcond=None)[0]
    found = np.append(state["ema"]["w"], state["ema"]["b"])
    # What a step adds to the targets moves its minimum by 0.01 / sqrt(1000) = 0.0003, one standard deviation.
    np.testing.assert_allclose(found, exact, atol=0.001)


def test_one_dispatch_is_the_same_steps_one_by_one():
    loop = toy.make_loop(None, epochs=2)
    found = loop("fit", toy.init, toy.step)
    keys, source = dispatch.stage_keys(0, "fit"), batches.ArraySource(toy.sample(1000))
    state = toy.init(keys.init, source.arrays)
    for number in range(40):
        order = source.epoch_order(dispatch.order_seed(0, "fit"), number // 20)
        index = order[(number % 20) * 50 :][:50]
        state, _ = toy.step(state, source.take(index), jax.random.fold_in(keys.step, number))
    chex.assert_trees_all_close(found["params"], state["params"], rtol=1e-5)


def test_the_step_is_traced_once_over_stages_epochs_and_checkpoints(tmp_path):
    step = chex.assert_max_traces(toy.step, n=1)
    loop = toy.make_loop(str(tmp_path), epochs=4, checkpoint_every_seconds=0.0)
    loop("first", toy.init, step)
    loop("second", toy.init, step)


def test_stages_differ_and_seeds_differ_and_equal_ones_agree():
    fit = toy.make_loop(None, epochs=1)
    one, again, other = (fit(name, toy.init, toy.step) for name in ("a", "a", "b"))
    same(one, again)
    assert toy.digest(one) != toy.digest(other)
    assert toy.digest(one) != toy.digest(toy.make_loop(None, epochs=1, seed=1)("a", toy.init, toy.step))


def test_steps_per_dispatch_does_not_change_the_result():
    states = [
        toy.make_loop(None, epochs=2, steps_per_dispatch=k)("a", toy.init, toy.step)["params"] for k in (1, 4, 20)
    ]
    chex.assert_trees_all_close(*states, rtol=1e-5)


def test_every_event_is_seen_once_in_an_epoch():
    def step(state, batch, key):
        return state.at[batch["i"]].add(1), {"loss": 0.0}

    loop = training.make_loop(None, {"i": np.arange(60)}, batch_size=10, epochs=3, steps_per_dispatch=2)
    counts = loop("count", lambda key, batch: jnp.zeros(60), step)
    np.testing.assert_array_equal(counts, 3)


def test_a_finished_stage_is_restored_and_not_trained_again(tmp_path):
    loop = toy.make_loop(str(tmp_path), epochs=2)
    first = loop("fit", toy.init, toy.step, toy.evaluate)

    def never(*args):
        raise AssertionError

    again = toy.make_loop(str(tmp_path), callbacks=[never], epochs=2)("fit", toy.init, never, toy.evaluate)
    same(first, again)


def test_another_training_is_refused(tmp_path):
    toy.make_loop(str(tmp_path), epochs=1)("fit", toy.init, toy.step)
    with pytest.raises(InputError, match="seed: expected 5, found 0"):
        toy.make_loop(str(tmp_path), epochs=1, seed=5)("fit", toy.init, toy.step)
    with pytest.raises(InputError, match="batch_size: expected 100, found 50"):
        toy.make_loop(str(tmp_path), epochs=1, batch_size=100)("fit", toy.init, toy.step)


def test_validation_is_the_weighted_mean_whatever_the_chunks():
    def evaluate(state, batch, key):
        return {"loss": jnp.sum(batch.weight * batch.y) / jnp.sum(batch.weight)}

    data, seen = toy.sample(300, 1), []
    for size in (7, 100, 1000):
        loop = toy.make_loop(
            None,
            [lambda event: seen.append(event.valid)],
            epochs=1,
            steps_per_dispatch=20,
            eval_batch_size=size,
        )
        loop("fit", toy.init, toy.step, evaluate)
    exact = np.average(data.y, weights=data.weight)
    values = [valid["loss"] for valid in seen if valid]  # at the epoch and at the end
    np.testing.assert_allclose(values, exact, rtol=1e-5)
    assert len(values) == 6


def test_select_best_returns_the_state_of_the_lowest_validation_loss(tmp_path):
    def step(state, batch, key):
        return state + 1, {"loss": state}

    def evaluate(state, batch, key):
        return {"loss": (state - 7.0) ** 2}

    data = {"x": np.zeros((20, 1))}
    for workdir in (None, str(tmp_path), str(tmp_path)):
        results = {}
        for select in ("best", "last"):
            where = None if workdir is None else f"{workdir}/{select}"
            loop = training.make_loop(where, data, data, batch_size=10, epochs=6, select=select)
            results[select] = float(loop("fit", lambda key, batch: jnp.float32(0), step, evaluate))
        # Validation happens at 2, 4, ..., 12; of 6 and 8, equally far from 7, the earlier one.
        assert results == {"best": 6.0, "last": 12.0}


def test_early_stopping_ends_the_stage_and_a_restart_knows(tmp_path):
    def step(state, batch, key):
        return state + 1, {"loss": state}

    def evaluate(state, batch, key):
        return {"loss": jnp.abs(state - 4.0)}

    data = {"x": np.zeros((10, 1))}
    for _ in range(2):
        loop = training.make_loop(
            str(tmp_path), data, data, batch_size=10, epochs=50, callbacks=[training.early_stopping(3)]
        )
        assert float(loop("fit", lambda key, batch: jnp.float32(0), step, evaluate)) == 7.0


def poisoned(state, batch, key, at, what):
    new, metrics = toy.step(state, batch, key)
    bad = jnp.where(state["count"] == at, jnp.nan, 0.0)
    if what == "loss":
        return new, metrics | {"loss": metrics["loss"] + bad}
    params = new["params"] | {"w": new["params"]["w"] + bad}
    return new | {"params": params}, {"mean": jnp.mean(batch.x)}


def test_a_loss_that_is_not_finite_stops_with_step_term_and_checkpoint(tmp_path):
    def step(*args):
        return poisoned(*args, at=33, what="loss")

    loop = toy.make_loop(str(tmp_path), checkpoint_every_seconds=0.0)
    with pytest.raises(training.NonFiniteError, match=r"fit: step 34: loss is nan; .*000000030$") as caught:
        loop("fit", toy.init, step)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, InputError)
    # What was saved last is finite, and training may go on from it with a step that is mended.
    state = loop("fit", toy.init, toy.step)
    same(state, toy.make_loop(None)("fit", toy.init, toy.step))


def test_a_state_that_is_not_finite_is_named_and_never_saved(tmp_path):
    def step(*args):
        return poisoned(*args, at=14, what="state")

    loop = toy.make_loop(str(tmp_path), checkpoint_every_seconds=0.0)
    with pytest.raises(training.NonFiniteError, match=r"fit: step 15: state not finite in params/w; .*000000010$"):
        loop("fit", toy.init, step)


def test_callbacks_hear_of_a_failure_even_if_one_of_them_fails_too():
    seen = []

    def fails(event):
        raise RuntimeError(event.kind)

    with pytest.raises(RuntimeError, match="start"):
        toy.make_loop(None, [fails])("fit", toy.init, toy.step)
    loop = toy.make_loop(None, [lambda event: seen.append(event.kind)])
    with pytest.raises(training.NonFiniteError):
        loop("fit", toy.init, lambda *args: poisoned(*args, at=2, what="loss"))
    assert seen == ["start", "failed"]


def test_a_validation_loss_that_is_not_finite_stops():
    def evaluate(state, batch, key):
        return {"loss": jnp.nan * state["params"]["b"]}

    with pytest.raises(training.NonFiniteError, match="validation after epoch 1: loss is nan; there is no"):
        toy.make_loop(None)("fit", toy.init, toy.step, evaluate)


@pytest.mark.parametrize("n", [999, 130, 51, 50, 49, 1])
def test_few_events_make_smaller_batches_and_still_train(n):
    loop = training.make_loop(None, toy.sample(n), batch_size=50, epochs=2, steps_per_dispatch=7)
    plan = loop.plan
    assert plan.batch_size == min(n, 50)
    assert plan.steps_per_epoch % plan.steps_per_dispatch == 0
    assert n - plan.batch_size * plan.steps_per_epoch < plan.batch_size * (
        1 + plan.steps_per_epoch // plan.steps_per_dispatch
    )
    state = loop("fit", toy.init, toy.step)
    assert int(state["count"]) == loop.total_steps


class Streamed:
    """A source with the face of a stream: its batches come from the host, dispatch by dispatch."""

    def __init__(self, data):
        self.inner = batches.ArraySource(data)
        self.num_events = self.inner.num_events

    def take(self, index):
        return self.inner.take(index)

    def dispatches(self, *args):
        yield from map(jax.device_get, self.inner.dispatches(*args))


def test_a_stream_trains_as_the_same_events_on_the_device_do(tmp_path):
    options = {"batch_size": 50, "epochs": 3, "steps_per_dispatch": 6}
    data = toy.sample(1000)
    resident = training.make_loop(None, data, **options)("fit", toy.init, toy.step)
    streamed = training.make_loop(None, Streamed(data), Streamed(data), **options)("fit", toy.init, toy.step)
    chex.assert_trees_all_close(resident["params"], streamed["params"], rtol=1e-5)

    class Stop(Exception):
        pass

    def interrupt(event):
        if event.step == 30:
            raise Stop

    loop = training.make_loop(
        str(tmp_path), Streamed(data), checkpoint_every_seconds=0.0, callbacks=[interrupt], **options
    )
    with pytest.raises(Stop):
        loop("fit", toy.init, toy.step)
    again = training.make_loop(str(tmp_path), Streamed(data), **options)("fit", toy.init, toy.step)
    same(streamed, again)


def test_even_split_leaves_out_fewer_than_there_are_parts():
    for n in range(1, 300):
        for at_most in (1, 7, 64):
            count, size = dispatch.even_split(n, at_most)
            assert 1 <= size <= at_most
            assert 0 <= n - count * size < count


@pytest.mark.parametrize(
    "options",
    [{"batch_size": 0}, {"epochs": 0}, {"steps_per_dispatch": 0}, {"eval_batch_size": 0}, {"select": "a"}],
)
def test_bad_options_are_refused(options):
    with pytest.raises(InputError, match="expected"):
        toy.make_loop(None, **options)


def test_learning_rate_and_total_steps_are_there_for_a_schedule():
    seen = []
    loop = toy.make_loop(None, [seen.append], epochs=2)
    rate = training.make_schedule("one_cycle", 1.0, loop.total_steps)

    def step(state, batch, key):
        return state + 1, {"loss": 0.0, "lr": rate(state)}

    loop("fit", lambda key, batch: jnp.int32(0), step)
    assert loop.total_steps == 40
    epochs = [event for event in seen if event.kind == "epoch"]
    np.testing.assert_allclose([event.train["lr"] for event in epochs], [rate(19), rate(39)], rtol=1e-6)
    assert optax.tree.size(seen[-1].step) == 1
