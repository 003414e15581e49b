"""A condition that must not be empty."""

from jaxunfold.errors import InputError
from jaxunfold.types import Spec


def require_measured(spec: Spec, name: str) -> None:
    """Raise InputError where nothing is measured of an event: such a run generates, and this method unfolds only."""
    if not spec.cond_dim:
        raise InputError(
            f"preprocess.features.kind: expected features of what is measured, which {name!r} unfolds, found 'none'"
        )
