"""The comparison with other libraries works: ours, small and in this process, and the limit; no time is judged."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks import flows, limit, sampling, unfolding, unfolding_page
from benchmarks.peers import architecture as arch
from benchmarks.peers import page, worker


@pytest.fixture(scope="module")
def state():
    state = {}
    found = worker.answer(state, "jaxunfold", {"do": "build", "architecture": "smoke"})
    # scales, biases and permutations of the components beside the networks
    extra = 3 * arch.ARCHITECTURES["smoke"].dim * arch.ARCHITECTURES["smoke"].blocks
    assert found["parameters"] == arch.parameters(arch.ARCHITECTURES["smoke"]) + extra
    return state


@pytest.mark.parametrize(("task", "of"), [("train", [32, 2]), ("log_prob", [64]), ("sample", [4, 3])])
def test_ours(state, task, of):
    worker.answer(state, "jaxunfold", {"do": "prepare", "task": task, "of": of})
    found = worker.answer(state, "jaxunfold", {"do": "run", "task": task, "of": of})
    assert set(found) == {"cpu", "wall", "peak_mib", "value"}
    # -log p of standard normal columns under a flow that starts near the identity
    assert abs(found["value"] - {"train": 17.0, "log_prob": -17.0, "sample": 0.0}[task]) < 2.5


def test_least_work():
    """One block by hand: 2 + 3 -> 4 -> 2 x 2, condition 1 -> 3."""
    a = arch.Architecture(blocks=1, hidden=4, layers=1, cond_layers=0, cond_units=0, cond_size=3, dim=4, features=1)
    assert arch.condition_shapes(a) == [(1, 3)]
    assert arch.block_shapes(a) == [(5, 4), (4, 4)]
    assert arch.parameters(a) == 3 + 3 + 20 + 4 + 16 + 4
    assert arch.log_prob_flops(a, 10) == 2 * 10 * (3 + 36)
    # 12 of the 36 multiply the condition
    assert arch.sample_flops(a, 2, 5) == 2 * 2 * (3 + 12 + 5 * 24)


def test_thesis_has_its_size():
    assert arch.parameters(arch.ARCHITECTURES["affine"]) == pytest.approx(4.6e6, rel=0.01)
    assert arch.parameters(arch.ARCHITECTURES["affine_2M"]) == pytest.approx(2e6, rel=0.02)


def test_limit(state):
    shape = (32, 32, 32)
    assert limit.rate(limit.blas(*shape), shape, 0.001) > 0
    assert limit.rate(state["peer"].gemm(*shape), shape, 0.001) > 0


def test_page_without_a_peer():
    """A library that is not there is a line that says so."""
    ours = {"cpu": 2.0, "wall": 2.0, "ratio": 1.0, "ratios": [], "compile_cpu": 1.0, "peak_mib": 3.0}
    task = {"task": "log_prob", "of": [64], "flops": 1e9, "bytes": 1e6, "rows": {"jaxunfold": ours}}
    built = {"jaxunfold": {"parameters": 7}, "zuko": {"missing": "not installed"}}
    result = {"built": built, "gemm": {"1 x 1 x 1": {"numpy": 5.0}}, "tasks": [task]}
    lines = page.table(result).splitlines()
    assert "| zuko | not installed | | | | | | |" in lines
    # 1 GFLOP in 2 s of 5 GFLOP/s
    assert any("| 10 % |" in line for line in lines)
    assert page.best_peer(task["rows"]) is None


def test_turns_are_epochs():
    """Every row once an epoch, but for the incomplete last batch, and another order in the next."""
    rows = arch.turns(10, 3, seed=0)
    first, second = (np.concatenate([next(rows) for _ in range(3)]) for _ in range(2))
    assert len(set(first)) == len(set(second)) == 9
    assert set(first) <= set(range(10))
    assert (first != second).any()


def test_time_to_quality():
    """A row that got there, one that did not and one that is not installed, each said as what it is."""
    good = {"cpu": 20.0, "wall": 21.0, "epochs": 1, "updates": None, "ks": 0.04, "marginal": 0.51, "joint": 0.6}
    bad = {"cpu": 900.0, "wall": 901.0, "updates": 7, "ks": 0.2, "marginal": None, "joint": None}
    assert unfolding_page.reached(good)
    assert not unfolding_page.reached(good | {"marginal": 0.53})
    assert not unfolding_page.reached(good | {"ks": 0.06})
    peers = {"a": {"looks": [bad]}, "b": {"missing": "not installed"}}
    lines = unfolding_page.table({"ours": {"jaxunfold": [[bad | good]]}, "peers": peers}).splitlines()
    assert "| a | not within 900 | 901 | more than 45.0 | 7 updates | - | - | 0.200 |" in lines
    assert "| b | not installed | | | | | | |" in lines


def test_our_whole_recipe():
    """From an event file to a judged run, in a process of its own."""
    (look,) = unfolding.smoke()
    assert look["cpu"] > 0
    assert 0 < look["ks"] < 1
    assert 0.4 < look["marginal"] < 1


@pytest.mark.parametrize(
    ("module", "words", "message"),
    [
        (flows, ["--names", "nobody"], "--names: expected some of 'jaxunfold'"),
        (flows, ["--architectures", "huge"], "--architectures: expected some of 'affine'"),
        (flows, ["--names", "zuko", "--peers", "/no/python"], "--peers: expected a Python that has zuko"),
        (sampling, ["--sizes", "15"], "--sizes: expected EVENTSxDRAWS"),
        (unfolding, ["--rows", "nobody, momenta"], "--rows: expected some of 'jaxunfold'"),
    ],
)
def test_bad_arguments_are_one_line_and_status_2(monkeypatch, capsys, module, words, message):
    monkeypatch.setattr("sys.argv", [module.__name__, *words])
    with pytest.raises(SystemExit) as stop:
        module.main()
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()[-1:]
    assert line.startswith(f"error: {message}")
