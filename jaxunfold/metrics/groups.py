"""Metrics in classes of events, such as the number of jets: which events belong to which, and the metrics of each."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool

from jaxunfold.errors import InputError
from jaxunfold.metrics.compared import Compared
from jaxunfold.metrics.summary import evaluate_metrics


def split_by(columns: Mapping[str, np.ndarray], groups: Mapping[str, Sequence]) -> dict[str, Bool[np.ndarray, " n"]]:
    """Which events belong to each class: {"n_jets": (2, 3)} makes {"n_jets=2": [n], "n_jets>=3": [n]}.

    Args:
      columns: {name: [n]}. groups: {name: lower edges}; a class reaches to the next edge, the last one has no end.
    Raises: InputError naming the column that is missing, or edges that do not rise.
    """
    out = {}
    for name, edges in groups.items():
        if name not in columns:
            raise InputError(f"evaluation.groups: expected columns among {tuple(columns)}, found {name!r}")
        edges = tuple(edges)
        if not edges or list(edges) != sorted(set(edges)):
            raise InputError(f"evaluation.groups.{name}: expected rising edges, found {edges}")
        for low, high in zip(edges, (*edges[1:], None)):
            values = columns[name]
            if high is None:
                out[f"{name}>={low}"] = values >= low
                continue
            whole = isinstance(low, int) and high == low + 1
            out[f"{name}={low}" if whole else f"{low}<={name}<{high}"] = (values >= low) & (values < high)
    return out


def restrict(data: Compared, rows: np.ndarray) -> Compared:
    """The events of an index array or a boolean array, with their draws."""
    if not data.paired:
        raise InputError("evaluation.groups: expected draws of each event, found one sample for all of them")

    def cut(x):
        return None if x is None else x[rows]

    return data._replace(
        truth={name: x[rows] for name, x in data.truth.items()},
        draws={name: x[rows] for name, x in data.draws.items()},
        reco={name: x[rows] for name, x in data.reco.items()},
        weight=data.weight[rows], draw_weight=data.draw_weight[rows], truth_events=data.truth_events[rows],
        samples=data.samples[rows], reco_events=cut(data.reco_events), mask=cut(data.mask), member=cut(data.member),
    )  # fmt: skip


def group_metrics(data: Compared, members: Mapping[str, np.ndarray], seed: int = 0, **options) -> dict[str, dict]:
    """``evaluate_metrics`` of each class with two events or more, without the classifier: its area depends on n.

    Args:
      data: All events. members: From ``split_by``. seed, options: Of ``evaluate_metrics``.
    """
    out = {}
    for label, rows in members.items():
        if np.count_nonzero(rows) >= 2:
            found = evaluate_metrics(restrict(data, rows), seed=seed, classifier_events=0, **options)
            out[label] = {key: value for key, value in found.items() if not key.startswith("classifier")}
    return out
