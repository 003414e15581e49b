"""The report: every figure as PNG and PDF, and one HTML page that needs no other file."""

import base64
import html
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from jaxunfold.metrics.compared import Compared
from jaxunfold.report import (
    calibration,
    captions,
    correlations,
    diagnostics,
    directions,
    groups,
    headline,
    labels,
    migration,
    posteriors,
    spectra,
    style,
    tables,
)

CSS = """
:root{--ink:#1d2733;--soft:#5b6b7b;--line:#dfe5ea;--paper:#fff;--wash:#f5f7f9;--accent:#c2540a}
*{box-sizing:border-box}
body{margin:0;background:var(--wash);color:var(--ink)}
body{font:16px/1.55 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:66rem;margin:0 auto;padding:1.5rem 1rem 4rem}
h1{font-size:1.7rem;line-height:1.25;margin:.6rem 0 .2rem}
h2{font-size:1.2rem;margin:0 0 .5rem}
p{margin:.4rem 0}.lead{color:var(--soft)}
nav{display:flex;flex-wrap:wrap;gap:.3rem .9rem;margin:.9rem 0;font-size:.92rem}
a{color:var(--accent);text-decoration:none}a:hover{text-decoration:underline}
section{background:var(--paper);border:1px solid var(--line);border-radius:10px}
section{padding:1.1rem 1.2rem;margin:1rem 0}
section p{color:var(--soft);font-size:.95rem;max-width:52rem}
img{display:block;width:100%;height:auto;margin:.6rem auto 0}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.93rem;min-width:60%}
caption{caption-side:bottom;text-align:left;color:var(--soft);font-size:.85rem;padding-top:.4rem}
th,td{padding:.32rem .8rem .32rem 0;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}
thead th{color:var(--soft);font-weight:600}tbody th{font-weight:500}td{white-space:nowrap}
.error,.unit{color:var(--soft)}
pre{background:var(--wash);border-radius:6px;padding:.8rem;overflow-x:auto;font-size:.85rem;margin:.5rem 0}
summary{cursor:pointer;font-weight:600}
@media(max-width:40rem){body{font-size:15px}section{padding:.9rem .8rem}h1{font-size:1.35rem}}
@media print{body{background:#fff}section{break-inside:avoid;border:0;padding:0}}
"""


def subsample(data: Compared) -> Compared:
    """At most ``style.MAX_EVENTS`` events with ``style.MAX_DRAWS`` draws: as many as a figure can show."""
    n, k = min(len(data.weight), style.MAX_EVENTS), min(data.draw_weight.shape[1], style.MAX_DRAWS)
    if not data.paired:
        # one sample for all events: more draws, weights rescaled to the events that are left
        k = min(data.draw_weight.shape[1], style.MAX_EVENTS)
    rows = slice(0, n if data.paired else 1)
    kept = data.draw_weight[rows, :k]
    total = data.weight[:n, None] if data.paired else data.weight[:n].sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.nan_to_num(total / kept.sum(axis=1, keepdims=True))
    cut = lambda x: None if x is None else x[:n]  # noqa: E731
    return data._replace(
        truth={name: x[:n] for name, x in data.truth.items()},
        draws={name: x[rows, :k] for name, x in data.draws.items()},
        reco={name: x[:n] for name, x in data.reco.items()},
        smeared=data.smeared and {name: x[:n, :k] for name, x in data.smeared.items()},
        weight=data.weight[:n], draw_weight=kept * scale, truth_events=data.truth_events[:n],
        samples=data.samples[rows, :k], reco_events=cut(data.reco_events), mask=cut(data.mask),
        member=None if data.member is None else data.member[rows, :k],
    )  # fmt: skip


def plan(
    data: Compared,
    history: list[dict] | None,
    seed: int,
    focus: Compared | None = None,
    members: Mapping[str, np.ndarray] | None = None,
) -> list[tuple[style.Plot, Callable]]:
    """What the report shows, in order: a Plot and the function without arguments that makes its figure."""
    out = []

    def add(name, heading, caption, figure, *args):
        out.append((style.Plot(name, heading, caption), partial(figure, *args)))

    if data.paired:
        ranks = calibration.all_ranks(data, seed)
        add("headline", "At a glance", captions.HEADLINE, headline.headline_figure, data, ranks)
    for name, panels in spectra.groups(data):
        add(name, spectra_heading(data, name), captions.SPECTRA, spectra.spectra_figure, data, panels)
    if data.smeared:
        add("directions", "Both directions", captions.DIRECTIONS, directions.directions_figure, data)
    if data.paired:
        if data.reco_events is not None:
            add("posteriors", "Single events", captions.POSTERIORS, posteriors.posteriors_figure, focus or data)
        meaning = captions.UNCONDITIONAL if data.reco_events is None else captions.CALIBRATION
        add("calibration", "Calibration", meaning, calibration.curves_figure, data, ranks)
        heading = "Calibration of each observable"
        add("calibration_panels", heading, captions.PANELS, calibration.deviations_figure, data, ranks)
    if data.paired and members:
        cut = {label: rows[: len(data.weight)] for label, rows in members.items()}
        cut = {label: rows for label, rows in cut.items() if rows.sum() >= 2}
        add("stacked", "Spectra by class", captions.STACKED, groups.stacked_figure, data, cut)
        for label, rows in cut.items():
            heading = f"Spectra, {html.escape(label)}"
            add(f"class_{_file_name(label)}", heading, captions.SPECTRA, groups.spectra_figure, data, rows)
        heading = "Calibration by class"
        add("calibration_by_class", heading, captions.BY_CLASS, groups.calibration_figure, data, cut, ranks)
    for x, y in correlations.chosen_pairs(data):
        heading = f"Correlation of {labels.web(x)} and {labels.web(y)}"
        name = f"correlation_{_file_name(x)}_{_file_name(y)}"
        add(name, heading, captions.CORRELATION, correlations.correlation_figure, data, x, y)
    if data.paired and data.reco_events is not None:
        add("residuals", "Residuals", captions.RESIDUALS, migration.residuals_figure, data)
        add("migration", "Migration matrices", captions.MIGRATION, migration.migration_figure, data)
    if not data.is_table:
        add("balance", "Momentum balance", captions.BALANCE, diagnostics.balance_figure, data)
    if history and diagnostics.loss_series(history):
        add("training", "Training", captions.TRAINING, diagnostics.training_figure, history)
    return out


