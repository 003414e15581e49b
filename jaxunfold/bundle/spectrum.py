"""A histogram of unfolded draws with the covariance between its bins, from a result bundle."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import hist
import numpy as np

from jaxunfold.bundle.files import Result, expression_of, values
from jaxunfold.errors import InputError
from jaxunfold.metrics import covariance

SCALES = ("events", "density", "normalised")


class Spectrum(NamedTuple):
    """An unfolded spectrum.

    observable, unit: its expression and unit. edges: [b + 1]. values: [b], by ``scale``: events in a bin, events per
    unit ("density"), or a density of area one within the bins ("normalised").
    covariances: {part: [b, b]}, which add up; see ``metrics.covariance``. below, above: events outside of the bins.
    n_events: measured events; outside: of them outside of the training's support, None where that is not known.
    """

    observable: str
    unit: str
    edges: np.ndarray
    values: np.ndarray
    covariances: dict[str, np.ndarray]
    scale: str
    below: float
    above: float
    n_events: int
    outside: int | None

    @property
    def covariance(self) -> np.ndarray:
        """The sum of all parts, [b, b]."""
        return np.sum(list(self.covariances.values()), axis=0)

    @property
    def errors(self) -> np.ndarray:
        """Square roots of the diagonal, [b]."""
        return np.sqrt(np.maximum(np.diag(self.covariance), 0))


def read_bins(text: str) -> np.ndarray:
    """Edges of "60,70,80,100", or of "60:100:20", which is low, high and the number of bins.

    Raises: InputError unless they rise.

    Example:
      >>> read_bins("60:100:4")
      array([ 60.,  70.,  80.,  90., 100.])
    """
    try:
        if ":" in text:
            low, high, number = text.split(":")
            edges = np.linspace(float(low), float(high), int(number) + 1)
        else:
            edges = np.array([float(part) for part in text.split(",")])
    except ValueError:
        edges = np.zeros(0)
    if len(edges) < 2 or not np.isfinite(edges).all() or not (np.diff(edges) > 0).all():
        raise InputError(f"--bins: expected LOW:HIGH:NUMBER or rising edges LOW,...,HIGH, found {text!r}")
    return edges


def spectra(result: Result, observables: Sequence[str], edges: Sequence[np.ndarray], scale: str = "events"):
    """The ``Spectrum`` of each observable, all in one pass over the file.

    Raises: InputError for an expression, or a scale, that is none, or an observable that is not finite.
    """
    if scale not in SCALES:
        raise InputError(f"scale: expected one of {', '.join(SCALES)}, found {scale!r}")
    columns = values(result, observables)
    return [_spectrum(result, *each, scale) for each in zip(observables, columns, edges)]


def _spectrum(result: Result, observable: str, draws: np.ndarray, edges: np.ndarray, scale: str) -> Spectrum:
    if not np.isfinite(draws).all():
        row = int(np.argwhere(~np.isfinite(draws))[0][0])
        raise InputError(f"{result.path}: {observable} expected finite numbers, found others in event {row}")
    weight = result.draw_weight
    counts = covariance.spectrum(draws, weight, edges)
    if result.paired:
        parts = {"data": covariance.data_covariance(draws, weight, edges)}
    else:
        parts = {"simulation": covariance.data_covariance(draws[0], weight[0], edges)}
    if result.member is not None and len(kinds := np.unique(result.member)) > 1:
        each = np.stack([covariance.spectrum(draws, weight * (result.member == m), edges) for m in kinds])
        parts["network"] = covariance.replica_covariance(each * len(kinds))
    jacobian = _jacobian(counts, edges, scale)
    scaled = counts if scale == "events" else counts / np.diff(edges)
    if scale == "normalised":
        scaled = scaled / counts.sum()
    n_events = len(result.in_support) if result.in_support is not None else int(result.attrs["events"])
    return Spectrum(
        observable, expression_of(result, observable).unit, edges, scaled,
        {name: jacobian @ part @ jacobian.T for name, part in parts.items()}, scale,
        float(weight[draws < edges[0]].sum()), float(weight[draws > edges[-1]].sum()), n_events, result.outside,
    )  # fmt: skip


def _jacobian(counts: np.ndarray, edges: np.ndarray, scale: str) -> np.ndarray:
    """Derivative of the scaled bins by the counts."""
    if scale == "events":
        return np.eye(len(counts))
    width = np.diff(edges)[:, None]
    if scale == "density":
        return np.eye(len(counts)) / width
    total = counts.sum()
    if not total > 0:
        raise InputError(f"bins: expected a positive number of events in them to normalise by, found {total:g}")
    return (np.eye(len(counts)) - (counts / total)[:, None]) / (total * width)


def to_hist(spectrum: Spectrum) -> hist.Hist:
    """A hist histogram with the values and the variances; its flow bins are the events outside of the bins."""
    axis = hist.axis.Variable(spectrum.edges, name="x", label=label(spectrum))
    out = hist.Hist(axis, storage=hist.storage.Weight())
    view = out.view(flow=False)
    view["value"], view["variance"] = spectrum.values, spectrum.errors**2
    if spectrum.scale == "events":
        full = out.view(flow=True)
        full["value"][0], full["value"][-1] = spectrum.below, spectrum.above
    return out


def label(spectrum: Spectrum) -> str:
    """The observable with its unit."""
    return f"{spectrum.observable} [{spectrum.unit}]" if spectrum.unit else spectrum.observable


def to_dict(spectrum: Spectrum) -> dict[str, Any]:
    """Everything as lists and numbers, for JSON."""
    out = {
        key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in spectrum._asdict().items()
    }
    out["covariances"] = {name: part.tolist() for name, part in spectrum.covariances.items()}
    return out | {"covariance": spectrum.covariance.tolist(), "errors": spectrum.errors.tolist()}
