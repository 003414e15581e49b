"""Which measured objects belong to a resonance where radiation adds others to them: the pair closest to its mass."""

from collections.abc import Sequence
from itertools import combinations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxunfold.errors import InputError
from jaxunfold.physics import fourvectors as fv
from jaxunfold.physics.fourvectors import pair_mass


def closest_pair(momenta: Float[Array, "m 4"], among: Sequence[int], mass: float) -> Float[Array, "2 4"]:
    """Two objects, the one with more pT first, whose mass is closest to the given one by ratio.

    Args:
      momenta: Measured objects, zero where absent. among: positions of those to choose from. mass: GeV.
    Returns: The pair; the first two of ``among`` where there are not two objects.
    """
    first, second = np.array(list(combinations(among, 2))).T
    there = momenta[:, 0] > 0
    safe = jnp.where(there[:, None], momenta, jnp.asarray([1.0, 1.0, 0.0, 0.0], momenta.dtype))
    distance = jnp.abs(jnp.log(pair_mass(safe[first], safe[second]) / mass))
    best = jnp.argmin(jnp.where(there[first] & there[second], distance, jnp.inf))
    pair = momenta[jnp.stack([jnp.asarray(first)[best], jnp.asarray(second)[best]])]
    return jnp.where(fv.pt(pair)[0] >= fv.pt(pair)[1], pair, pair[::-1])


def check_among(option: str, among: Sequence[str], labels: Sequence[str]) -> list[int]:
    """Positions of the objects to choose from. Raises: InputError naming the option."""
    missing = [label for label in among if label not in labels]
    if len(among) < 2 or missing:
        raise InputError(f"{option}: expected two or more reco objects of {tuple(labels)}, found {tuple(among)}")
    return [list(labels).index(label) for label in among]
