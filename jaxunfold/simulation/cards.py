"""Detector cards: the numbers of a fast detector, as plain data.

A card is a frozen dataclass of numbers and tables. A table row reads (|eta| up to, ..., values); the first
row whose bounds hold is the one that applies, and beyond the last row the value is zero. ``ATLAS_333``
holds the published numbers of the ATLAS card of Delphes 3.3.3 (J. de Favereau et al., arXiv:1307.6346),
the version that the unfolding papers used. Another detector is another card: ``dataclasses.replace(ATLAS_333,
bz_tesla=3.8)``.
"""

from dataclasses import asdict, dataclass, fields
from typing import Any

from jaxunfold.errors import InputError

Rows = tuple[tuple[float | int, ...], ...]


@dataclass(frozen=True)
class Calorimeter:
    """One calorimeter: its towers, thresholds and resolution.

    towers: (eta edge, number of towers in phi of the ring that ends there), by increasing eta; the first
    row only
      opens the first ring.
    resolution: (|eta| up to, constant c, stochastic s, noise n): sigma(E) = sqrt((c E)^2 + s^2 E + n^2) in
    GeV.
    fractions: (|PDG code|, share of the energy deposited here); code 0 is every particle without a row of
    its own.
    """

    towers: Rows
    resolution: Rows
    fractions: Rows
    energy_min_gev: float
    significance_min: float


@dataclass(frozen=True)
class Card:
    """A detector: a solenoid, track efficiencies and resolutions, two calorimeters, object definitions.

    *_efficiency: (|eta| up to, pT up to in GeV, efficiency).
    *_resolution: (|eta| up to, a, b): sigma(pT) / pT = sqrt(a^2 + (b pT)^2).
    """

    name: str
    radius_m: float
    half_length_m: float
    bz_tesla: float
    hadron_track_efficiency: Rows
    electron_track_efficiency: Rows
    hadron_track_resolution: Rows
    electron_track_resolution: Rows
    ecal: Calorimeter
    hcal: Calorimeter
    electron_efficiency: Rows
    photon_efficiency: Rows
    isolation_dr: float
    isolation_pt_min_gev: float
    isolation_ratio_max: float
    jet_radius: float
    jet_pt_min_gev: float
    jet_scale: tuple[float, float]
    """(a, b): a jet is scaled by sqrt((a - b |eta|)^2 / pT + 1)."""


INF = float("inf")


def _rings(*groups: tuple[int, list]) -> Rows:
    """Tower rings from (number of towers in phi, eta edges), merged into one increasing list of edges."""
    return tuple(sorted((float(eta), float(n)) for n, edges in groups for eta in edges))


_FINE = [i * 0.0174 for i in range(-85, 87)]
_ENDCAPS = [-2.958 + i * 0.0174 for i in range(1, 85)] + [1.4964 + i * 0.0174 for i in range(1, 85)]
_FORWARD = [-5, -4.7, -4.525, -4.35, -4.175, -4, -3.825, -3.65, -3.475, -3.3, -3.125, -2.958]
_FORWARD += [3.125, 3.3, 3.475, 3.65, 3.825, 4, 4.175, 4.35, 4.525, 4.7, 5]
_HADRONIC = [-3.2, *(i / 10 for i in range(-25, 27)), 3.3]
_HADRONIC_FORWARD = [-4.9, -4.7, -4.5, -4.3, -4.1, -3.9, -3.7, -3.5, -3.3, -3, -2.8, -2.6]
_HADRONIC_FORWARD += [2.8, 3, 3.2, 3.5, 3.7, 3.9, 4.1, 4.3, 4.5, 4.7, 4.9]
_INVISIBLE = tuple((float(code), 0.0) for code in (12, 13, 14, 16, 1000022, 1000023, 1000025, 1000035, 1000045))
_OBJECTS = ((1.5, 10.0, 0.0), (1.5, INF, 0.95), (2.5, 10.0, 0.0), (2.5, INF, 0.85))

ATLAS_333 = Card(
    name="ATLAS, Delphes 3.3.3",
    radius_m=1.15,
    half_length_m=3.51,
    bz_tesla=2.0,
    hadron_track_efficiency=(
        (1.5, 0.1, 0.0),
        (1.5, 1.0, 0.70),
        (1.5, INF, 0.95),
        (2.5, 0.1, 0.0),
        (2.5, 1.0, 0.60),
        (2.5, INF, 0.85),
    ),
    electron_track_efficiency=(
        (1.5, 0.1, 0.0),
        (1.5, 1.0, 0.73),
        (1.5, 100.0, 0.95),
        (1.5, INF, 0.99),
        (2.5, 0.1, 0.0),
        (2.5, 1.0, 0.50),
        (2.5, 100.0, 0.83),
        (2.5, INF, 0.90),
    ),
    hadron_track_resolution=((0.5, 0.06, 1.3e-3), (1.5, 0.10, 1.7e-3), (2.5, 0.25, 3.1e-3)),
    electron_track_resolution=((0.5, 0.03, 1.3e-3), (1.5, 0.05, 1.7e-3), (2.5, 0.15, 3.1e-3)),
    ecal=Calorimeter(
        towers=_rings((360, _FINE), (360, _ENDCAPS), (36, _FORWARD)),
        resolution=((3.2, 0.0017, 0.101, 0.0), (4.9, 0.0350, 0.285, 0.0)),
        fractions=((0, 0.0), (11, 1.0), (22, 1.0), (111, 1.0), (310, 0.3), (3122, 0.3), *_INVISIBLE),
        energy_min_gev=0.5,
        significance_min=2.0,
    ),
    hcal=Calorimeter(
        towers=_rings((36, _HADRONIC), (18, _HADRONIC_FORWARD)),
        resolution=((1.7, 0.0302, 0.5205, 1.59), (3.2, 0.0500, 0.706, 0.0), (4.9, 0.09420, 1.00, 0.0)),
        fractions=((0, 1.0), (11, 0.0), (22, 0.0), (111, 0.0), (310, 0.7), (3122, 0.7), *_INVISIBLE),
        energy_min_gev=1.0,
        significance_min=2.0,
    ),
    electron_efficiency=_OBJECTS,
    photon_efficiency=_OBJECTS,
    isolation_dr=0.5,
    isolation_pt_min_gev=0.5,
    isolation_ratio_max=0.12,
    jet_radius=0.6,
    jet_pt_min_gev=20.0,
    jet_scale=(3.0, 0.2),
)


def to_dict(card: Card) -> dict[str, Any]:
    """A card as nested dictionaries, as configs hold it: any number can be overridden there."""
    return asdict(card)


def from_dict(values: dict[str, Any]) -> Card:
    """A card from nested dictionaries. Raises InputError for a field that is missing or unknown."""
    for part, kind in (
        (values, Card),
        (values.get("ecal", {}), Calorimeter),
        (values.get("hcal", {}), Calorimeter),
    ):
        expected, found = {f.name for f in fields(kind)}, set(part)
        if expected != found:
            raise InputError(
                f"detector card: expected the fields of {kind.__name__}, wrong: {sorted(expected ^ found)}"
            )
    calorimeters = {key: Calorimeter(**values[key]) for key in ("ecal", "hcal")}
    return Card(**{**values, **calorimeters})
