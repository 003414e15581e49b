"""The papers' experiments on a trained run, found by name in ``EXPERIMENTS``.

``train --config.experiment=NAME`` or ``evaluate --experiment NAME``. Each is (run, events with truth that it was not
trained on, folder, num_draws, seed) -> numbers, written into FOLDER/NAME.json beside a page with its figures. They
work with any method.
"""

from jaxunfold.errors import InputError
from jaxunfold.experiments import cuts, wprime

EXPERIMENTS = {"cuts": cuts.experiment, "wprime": wprime.experiment}


def check_name(name: str) -> None:
    """Raise InputError for a name that is no experiment; "" is none."""
    if name and name not in EXPERIMENTS:
        raise InputError(f"experiment: expected one of {', '.join(EXPERIMENTS)}, found {name!r}")
