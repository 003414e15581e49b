"""One training in two processes on this machine: the loss curve of one process, and errors that all of them raise."""

import json
import os
import sys

import numpy as np
import pytest
import toy_regression as toy

from jaxunfold.errors import InputError
from jaxunfold.training import processes

SCRIPT = """
import json, sys, jax
import toy_regression as toy
from jaxunfold.errors import InputError
from jaxunfold.training import processes
port, number, workdir, other = sys.argv[1:]
processes.join(f"127.0.0.1:{port}", 2, int(number))
curve = []
def watch(event):
    if event.kind == "epoch":
        curve.append([event.train["loss"], event.valid["loss"]])
state = toy.make_loop(workdir, [watch], batch_size=40)("fit", toy.init, toy.step, toy.evaluate)
again = toy.make_loop(workdir, batch_size=40)("fit", toy.init, None, toy.evaluate)
assert toy.digest(again) == toy.digest(state)
try:  # process 1 does not see what process 0 has
    toy.make_loop([workdir, other][int(number)], batch_size=40)("fit", toy.init, toy.step, toy.evaluate)
except InputError as error:
    line = str(error)
alone = jax.jit(lambda tree: jax.tree.map(lambda x: x + 1, tree))(state["params"])
count = jax.process_count()
processes.leave()
print(json.dumps([curve, toy.digest(state), count, line]))
"""


def test_two_processes_follow_the_loss_curve_of_one(tmp_path, port, run_together):
    path = os.pathsep.join([os.path.dirname(toy.__file__), os.environ.get("PYTHONPATH", "")])
    folders = [str(tmp_path / "run"), str(tmp_path / "other")]
    commands = [[sys.executable, "-c", SCRIPT, str(port), str(number), *folders] for number in range(2)]
    out = run_together(commands, PYTHONPATH=path)
    (curve, digest, count, line), other = (json.loads(stdout.splitlines()[-1]) for stdout, _ in out)
    assert other == [curve, digest, count, line]
    assert count == 2
    assert line == "--workdir: steps done in its checkpoints: expected the same in all processes, found 250, 0"

    alone = []
    loop = toy.make_loop(
        None,
        [lambda e: alone.append([e.train["loss"], e.valid["loss"]]) if e.kind == "epoch" else None],
        batch_size=40,
    )
    loop("fit", toy.init, toy.step, toy.evaluate)
    np.testing.assert_allclose(curve, alone, rtol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((None, 2, 0), "--processes, --process-id: expected --coordinator HOST:PORT beside them, found none"),
        (("localhost", 2, 0), "--coordinator: expected HOST:PORT or auto, found 'localhost'"),
        (("localhost:70000", 2, 0), "--coordinator: expected HOST:PORT or auto, found 'localhost:70000'"),
        (("localhost:1", None, 0), "--processes: expected how many there are, found None"),
        (("localhost:1", 2, 2), "--process-id: expected 0 to 1, found 2"),
        (("auto", 2, None), "--coordinator auto: expected no --processes and --process-id, which the cluster knows"),
    ],
)
def test_what_cannot_be_joined_is_refused(arguments, line):
    with pytest.raises(InputError) as error:
        processes.join(*arguments)
    assert str(error.value) == line
