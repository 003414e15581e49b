"""What does the spread of a Bayesian flow's networks look like, and what does it remind of? Thesis section 3.3.

Density and sigma_pred along lines across a density of the plane that is known in closed form (Figs. 3.2, 3.4, 3.6),
the fit of its parameters that would leave such a spread (Eqs. 3.26, 3.30, 3.34), and both marginals (Fig. 3.8).
"""

import json
from functools import partial
from pathlib import Path

import numpy as np

from jaxunfold import cli
from jaxunfold.data.events import Events, nothing_measured
from jaxunfold.data.ramps import RAMPS, Ramp
from jaxunfold.errors import InputError
from jaxunfold.evaluation import suited, unfold_with_progress
from jaxunfold.metrics.covariance import member_spectra
from jaxunfold.metrics.fit_like import fit_widths, local_minima, propagated
from jaxunfold.report import ramp as figures
from jaxunfold.report import style, tables
from jaxunfold.report.page import draw, write_page
from jaxunfold.run import Run

POINTS, BINS, SHARED = 91, 30, 100_000
FLAT = np.linspace(0.2, 0.8, 13)
"""Values of the flat direction, away from its edges."""


def along_lines(run: Run, ramp: Ramp) -> figures.Lines:
    """Density and sigma_pred on a grid of points across the ramp and lines along which it is flat."""
    u = np.linspace(*ramp.range, POINTS)
    points = np.concatenate([np.asarray(ramp.points(u, np.full(len(u), v))) for v in FLAT])
    density = np.exp(run.member_log_prob(points, nothing_measured(points)).astype(np.float64))
    shape = (len(FLAT), len(u))
    truth = np.asarray(ramp.density(u, *ramp.parameters.values()))
    return figures.Lines(u, truth, density.mean(0).reshape(shape), density.std(0, ddof=1).reshape(shape))


def marginals(run: Run, ramp: Ramp, draws: np.ndarray, member: np.ndarray) -> dict[str, figures.Marginal]:
    """Density of x and of y with its spread from points of each network's own, and from points that all share.

    Args:
      draws: [n, 2]. member: The network of each, [n].
    """
    rng = np.random.default_rng(0)
    shared = draws[rng.permutation(len(draws))[:SHARED]]
    log_p = run.member_log_prob(shared, nothing_measured(shared)).astype(np.float64)
    log_mean = np.logaddexp.reduce(log_p, axis=0) - np.log(len(log_p))
    weight = np.exp(log_p - log_mean)
    true = ramp.sample(rng, 1_000_000)
    out = {}
    for i, name in enumerate(("x", "y")):
        edges = np.linspace(*np.quantile(true[:, i], (0.002, 0.998)), BINS + 1)
        width = np.diff(edges)
        own = member_spectra(draws[:, None, i], np.ones((len(draws), 1)), member[:, None], edges) / len(draws) / width
        same = np.stack([np.histogram(shared[:, i], edges, weights=w)[0] for w in weight]) / len(shared) / width
        truth = np.histogram(true[:, i], edges)[0] / len(true) / width
        out[name] = figures.Marginal(edges, truth, own.mean(0), own.std(0, ddof=1), same.std(0, ddof=1))
    return out


def experiment(run: Run, events: Events, folder: Path, num_draws: int, seed: int = 0) -> dict:
    """Evaluate a run on a density of ``data.ramps``; write FOLDER/ramp.json and FOLDER/index.html.

    Returns: {"density", "minima": places of the local minima of sigma_pred [u], "dip": the one where it is smallest,
      "spread": {"0.5": sigma_pred there, ...}, "relative": smallest sigma_pred / p, "covered": fraction of points
      whose truth lies within sigma_pred, "widths": {parameter: Delta of the fit}, "fit_residual": rms of the fit
      over the mean sigma_pred, "marginal": {"x": {"own", "same": mean sigma, "covered"}, "y": ...}}.
    Raises: InputError for other events, or a method of one network.
    """
    name = events.attrs.get("density")
    if name not in RAMPS:
        raise InputError(f"experiment ramp: expected points of {', '.join(RAMPS)}, found {name!r}")
    ramp = RAMPS[name]
    lines = along_lines(run, ramp)
    spread = lines.spread.mean(0)
    fit = fit_widths(propagated(ramp.density, ramp.parameters, lines.u), spread)
    # bins of one network out of many need more points than spectra of all of them
    unfolded = unfold_with_progress(run, suited(run, events), 10 * num_draws, seed)
    sides = marginals(run, ramp, unfolded.samples.reshape(-1, 2), unfolded.member.reshape(-1))
    minima = local_minima(lines.u, spread)
    within = np.abs(lines.density - lines.truth) < lines.spread
    numbers = {
        "density": name,
        "minima": minima,
        "dip": min(minima, key=lambda u: np.interp(u, lines.u, spread), default=None),
        "spread": {f"{u:.3g}": float(np.interp(u, lines.u, spread)) for u in lines.u[:: POINTS // 6]},
        "relative": float((lines.spread / lines.density).mean(0).min()),
        "covered": float(within.mean()),
        "widths": fit.widths,
        "fit_residual": fit.residual / float(spread.mean()),
        "marginal": {
            side: {
                "own": float(m.own.mean()),
                "same": float(m.same.mean()),
                "covered": float(np.mean(np.abs(m.density - m.truth) < m.own)),
            }
            for side, m in sides.items()
        },
    }
    folder = Path(cli.check_writable_dir(folder))
    (folder / "ramp.json").write_text(json.dumps(numbers, indent=2))
    planned = [
        (LINES, partial(figures.lines, lines, fit, ramp.across)),
        (MARGINALS, partial(figures.marginals, sides)),
    ]
    sections, links = draw(planned, str(folder / "figures"))
    lead = f"{name.replace('_', ' ')}, {run.about['train_events']:,} training points, {run.method.members} networks."
    rows = [[key, f"{value:.3g}"] for key, value in fit.widths.items()]
    body = f"<section><h2>Fit of the spread</h2>{tables.table(['parameter', 'uncertainty'], rows)}</section>"
    write_page(folder, f"{run.config.method}: density and its uncertainty", lead, links, body + sections)
    return numbers


LINES = style.Plot(
    "lines",
    "Density and uncertainty",
    "Mean over lines in the flat direction; bands of the second and third panel are the lines' standard deviation. "
    "The fit has the shape of uncertainties of the density's few parameters, added in quadrature.",
)
MARGINALS = style.Plot(
    "marginals",
    "Marginal densities",
    "Spread of the networks in bins: from points of each network's own, which fluctuate, and from the same points "
    "for all, weighted by each network's density.",
)
