"""Batches: every event once per epoch, in an order of (seed, epoch) alone, from any dispatch on."""

import numpy as np
import pytest

from jaxunfold.data import batches
from jaxunfold.data.events import Events, write
from jaxunfold.errors import InputError

N = 1000


def encode(events):
    return {"row": events.reco[:, 0], "truth": events.truth}


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("batches") / "table.h5")
    rows = np.arange(N, dtype=np.float32)
    table = Events(reco=np.stack([rows, rows**2], 1), truth=2 * rows[:, None])
    write(path, table)
    used = np.flatnonzero(rows % 5 != 0)
    streamed = batches.stream(path, used, encode, block=64, buffer=3)
    return {"array": batches.ArraySource(encode(table[used])), "stream": streamed}


@pytest.fixture(params=["array", "stream"])
def source(request, sources):
    return sources[request.param]


def test_every_event_once(source):
    seen = [d["row"] for d in source.dispatches(seed=1, epoch=0, batch_size=20, steps=8)]
    assert all(row.shape == seen[0].shape for row in seen)
    seen = np.concatenate(seen).ravel()
    np.testing.assert_array_equal(np.sort(seen), np.flatnonzero(np.arange(N) % 5 != 0))
    assert len(seen) == source.num_events == 800


def test_order_is_a_function_of_seed_and_epoch(source):
    order = source.epoch_order(1, 2)
    np.testing.assert_array_equal(np.sort(order), np.arange(800))
    np.testing.assert_array_equal(order, source.epoch_order(1, 2))
    assert (order != source.epoch_order(1, 3)).any()
    assert (order != source.epoch_order(2, 2)).any()
    got = np.concatenate([np.ravel(d["row"]) for d in source.dispatches(1, 2, 16, 4)])
    np.testing.assert_array_equal(got, source.take(order[: len(got)])["row"])


@pytest.mark.parametrize("start", [1, 3, 6])
def test_resumes_at_any_dispatch(source, start):
    whole = list(source.dispatches(5, 1, 16, 8))
    rest = list(source.dispatches(5, 1, 16, 8, start=start))
    assert len(whole) == 10
    assert len(rest) == len(whole) - start
    for a, b in zip(whole[start:], rest):
        np.testing.assert_array_equal(a["truth"], b["truth"])
        assert a["truth"].shape == (5, 16, 1)
        np.testing.assert_array_equal(a["truth"][..., 0], 2 * a["row"])


def test_take_keeps_order_and_repeats(sources):
    rows = np.array([[700, 3, 3], [0, 799, 5]])
    for source in sources.values():
        out = source.take(rows)
        np.testing.assert_array_equal(out["row"], np.flatnonzero(np.arange(N) % 5 != 0)[rows])
        assert out["truth"].shape == (2, 3, 1)


@pytest.mark.parametrize(("n", "batch", "steps"), [(54000, 512, 16), (99, 99, 9), (10, 64, 4), (97, 10, 99)])
def test_plan(n, batch, steps):
    cut = batches.plan(n, batch, steps)
    used = cut.batch_size * cut.steps * cut.dispatches
    assert cut.steps <= steps
    assert n - cut.batch_size * (cut.dispatches + 1) < used <= n
    assert 2 * cut.steps >= min(steps, n // cut.batch_size)


def test_plan_leaves_out_the_fewest():
    assert batches.plan(400_000, 512, 16) == (512, 11, 71)  # 781 batches = 11 * 71


def test_errors_of_the_thread_reach_the_caller(sources):
    def broken(events):
        raise InputError("bad.h5: truth/table row 3")

    source = batches.StreamSource(sources["stream"].path, np.arange(100), broken)
    with pytest.raises(InputError, match="row 3"):
        next(source.dispatches(0, 0, 10, 1))


def test_leaving_early_ends_the_thread(sources):
    for _ in sources["stream"].dispatches(0, 0, 10, 1):
        break


def test_stream_checks_the_whole_file(tmp_path):
    x = np.ones((20000, 2), np.float32)
    x[19000, 1] = np.nan
    path = str(tmp_path / "bad.h5")
    write(path, Events(reco=x, truth=x[:, :1]))
    with pytest.raises(InputError, match="row 19000, column x1"):
        batches.stream(path, np.arange(100), encode)
