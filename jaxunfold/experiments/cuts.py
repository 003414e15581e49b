"""Cuts on the measured events that the training did not have: does the unfolded sample follow its own truth?

Bellagente et al., arXiv:1912.00477, Eqs. (7), (8), (12), (13), Figs. 4, 7 and 8.
"""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from jaxunfold import cli
from jaxunfold.data.events import Events
from jaxunfold.errors import InputError
from jaxunfold.evaluation import compared, suited, unfold_with_progress
from jaxunfold.metrics.compared import Compared
from jaxunfold.metrics.groups import restrict
from jaxunfold.metrics.regions import follows, in_region
from jaxunfold.problem import plain
from jaxunfold.report import labels, regions, style, tables
from jaxunfold.report.page import draw, subsample, write_page
from jaxunfold.run import Run

ALL = "all events"
CUTS = {
    "cut I": {"pt_j1": (30, 100)},
    "cut II": {"pt_j1": (30, 60), "pt_j2": (30, 50)},
    "cut III": {"pt_j1": (30, 50), "pt_j2": (30, 40), "pt_e-": (20, 50)},
    "cut IV": {"pt_j1": (60, None)},
}
"""The papers' cuts, in GeV; a config's section ``cuts`` replaces them."""
LEAST = 50


def chosen(data: Compared, measured: str = "j1") -> list[str]:
    """The observables of the papers' figures: of the resonance to which a measured object belongs.

    pT of its leaves, its own pT and mass; of all leaves where the object is none of a resonance.
    """
    leaf = next((truth for truth, reco in data.match.items() if reco == measured), None)
    node = next((name for name, leaves in data.resonances.items() if leaf in leaves), "")
    names = [f"pt_{x}" for x in data.resonances.get(node, data.truth_names)] + [f"pt_{node}", f"m_{node}"]
    return [name for name in names if name in data.truth]


def unfolded_parts(run: Run, events: Events, cuts: Mapping, num_draws: int, seed: int) -> dict[str, Compared]:
    """{region: its events and their draws}, all events first."""
    rows = {name: in_region(events, region) for name, region in cuts.items()}
    if few := [name for name, keep in rows.items() if keep.sum() < LEAST]:
        raise InputError(
            f"cuts: expected at least {LEAST} events in each region, found {rows[few[0]].sum()} in {few[0]}"
        )
    everything = compared(run, events, unfold_with_progress(run, events, num_draws, seed))
    if everything.paired and not run.method.whole_sample:
        return {ALL: everything} | {name: restrict(everything, keep) for name, keep in rows.items()}
    # a method of the whole sample answers another question for each of its parts
    parts = {ALL: everything}
    for name, keep in rows.items():
        some = events[keep]
        parts[name] = compared(run, some, unfold_with_progress(run, some, num_draws, seed))
    return parts


def experiment(run: Run, events: Events, folder: Path, num_draws: int, seed: int = 0) -> dict:
    """Unfold the events of each region; write FOLDER/cuts.json and FOLDER/index.html.

    Returns: {region: {"events", "fraction", "observables": {name: see ``metrics.regions.follows``}}}.
    Raises: InputError for a table, an unknown observable, or a region with next to no events.
    """
    events = suited(run, events)
    regions_of = plain(run.config.get("cuts") or CUTS)
    parts = unfolded_parts(run, events, regions_of, num_draws, seed)
    first = next(iter(next(iter(regions_of.values()))))
    names = chosen(parts[ALL], first.split("_", 1)[1])
    numbers = {
        region: {
            "events": len(data.weight),
            "fraction": float(data.weight.sum() / parts[ALL].weight.sum()),
            "observables": {name: follows(data, parts[ALL], name, seed) for name in names},
        }
        for region, data in parts.items()
    }
    folder = Path(cli.check_writable_dir(folder))
    (folder / "cuts.json").write_text(json.dumps(numbers, indent=2))
    few = {region: subsample(data) for region, data in parts.items()}
    planned = [(style.Plot("overview", "All regions", OVERVIEW), partial(regions.overview_figure, few, names))]
    for number, (region, data) in enumerate(few.items()):
        plot = style.Plot(f"region_{number}", region.capitalize(), caption(region, regions_of, numbers))
        planned.append((plot, partial(regions.region_figure, data, names)))
    sections, links = draw(planned, str(folder / "figures"))
    lead = f"{len(events):,} measured events that the network did not see, {num_draws:,} draws each."
    body = f"<section><h2>In short</h2>{numbers_table(numbers, names)}</section>"
    write_page(folder, f"{run.config.method}: cuts on the measured events", lead, links, body + sections)
    return numbers


OVERVIEW = (
    "Truth of the events of each region (dashed) and what they unfold to (solid), each normalised to one; below, "
    "their ratio. Trained on all events."
)


def caption(region: str, cuts: Mapping, numbers: Mapping) -> str:
    """The region's cuts in words, as HTML."""
    kept = f"{numbers[region]['events']:,} events, {numbers[region]['fraction']:.0%} of all."
    if region not in cuts:
        return kept
    words = []
    for name, (low, high) in cuts[region].items():
        limits = (f"{low:g} &le; " if low is not None else "", f" &lt; {high:g}" if high is not None else "")
        words.append(f"{limits[0]}{labels.web(name)}{limits[1]}" + (" GeV" if name.startswith("pt_") else ""))
    return f"{', '.join(words)}: {kept}"


def numbers_table(numbers: Mapping, names) -> str:
    """Distances of every region as HTML."""
    header = ["", "events", *(f"{labels.web(name)}: triangular (followed)" for name in names)]
    rows = []
    for region, entry in numbers.items():
        cells = [
            f"{tables.number(found['triangular'])}"
            + ("" if found["followed"] is None else f" ({found['followed']:.0%})".replace("-", "−"))
            for found in entry["observables"].values()
        ]
        rows.append([region, f"{entry['events']:,} ({entry['fraction']:.0%})", *cells])
    note = (
        "Triangular distance of the unfolded events to their own truth, times 1000. Followed: 100 % where the "
        "unfolded sample is the region's truth, 0 where it is as far from it as the truth of all events."
    )
    return tables.table(header, rows, note)