def spectra_heading(data: Compared, name: str) -> str:
    """Heading of a figure of ``spectra.groups``."""
    node = name.removeprefix("spectra_")
    if data.is_table:
        return f"Spectra of the columns, {int(node) + 1}"
    fixed = {"resonances": "Resonances", "others": "Spectra of the other particles"}
    if node.startswith("named_"):
        return "Spectra of the config's observables"
    if node in fixed:
        return fixed[node]
    leaves = ", ".join(labels.particle(x)[1] for x in data.resonances[node])
    return f"Spectra of {leaves}"


def _file_name(name: str) -> str:
    """A name that any file system takes: signs spelled, everything else but letters and digits a dash."""
    spelled = name.replace("+", "plus").replace("-", "minus")
    return "".join(c if c.isalnum() or c == "_" else "-" for c in spelled)


def _section(plot: style.Plot, directory: str) -> str:
    with open(os.path.join(directory, plot.name + ".png"), "rb") as file:
        png = base64.b64encode(file.read()).decode()
    image = f'<img src="data:image/png;base64,{png}" alt="{html.escape(plot.name)}">'
    return f'<section id="{plot.name}"><h2>{plot.heading}</h2><p>{plot.caption}</p>{image}</section>'


def draw(planned: Sequence[tuple[style.Plot, Callable]], directory: str) -> tuple[str, str]:
    """Make and save every figure of a plan; returns its sections and the links to them (HTML)."""
    os.makedirs(directory, exist_ok=True)
    sections, links = [], []
    with style.context():
        for plot, make in planned:
            style.save(make(), directory, plot.name)
            sections.append(_section(plot, directory))
            links.append(f'<a href="#{plot.name}">{plot.heading}</a>')
    return "".join(sections), "".join(links)


def write_page(directory: str | os.PathLike, title: str, lead: str, links: str, body: str) -> str:
    """Write DIRECTORY/index.html, whole or not at all; lead, links and body are HTML. Returns its path."""
    title = html.escape(title)
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{title}</title><style>{CSS}</style></head><body><main>"
        f"<h1>{title}</h1><p class=lead>{lead}</p><nav>{links}</nav>{body}</main></body></html>\n"
    )
    path = os.path.join(directory, "index.html")
    unfinished = path + ".part"
    with open(unfinished, "w", encoding="utf-8") as file:
        file.write(page)
    os.replace(unfinished, path)
    return path


def write_report(
    directory: str | os.PathLike,
    data: Compared,
    metrics: dict,
    title: str,
    config_text: str = "",
    command: str = "",
    history: list[dict] | None = None,
    seed: int = 0,
    focus: Compared | None = None,
    members: Mapping[str, np.ndarray] | None = None,
) -> str:
    """Write DIRECTORY/index.html and DIRECTORY/figures/*.png, *.pdf.

    Args:
      directory: Made if it does not exist.
      data: From ``metrics.compared.compare``; at most 20,000 events and 100 draws are drawn.
      metrics: From ``metrics.summary.evaluate_metrics`` of the same data.
      title, config_text, command: Plain text; the configuration and the command are folded away.
      history: Rows of metrics.jsonl, for the training curves.
      seed: Of the ranks; that of the metrics gives the same calibration.
      focus: The first few events with many more draws, for the posteriors of single events.
      members: {class: which events [n]}, classes with figures of their own; see ``metrics.groups``.
    Returns: The path of the page, which has everything inside it.
    """
    planned = plan(subsample(data), history, seed, focus, members)
    sections, links = draw(planned, os.path.join(directory, "figures"))
    lead = f"{metrics['n_events']:,} events, {metrics['draws']:,} draws each."
    if not data.paired:
        lead = f"{metrics['n_events']:,} events, one weighted sample of {metrics['draws']:,} for all of them."
    details = "".join(
        f"<section><details><summary>{name}</summary><pre>{html.escape(text)}</pre></details></section>"
        for name, text in (("Command", command), ("Configuration", config_text))
        if text
    )
    body = (
        f"<section id=headline><h2>In short</h2>{tables.headline(metrics)}</section>"
        f"<section id=observables><h2>Observables</h2>{tables.observables(metrics, data.units)}</section>"
    )
    if metrics.get("groups"):
        body += f"<section id=classes><h2>Classes of events</h2>{tables.groups(metrics)}</section>"
    if metrics["masses"]:
        body += f"<section id=masses><h2>Mass peaks</h2>{tables.masses(metrics)}</section>"
    return write_page(directory, title, lead, links, body + sections + details)
