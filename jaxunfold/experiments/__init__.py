"""The papers' experiments on a trained run, found by name in ``EXPERIMENTS``.

``train --config.experiment=NAME`` or ``evaluate --experiment NAME``. Each is (run, events with truth that it was not
trained on, folder, num_draws, seed) -> numbers, written into FOLDER/NAME.json beside a page with its figures. Cuts
and W' work with any method, the ramp with those of several networks.
"""

import importlib
import os
from pathlib import Path

from jaxunfold import cli
from jaxunfold.data.events import Events
from jaxunfold.errors import InputError
from jaxunfold.run import Run

EXPERIMENTS = ("cuts", "wprime", "ramp")
"""Files of this folder, loaded where they are asked for: they draw, and matplotlib takes a second of every start."""


def experiment_of(name: str):
    """What ``EXPERIMENTS`` names."""
    return importlib.import_module(f"{__name__}.{name}").experiment


def check_name(name: str) -> None:
    """Raise InputError for a name that is no experiment; "" is none."""
    if name and name not in EXPERIMENTS:
        raise InputError(f"experiment: expected one of {', '.join(EXPERIMENTS)}, found {name!r}")


def carry_out(
    name: str, run: Run, events: Events, out: str | os.PathLike, num_draws: int, seed: int
) -> dict[str, str]:
    """Do an experiment into OUT/NAME; a row of a command's summary, and none where the name is ""."""
    if not name:
        return {}
    cli.say(f"experiment {name}")
    folder = Path(out) / name
    experiment_of(name)(run, events, folder, num_draws, seed)
    return {f"experiment {name}": str(folder / "index.html")}
