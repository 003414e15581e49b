"""A resonance that the training never saw, injected into the measured events: is it found where it is?

Bellagente et al., arXiv:1912.00477, section 4, Fig. 10: pp -> W' -> Z W with a mass of 1300 GeV and a width of 15 GeV
as a tenth of the sample.
"""

import dataclasses
import json
from functools import partial
from pathlib import Path

import numpy as np

from jaxunfold import cli
from jaxunfold.data.events import Events, concatenate, read
from jaxunfold.data.location import resolve
from jaxunfold.errors import InputError
from jaxunfold.evaluation import compared, suited, unfold_with_progress
from jaxunfold.experiments.cuts import chosen
from jaxunfold.metrics.compared import Compared
from jaxunfold.metrics.groups import restrict
from jaxunfold.metrics.quantiles import median_and_width
from jaxunfold.metrics.regions import follows
from jaxunfold.report import regions, style, tables
from jaxunfold.report.page import draw, subsample, write_page
from jaxunfold.run import Run

SAMPLE, SHARE, MASS = "sample:wprime", 0.1, 1300.0
"""Where the events are (a config's ``wprime`` replaces it), their share of the sample, their mass in GeV."""
TOTAL, WINDOW = "m_total", (1100.0, 1500.0)


def injected(background: Events, signal: Events, share: float = SHARE) -> tuple[Events, np.ndarray]:
    """A sample of which the signal is this share, as large as both allow, and which events are signal."""
    size = int(min(len(background) / (1 - share), len(signal) / share))
    count = round(share * size)
    if count < 2 or size - count < 2:
        raise InputError(
            f"wprime: expected events enough for a share of {share:g}, found {len(signal)} of the signal"
        )
    # one path, so that messages name the sample that is unfolded
    parts = [dataclasses.replace(e, path="") for e in (background[: size - count], signal[:count])]
    return concatenate(parts), np.arange(size) >= size - count


def peak_in_window(values, weight) -> dict:
    """Share of a sample in the window around the resonance, and median and width of what lies there."""
    flat, w = values.reshape(-1), np.broadcast_to(weight, values.shape).reshape(-1)
    inside = (flat > WINDOW[0]) & (flat < WINDOW[1])
    median, width = median_and_width(flat[inside], w[inside]) if inside.sum() > 1 else (None, None)
    return {"share": float(w[inside].sum() / w.sum()), "median": median, "width": width}


def experiment(run: Run, events: Events, folder: Path, num_draws: int, seed: int = 0) -> dict:
    """Unfold the events with a tenth of W' events among them; write FOLDER/wprime.json and FOLDER/index.html.

    Returns: {"events", "injected": number of W' events, "peak": {"truth", "unfolded"}: median of the W' events' mass
      and half of its central 68 per cent in GeV, unfolded only where a method unfolds single events, "window": the
      same of all events within ``WINDOW``, "observables": as in ``metrics.regions.follows``, beside the sample
      without W'}.
    Raises: InputError for a table, or W' events that do not fit the run.
    """
    if run.problem.kind == "table":
        raise InputError("experiment wprime: expected events with momenta, found a table")
    signal = read(resolve(run.config.get("wprime") or SAMPLE), require_truth=True)
    background, signal = suited(run, events), suited(run, signal)
    mixed, is_signal = injected(background, signal)
    everything = {**run.resonances, "total": run.problem.truth_names}
    data = compared(run, mixed, unfold_with_progress(run, mixed, num_draws, seed), everything)
    plain = np.flatnonzero(~is_signal)
    standard = data._replace(truth={k: v[plain] for k, v in data.truth.items()}, weight=data.weight[plain])
    names = [*chosen(data)[:1], *(x for x in data.truth if x.startswith("pt_e"))][:2]
    names += [name for name in chosen(data) if name.startswith("m_")] + [TOTAL]
    numbers = {
        "events": len(mixed),
        "injected": int(is_signal.sum()),
        "peak": {"truth": dict(zip(("median", "width"), median_and_width(data.truth[TOTAL][is_signal])))},
        "window": {
            "truth": peak_in_window(data.truth[TOTAL], data.weight),
            "unfolded": peak_in_window(data.draws[TOTAL], data.draw_weight),
        },
        "observables": {name: follows(data, standard, name, seed) for name in names},
    }
    signal_only = restrict(data, is_signal) if data.paired else None
    if signal_only is not None:
        draws, weight = signal_only.draws[TOTAL].reshape(-1), signal_only.draw_weight.reshape(-1)
        median, width = median_and_width(draws, weight)
        numbers["peak"]["unfolded"] = {"median": median, "width": width, "off": median / MASS - 1}
    folder = Path(cli.check_writable_dir(folder))
    (folder / "wprime.json").write_text(json.dumps(numbers, indent=2))
    planned = [(style.Plot("spectra", "The whole sample", WHOLE), partial(spectra, subsample_mixed(data), names))]
    if signal_only is not None:
        make = partial(regions.region_figure, subsample(signal_only), [TOTAL, names[0]])
        planned.append((style.Plot("signal", "The injected events alone", ALONE), make))
    sections, links = draw(planned, str(folder / "figures"))
    lead = f"{len(mixed):,} events, {is_signal.sum():,} of them W′ of 1.3 TeV, {num_draws:,} draws each."
    body = f"<section><h2>In short</h2>{numbers_table(numbers)}</section>"
    write_page(folder, f"{run.config.method}: a resonance it never saw", lead, links, body + sections)
    return numbers


WHOLE = "A tenth of the measured events are W′ events; the training had none. Mass of all four particles last."
ALONE = "Mass of all four particles of the W′ events, which the network does not know from the others."


def subsample_mixed(data: Compared) -> Compared:
    """As ``page.subsample``, in an order that keeps the share of the signal, which stands last."""
    if not data.paired:
        return subsample(data)
    return subsample(restrict(data, np.random.default_rng(0).permutation(len(data.weight))))


def spectra(data: Compared, names):
    """Spectra with logarithmic axes for momenta and for the mass of all, the W's peak close up."""
    return regions.spectra_figure(
        data,
        [
            (name, not name.startswith("m_") or name == TOTAL, name.startswith("m_") and name != TOTAL)
            for name in names
        ],
    )


def numbers_table(numbers: dict) -> str:
    """Peak and window as HTML."""

    def cell(found, key, form):
        return form.format(found[key]) if found.get(key) is not None else "–"

    rows = [
        [f"{title}, {level}", cell(found, "median", "{:.1f}"), cell(found, "width", "{:.1f}"),
         cell(found, "share", "{:.2%}")]
        for what, title in (("peak", "W′ events alone"), ("window", "all events, 1.1 to 1.5 TeV"))
        for level, found in numbers[what].items()
    ]  # fmt: skip
    header = ["mass of all particles [GeV]", "median", "half of the central 68 %", "share of events"]
    return tables.table(header, rows)
