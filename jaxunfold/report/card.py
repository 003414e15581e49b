"""The model card of a trained run: what it was trained on, what it was found to do, where it must not be used."""

import os
from collections.abc import Mapping
from typing import Any

import jaxunfold

ALWAYS = (
    "Events outside of the training's support: `unfold` flags each one (`in_support`) and every output counts them. "
    "About one in a thousand events like the training's own is flagged; many more: the data are of another kind.",
    "Another detector, calibration, selection or number of objects than in the training file.",
    "Another process, or a signal that the training never saw, without a test on such events: a posterior leans on "
    "the prior, which is the training's truth, the more so the worse an event is measured.",
)


def write(
    path: str | os.PathLike, config: Any, about: Mapping[str, Any], metrics: Mapping[str, Any], problem, measure
) -> None:
    """Write a card in Markdown.

    Args:
      config: Of the run. about: What the run keeps of its data. metrics: The contents of metrics.json, or {}.
      problem: Names of truth, reco and extra columns. measure: What its density is with respect to.
    """
    sample = about.get("sample", {})
    cuts = sample.get("cuts")
    data = [
        ("file", f"{sample.get('file', 'not known')}, hash {about.get('data')}"),
        ("process", sample.get("process", "not known")),
        ("energy", f"{sample['sqrt_s_gev']:g} GeV" if "sqrt_s_gev" in sample else "not known"),
        ("generator", sample.get("generator", "not known")),
        ("cuts", cuts or "those of the file's generator, see its attributes"),
        ("events", f"{about.get('train_events')} for training, {about.get('test_events')} held out"),
        ("truth", ", ".join(problem.truth_names)),
        ("reco", ", ".join((*problem.reco_names, *problem.extra_names))),
    ]
    selected = config.data.get("select") if "data" in config else None
    if selected:
        data.append(("selected", str(dict(selected))))
    text = [
        f"# Model card: {config.method}\n",
        f"jaxunfold {jaxunfold.__version__}. Density of {measure}.\n",
        "## Data\n",
    ]
    text += _table(("what", "value"), data)
    text += ["## Prior\n", _prior(metrics)]
    text += ["## Closure\n", *_closure(metrics), "## Where it must not be used\n"]
    text += [*(f"- {line}" for line in ALWAYS), ""]
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(text))


def _table(head: tuple[str, ...], rows) -> list[str]:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return [*lines, *(f"| {' | '.join(str(x).replace('|', '/') for x in row)} |" for row in rows), ""]


def _prior(metrics: Mapping[str, Any]) -> str:
    first = "The truth of the training file, with its event weights."
    entries = metrics.get("observables", {})
    spans = [
        f"{name} {e['truth_median']:.4g} ± {e['truth_width_68']:.3g}"
        for name, e in entries.items()
        if e.get("truth_median") is not None
    ]
    return f"{first} Median and half of the central 68 per cent: {'; '.join(spans)}.\n" if spans else first + "\n"


def _closure(metrics: Mapping[str, Any]) -> list[str]:
    if not metrics:
        return ["No event was held out: nothing is known of its closure.\n"]
    out = [f"On {metrics['n_events']} held-out events, {metrics['draws']} draws each; errors are statistical.\n"]
    rows = []
    for name, e in metrics["observables"].items():
        errors = e.get("stat_error", {})
        keys = ("wasserstein", "ks", "calibration_max_deviation", "coverage_68", "coverage_95")
        rows.append([name, *(_number(e.get(key), errors.get(key)) for key in keys)])
    out += _table(("observable", "Wasserstein", "KS", "calibration, worst", "coverage 68 %", "coverage 95 %"), rows)
    for key, words in (("classifier_auc", "reco shown"), ("classifier_auc_marginal", "truth alone")):
        if metrics.get(key) is not None:
            out.append(
                f"Classifier AUC, {words}: {_number(metrics[key], metrics.get(key + '_error'))} (0.5 is perfect).\n"
            )
    if "outside_support" in metrics:
        out.append(
            f"Outside of the training's support: {metrics['outside_support']} of {metrics['n_events']} events.\n"
        )
    return out


def _number(value: float | None, error: float | None) -> str:
    if value is None:
        return "none"
    return f"{value:.3g}" + (f" ± {error:.1g}" if error else "")
