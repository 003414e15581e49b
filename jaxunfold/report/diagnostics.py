"""Transverse momentum balance and training curves."""

import numpy as np

from jaxunfold.metrics.balance import momentum_balance
from jaxunfold.metrics.compared import Compared
from jaxunfold.report import style
from jaxunfold.report.spectra import Spectrum

FLOOR = 1e-10


def balance_figure(data: Compared):
    """Relative momentum balance of truth, reco and draws, logarithmic; exact zeros at the lower end."""
    edges = np.geomspace(FLOOR, 1, 61)
    figure = style.new_figure(7, 4)
    ax = figure.subplots()
    truth = momentum_balance(data.truth_events)
    levels = [("truth", truth, data.weight, style.TRUTH, "-")]
    if data.reco_events is not None:
        columns = [data.reco_names.index(name) for name in data.match.values()]
        measured = momentum_balance(data.reco_events[:, columns])
        levels.append(("reco, corresponding objects", measured, data.weight, style.RECO, "--"))
    levels.append(("unfolded", momentum_balance(data.samples), data.draw_weight, style.UNFOLDED, "-"))
    for label, values, weight, colour, line in levels:
        clipped = np.clip(values.reshape(-1), FLOOR, 1)
        counts, _ = np.histogram(clipped, edges, weights=weight.reshape(-1))
        bars = Spectrum(edges, counts / weight.sum(), counts)
        ax.stairs(bars.values, edges, color=colour, ls=line, lw=1.6, label=f"{label} (largest {values.max():.1e})")
    ax.set(xscale="log", xlim=(edges[0], edges[-1]), ylabel="fraction of events or draws")
    ax.set_ylim(0, 1.45 * ax.get_ylim()[1])
    ax.set_xlabel(r"$\max_{x,y}\,|\sum_i p_i|\ /\ \sum_i(|p_{x,i}| + |p_{y,i}|)$")
    ax.legend(loc="upper left")
    return figure


def loss_series(history: list[dict]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """{name: (epoch, loss)} of the training and validation losses in metrics.jsonl, by stage if there are several."""
    series: dict[str, tuple[list, list]] = {}
    stages = {row["stage"] for row in history}
    for row in history:
        for part, words in (("train", "training"), ("valid", "validation")):
            value = row[part].get("loss")
            if value is not None and np.isfinite(value):
                key = f"{row['stage']}: {words}" if len(stages) > 1 else words
                x, y = series.setdefault(key, ([], []))
                x.append(row["epoch"])
                y.append(value)
    return {key: (np.array(x), np.array(y)) for key, (x, y) in series.items()}


def training_figure(history: list[dict]):
    """Losses of training and validation over epochs; None if the history has none."""
    series = loss_series(history)
    if not series:
        return None
    figure = style.new_figure(7, 4)
    ax = figure.subplots()
    for i, (name, (x, y)) in enumerate(series.items()):
        ax.plot(x, y, marker=".", color=style.SERIES[i % len(style.SERIES)], label=name.replace("_", " "))
    ax.set(xlabel="epoch", ylabel="loss")
    ax.legend()
    return figure
