"""Symmetries of proton-proton collisions, by which paired events can be multiplied for training.

Both beams are protons and the detector has a front and a back: z -> -z is exact. Reflection at a plane through
the beam (y -> -y) is a symmetry of momenta alone, up to absorptive phases, which are absent at tree level.
"""

import numpy as np

from jaxunfold.errors import InputError

REFLECTIONS = {"x": 1, "y": 2, "z": 3}


def reflect(momenta: np.ndarray, axis: str) -> np.ndarray:
    """The momenta [..., 4] with one component reversed.

    Raises: InputError if the axis is not x, y or z.
    """
    if axis not in REFLECTIONS:
        raise InputError(f"augment: expected axes among {', '.join(REFLECTIONS)}, found {axis!r}")
    out = momenta.copy()
    out[..., REFLECTIONS[axis]] *= -1
    return out
