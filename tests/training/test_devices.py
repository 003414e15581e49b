"""The same training on one device and on four virtual ones."""

import json
import os
import subprocess
import sys

import numpy as np
import toy_regression as toy

SCRIPT = """
import json, sys, jax, numpy as np
import toy_regression as toy
from jaxunfold.errors import InputError
curves = []
for count in (1, 4):
    curve = []
    def watch(event):
        if event.kind == "epoch":
            curve.append([event.train["loss"], event.valid["loss"]])
    workdir = None if count == 1 else sys.argv[1]
    loop = toy.make_loop(workdir, [watch], batch_size=40, devices=jax.local_devices()[:count])
    state = loop("fit", toy.init, toy.step, toy.evaluate)
    curves.append(curve)
assert len(state["params"]["w"].devices()) == 4
# What four devices saved, one restores.
loop = toy.make_loop(workdir, batch_size=40, devices=jax.local_devices()[:1])
one = loop("fit", toy.init, None, toy.evaluate)
assert toy.digest(one) == toy.digest(state)
try:
    toy.make_loop(None, batch_size=42)
except InputError as error:
    print(error, file=sys.stderr)
print(json.dumps(curves))
"""


def test_four_devices_follow_the_loss_curve_of_one(tmp_path):
    environment = os.environ | {
        "XLA_FLAGS": "--xla_force_host_platform_device_count=4",
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": os.pathsep.join([os.path.dirname(toy.__file__), os.environ.get("PYTHONPATH", "")]),
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    one, four = json.loads(done.stdout)
    assert len(one) == 10
    np.testing.assert_allclose(four, one, rtol=1e-4)
    assert done.stderr == "batch_size: expected a multiple of the 4 devices, got 42\n"
