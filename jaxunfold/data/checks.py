"""Checks of the values of an event sample: finite, physical, in GeV, weighted sensibly; vectorised.

Every function takes the path for its message and returns nothing, or raises InputError with one line that
names the file, the dataset, the row (from zero) and the column.
"""

from collections.abc import Sequence

import numpy as np

from jaxunfold.errors import InputError

COMPONENTS = ("E", "px", "py", "pz")
MASS_SHELL = 1e-5
"""Largest relative excess of |p| over E that is taken for rounding; float32 alone gives 1e-7."""
SQRT_S_GEV = 20_000.0
"""Taken where the file names none: half of it is the largest median energy believed to be in GeV."""


def check_finite(path: str, name: str, values: np.ndarray, names: Sequence[str] = (), first_row: int = 0) -> None:
    """No NaN, no infinity in values [n, ...]; ``first_row`` is the row number of values[0] in the file."""
    finite = np.isfinite(values)
    if finite.all():
        return
    bad = np.argwhere(~finite)
    where = tuple(int(i) for i in bad[0])
    column = f", column {names[where[1]]}" if len(where) > 1 else ""
    if len(where) > 2:
        column = f", {names[where[1]]} {COMPONENTS[where[2]]}"
    found = "NaN" if np.isnan(values[where]) else "infinity"
    rows = len(np.unique(bad[:, 0]))
    more = f" (and in {rows - 1} more rows)" if rows > 1 else ""
    raise InputError(
        f"{path}: {name} row {where[0] + first_row}{column} expected a finite number, found {found}{more}"
    )


def check_mass_shell(path: str, name: str, p: np.ndarray, names: Sequence[str], first_row: int = 0) -> None:
    """E >= |p| of every four-vector in p [n, m, 4] up to a relative 1e-5."""
    momentum = np.sqrt(np.einsum("nmi,nmi->nm", p[..., 1:], p[..., 1:]))
    bad = p[..., 0] < momentum * (1 - MASS_SHELL)
    if bad.any():
        row, particle = np.argwhere(bad)[0]
        raise InputError(
            f"{path}: {name} row {row + first_row}, {names[particle]} expected E >= |p| "
            f"up to a relative {MASS_SHELL:g}, "
            f"found E = {p[row, particle, 0]:.6g}, |p| = {momentum[row, particle]:.6g}"
        )


def check_mask(path: str, p: np.ndarray, mask: np.ndarray, names: Sequence[str], first_row: int = 0) -> None:
    """Objects that are absent by mask [n, m] are zero in p [n, m, 4], and those present are not."""
    filled = p.any(axis=-1)
    for bad, expected in ((filled & ~mask, "zeros where reco/mask is false"), (~filled & mask, "a momentum")):
        if bad.any():
            row, particle = np.argwhere(bad)[0]
            found, label = p[row, particle].tolist(), names[particle]
            raise InputError(
                f"{path}: reco/momenta row {row + first_row}, {label} expected {expected}, found {found}"
            )


def check_units(path: str, name: str, p: np.ndarray, sqrt_s_gev: float | None = None) -> None:
    """Energies of p [n, m, 4] are plausible in GeV: the median is neither above the beam's nor tiny."""
    energy = p[..., 0][p[..., 0] > 0]
    if not energy.size:
        return
    median = float(np.median(energy))
    beam = (sqrt_s_gev or SQRT_S_GEV) / 2
    found = f"a median energy of {median:.4g}" + (f" at sqrt_s_gev = {sqrt_s_gev:g}" if sqrt_s_gev else "")
    if median > beam:
        raise InputError(f"{path}: {name} expected GeV, found {found}: is it in MeV?")
    if sqrt_s_gev and median < 1e-4 * beam and sqrt_s_gev > 1000:
        raise InputError(f"{path}: {name} expected GeV, found {found}: is it in TeV?")


def check_weight_sum(path: str, total: float) -> None:
    """The sum of event weights is positive; single weights may be negative."""
    if not total > 0:
        raise InputError(f"{path}: weight expected a positive sum, found {total:.6g}")
