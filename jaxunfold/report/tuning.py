"""What a search over settings found: its history, and the loss over every setting."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib import ticker

from jaxunfold.report import style

COLUMNS = 4


class Trial(NamedTuple):
    """One training of a search.

    number: in the order of starts. parameters: {key of the config: value}.
    value: validation loss at its end, or where it was stopped; None for one that diverged before its first epoch.
    pruned: stopped early. seconds: of training.
    """

    number: int
    parameters: dict[str, Any]
    value: float | None
    pruned: bool
    seconds: float


def limits(values: Sequence[float], own: float, best: float) -> tuple[float, float]:
    """Limits of the loss axis that show the good half well: a few trials that went wrong must not flatten it."""
    top = max(float(np.quantile(values, 0.75)), own)
    room = 0.1 * (top - best) or 0.1
    return best - room, top + 3 * room


def draw_history(ax, shown: Sequence[Trial], low: float, high: float) -> None:
    """Loss of every trial in their order, and the best so far as a line."""
    best = np.minimum.accumulate([np.inf if t.pruned else t.value for t in shown])
    ax.step([t.number for t in shown], best, where="post", color=style.UNFOLDED, lw=1.3, label="best so far")
    draw_trials(ax, [t.number for t in shown], shown, low, high)
    ax.set(xlabel="trial", ylabel="validation loss", ylim=(low, high))
    ax.set_xlim(-0.03 * shown[-1].number - 0.3, 1.03 * shown[-1].number + 0.3)
    ax.xaxis.set_major_locator(ticker.MaxNLocator(10, integer=True))


def draw_trials(ax, at: Any, shown: Sequence[Trial], low: float, high: float) -> None:
    """Trials as points, pruned ones open; what lies above the axis as small triangles at its edge."""
    at, value = np.asarray(at, float), np.array([t.value for t in shown])
    pruned, above = np.array([t.pruned for t in shown]), value > high
    whole, stopped = ~pruned & ~above, pruned & ~above
    ax.plot(at[stopped], value[stopped], "o", ms=4, mfc="none", color=style.TRUTH, alpha=0.6, label="pruned")
    ax.plot(at[whole], value[whole], "o", ms=4.5, color=style.RECO, label="finished")
    edge = np.full(above.sum(), high - 0.03 * (high - low))
    ax.plot(at[above], edge, "^", ms=4, mfc="none", color=style.TRUTH, alpha=0.6, label="off the axis")
    own, best = shown[0], min((t for t in shown if not t.pruned), key=lambda t: t.value)
    ax.plot(at[0], own.value, "s", ms=7, color=style.TRUTH, label="the config's own", zorder=3)
    ax.plot(at[shown.index(best)], best.value, "*", ms=13, color=style.UNFOLDED, label="best", zorder=4)


def draw_slice(ax, key: str, kind: str, shown: Sequence[Trial], low: float, high: float) -> None:
    """Loss over one setting; choices stand beside each other, a little apart from trial to trial."""
    values = [t.parameters[key] for t in shown]
    if kind == "choice":
        options = sorted(set(values), key=lambda x: (isinstance(x, str), x))
        spread = np.random.default_rng(0).uniform(-0.15, 0.15, len(shown))
        draw_trials(ax, np.array([options.index(v) for v in values]) + spread, shown, low, high)
        ax.set_xticks(range(len(options)), [str(o) for o in options])
        ax.set_xlim(-0.5, len(options) - 0.5)
    elif kind == "log":
        draw_trials(ax, values, shown, low, high)
        ax.set_xscale("log")
        ratio = max(max(values) / min(values), 1.1)
        ax.set_xlim(min(values) / ratio**0.08, max(values) * ratio**0.08)
        ax.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 3) if ratio < 100 else (1,)))
        ax.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
        ax.xaxis.set_minor_formatter(ticker.NullFormatter())
    else:
        draw_trials(ax, values, shown, low, high)
        room = 0.08 * (max(values) - min(values)) or 0.5
        ax.set_xlim(min(values) - room, max(values) + room)
        ax.xaxis.set_major_locator(ticker.MaxNLocator(5, integer=all(isinstance(v, int) for v in values)))
    ax.set(xlabel=key, ylim=(low, high))


def tuning_figure(trials: Sequence[Trial], kinds: Mapping[str, str]):
    """The history above, one panel per setting below.

    Args:
      trials: In order, the first with the config's own settings and not pruned.
      kinds: {key: "linear", "log" or "choice"}.
    """
    shown = [t for t in trials if t.value is not None]
    finished = [t.value for t in shown if not t.pruned]
    low, high = limits([t.value for t in shown], shown[0].value, min(finished))
    rows = -(-len(kinds) // COLUMNS)
    figure = style.new_figure(2.9 * COLUMNS, 3.0 + 2.4 * rows)
    grid = figure.add_gridspec(1 + rows, COLUMNS, height_ratios=[1.25] + [1] * rows)
    history = figure.add_subplot(grid[0, :])
    draw_history(history, shown, low, high)
    for i, (key, kind) in enumerate(kinds.items()):
        ax = figure.add_subplot(grid[1 + i // COLUMNS, i % COLUMNS])
        draw_slice(ax, key, kind, shown, low, high)
        if i % COLUMNS == 0:
            ax.set_ylabel("validation loss")
        else:
            ax.tick_params(labelleft=False)
    figure.legend(*history.get_legend_handles_labels(), loc="outside upper center", ncols=6)
    return figure


def write_figure(directory: str, trials: Sequence[Trial], kinds: Mapping[str, str]) -> None:
    """Write DIRECTORY/tuning.png and tuning.pdf."""
    with style.context():
        style.save(tuning_figure(trials, kinds), directory, "tuning")
