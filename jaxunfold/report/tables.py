"""metrics.json as HTML tables, values with their bootstrap errors."""

import html
import math

from jaxunfold.report import labels


def number(value: float | None, error: float | None = None) -> str:
    """A value to the second digit of its error, "0.0131 ± 0.0012"; a dash for None."""
    if value is None or not math.isfinite(value):
        return "–"
    if error is None or not math.isfinite(error):
        return f"{value:.3g}".replace("-", "−")
    if error <= 0:
        return f"{value:.4g}".replace("-", "−")
    digits = max(0, 1 - math.floor(math.log10(error)))
    if digits > 6:
        return f"{value:.1e} ± {error:.0e}".replace("-", "−")
    value_text = f"{value:.{digits}f}".replace("-", "−")
    return f"{value_text} <span class=error>± {error:.{digits}f}</span>"


def table(header: list[str], rows: list[list[str]], caption: str = "") -> str:
    """An HTML table that scrolls sideways on a narrow screen; cells are HTML already."""
    head = "".join(f"<th scope=col>{cell}</th>" for cell in header)
    body = "".join(
        f"<tr><th scope=row>{row[0]}</th>" + "".join(f"<td>{cell}</td>" for cell in row[1:]) + "</tr>" for row in rows
    )
    note = f"<caption>{caption}</caption>" if caption else ""
    return f"<div class=scroll><table>{note}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def worst(metrics: dict, key: str) -> tuple[str, float, float] | None:
    """Observable with the largest value of a metric: (name, value, error); None where no event has it."""
    known = {name: e for name, e in metrics["observables"].items() if e.get(key) is not None}
    if not known:
        return None
    name = max(known, key=lambda x: known[x][key])
    return name, known[name][key], known[name]["stat_error"][key]


def headline_rows(metrics: dict) -> list[list[str]]:
    """The few numbers that say whether an unfolding is good: [what, value, what perfect reads]."""
    n = metrics.get("classifier_events", metrics["n_events"])
    rows = []
    for key, what in (
        ("classifier_auc", "Classifier AUC, truth against draw, the reco event shown"),
        ("classifier_auc_marginal", "Classifier AUC, truth against draw alone"),
    ):
        if metrics.get(key) is not None:
            rows.append([f"{what} ({n:,} events)", number(metrics[key], metrics[key + "_error"]), "0.5"])
    effective = metrics["n_events"]
    if found := worst(metrics, "calibration_max_deviation"):
        perfect = f"about {1.2 / math.sqrt(effective):.2g}"
        what = f"Calibration, largest deviation (worst: {labels.web(found[0])})"
        rows.append([what, number(*found[1:]), perfect])
    if found := worst(metrics, "ks"):
        rows.append([f"KS distance of the spectra (worst: {labels.web(found[0])})", number(*found[1:]), "0"])
    for name, mass in metrics["masses"].items():
        error = mass.get("stat_error", {})
        shown = number(mass["peak_shift"], error.get("peak_shift"))
        rows.append([f"Median of {labels.web(name)}, unfolded − truth [GeV]", shown, "0"])
        shown = number(mass["width_ratio"], error.get("width_ratio"))
        rows.append([f"Width of {labels.web(name)}, unfolded / truth", shown, "1"])
    if "momentum_balance" in metrics:
        shown = f"{metrics['momentum_balance']:.1e}".replace("-", "−")
        truth = f"{metrics['momentum_balance_truth']:.1e}".replace("-", "−")
        rows.append(["Transverse momentum balance, worst draw", shown, f"truth: {truth}"])
    return rows


def headline(metrics: dict) -> str:
    """Headline table."""
    return table(["", "this run", "perfect"], headline_rows(metrics))


def observables(metrics: dict, units: dict[str, str]) -> str:
    """One row per observable."""
    columns = {
        "wasserstein": "W<sub>1</sub>", "triangular": "triangular [10<sup>−3</sup>]", "ks": "KS",
        "calibration_max_deviation": "calibration, max. deviation", "coverage_68": "coverage of 68 %",
        "coverage_95": "coverage of 95 %",
    }  # fmt: skip
    rows = []
    for name, entry in metrics["observables"].items():
        cells = [number(entry[key], entry["stat_error"].get(key)) for key in columns]
        unit = html.escape(units.get(name, ""))
        rows.append([labels.web(name) + (f" <span class=unit>{unit}</span>" if unit else ""), *cells])
    note = "W<sub>1</sub> is in the unit of the observable; errors are bootstrap errors over events."
    return table(["observable", *columns.values()], rows, note)


def masses(metrics: dict) -> str:
    """Position (median) and width (half the central 68 per cent) of the mass peaks; empty for a table."""
    if not metrics["masses"]:
        return ""
    rows = []
    for name, m in metrics["masses"].items():
        e = m.get("stat_error", {})
        for what, word in (("peak", "median"), ("width", "width")):
            cells = [number(m[f"{level}_{what}"], e.get(f"{level}_{what}")) for level in ("truth", "unfolded")]
            rows.append([f"{labels.web(name)}, {word}", *cells, number(m.get(f"reco_{what}"))])
    note = "In GeV; the width is half the central 68 per cent interval."
    return table(["mass", "truth", "unfolded", "reco"], rows, note)


def groups(metrics: dict) -> str:
    """One row per class and observable: calibration, KS distance, and the mass peaks."""
    rows = []
    for label, found in metrics["groups"].items():
        for name, entry in found["observables"].items():
            error, mass = entry["stat_error"], found["masses"].get(name, {})
            of_mass = mass.get("stat_error", {})
            cells = [number(entry[key], error.get(key)) for key in ("calibration_max_deviation", "ks")]
            cells += [number(mass.get(key), of_mass.get(key)) for key in ("peak_shift", "width_ratio")]
            rows.append([f"{html.escape(label)}, {labels.web(name)}", *cells])
    header = [
        "class, observable",
        "calibration, max. deviation",
        "KS",
        "median, unfolded − truth [GeV]",
        "width, unfolded / truth",
    ]
    sizes = ", ".join(f"{html.escape(label)}: {found['n_events']:,}" for label, found in metrics["groups"].items())
    return table(header, rows, f"Events: {sizes}.")
