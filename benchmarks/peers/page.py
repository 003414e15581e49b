"""The page of a comparison: tables, each task against the fastest of the others, a figure."""

import matplotlib.pyplot as plt

from benchmarks.peers import architecture as arch
from benchmarks.peers.conduct import OURS, ROOT
from jaxunfold.report import style

AIMS = {
    "affine": {"train": 1.0, "log_prob": 1.15, "sample": 2.2},
    "spline": {"train": 1.1, "sample": 1.7},
}
"""Time of the fastest of the others over ours that we want to reach at least, on a CPU."""


def title(task: str, of: list) -> str:
    """A task in words."""
    if task == "train":
        return f"training step, batch {of[0]}"
    return f"log-probability of {of[0]:,}" if task == "log_prob" else f"draws, {of[0]:,} events x {of[1]}"


def limit(result: dict) -> float:
    """GFLOP/s of the best matrix product that any library reached."""
    return max(rate for row in result["gemm"].values() for rate in row.values())


def share(result: dict, task: dict, row: dict) -> float:
    """Of the limit, that a library reaches in a task."""
    return task["flops"] / 1e9 / row["cpu"] / limit(result)


def table(result: dict) -> str:
    """The tasks of one architecture as Markdown."""
    best = limit(result)
    lines = [f"Limit: {best:.0f} GFLOP/s, the best matrix product that any library reached on the core.", ""]
    for task in result["tasks"]:
        steps = task["of"][1] if task["task"] == "train" else 1
        lines += [
            f"{title(task['task'], task['of'])}: {task['flops'] / steps / 1e9:.1f} GFLOP and "
            f"{task['bytes'] / steps / 1e6:.0f} MB at least.", "",
            "| | parameters | CPU [s] | wall [s] | over ours (range) | of limit | compiling [s] | peak [MiB] |",
            "|---|---:|---:|---:|---:|---:|---:|---:|",
        ]  # fmt: skip
        for name, built in result["built"].items():
            row = task["rows"].get(name, built)
            if "missing" in row:
                lines.append(f"| {name} | {row['missing']} | | | | | | |")
                continue
            spread = f" ({min(row['ratios']):.2f} to {max(row['ratios']):.2f})" if row["ratios"] else ""
            cells = (
                name, f"{built['parameters']:,}", f"{row['cpu'] / steps:.3f}", f"{row['wall'] / steps:.3f}",
                f"{row['ratio']:.2f}{spread}", f"{100 * share(result, task, row):.0f} %", f"{row['compile_cpu']:.1f}",
                f"{row['peak_mib']:,.0f}",
            )  # fmt: skip
            lines.append("| " + " | ".join(cells) + " |")
        lines.append("")
    if first := result.get("first"):
        lines += [
            "From an empty process to 60 draws of one event, with imports and compilation; ours loads a run.", "",
            "| | CPU [s] | wall [s] | CPU over ours |", "|---|---:|---:|---:|",
            *(
                f"| {name} | {row['cpu']:.1f} | {row['wall']:.1f} | {row['cpu'] / first[OURS]['cpu']:.2f} |"
                for name, row in first.items()
            ), "",
        ]  # fmt: skip
    return "\n".join(lines)


COLUMNS = 3
"""Of the figure's panels: as many as an architecture has tasks."""


def draw(name: str, results: dict) -> str | None:
    """Every library's CPU time over ours as a figure of each task; returns its path, None with nothing to compare."""
    panels = [
        (f"{architecture}\n{title(task['task'], task['of'])}", others)
        for architecture, result in results.items()
        for task in result["tasks"]
        if (others := {n: r for n, r in task["rows"].items() if n != OURS and "missing" not in r})
    ]
    if not panels:
        return None
    path = f"figures/speed_{name}.png"
    with style.context():
        height = 1.3 + 0.28 * max(len(others) for _, others in panels)
        columns = min(len(panels), COLUMNS)
        lines = -(-len(panels) // columns)
        figure, axes = plt.subplots(
            lines, columns, figsize=(3.6 * columns, height * lines), layout="constrained", squeeze=False
        )
        for ax in axes.flat[len(panels) :]:
            ax.set_axis_off()
        for ax, (text, others) in zip(axes.flat, panels):
            for y, row in enumerate(others.values()):
                ax.plot(row["ratio"], y, "o", color="C0")
                ax.plot([min(row["ratios"]), max(row["ratios"])], [y, y], color="C0")
            ax.axvline(1, color="0.4", lw=1)
            ax.set(
                yticks=range(len(others)),
                yticklabels=list(others),
                xlabel="CPU time over ours",
                ylim=(len(others) - 0.5, -0.5),
            )
            ax.set_title(text, fontsize="small")
            ax.set_xlim(0, 1.1 * max(1.0, *(max(row["ratios"]) for row in others.values())))
            ax.tick_params(axis="y", which="minor", left=False, right=False)
        figure.savefig(ROOT / "benchmarks" / path, dpi=110)
        plt.close(figure)
    return path


def best_peer(rows: dict) -> tuple[str, float] | None:
    """(name, its seconds over ours) of the fastest of the others."""
    others = {name: row["ratio"] for name, row in rows.items() if name != OURS and "missing" not in row}
    return min(others.items(), key=lambda pair: pair[1]) if others else None


def verdict(results: dict) -> str:
    """Each task against the fastest of the others, and what is aimed at."""
    lines = [
        "| architecture | task | fastest of the others | its CPU time over ours | at the limit | aim |",
        "|---|---|---|---:|---:|---:|",
    ]
    for name, result in results.items():
        aims = AIMS["spline" if arch.ARCHITECTURES[name].bins else "affine"]
        for task in result["tasks"]:
            if best := best_peer(task["rows"]):
                cells = (
                    name,
                    title(task["task"], task["of"]),
                    best[0],
                    f"{best[1]:.2f}",
                    f"{1 / share(result, task, task['rows'][best[0]]):.2f}",
                    str(aims.get(task["task"], "")),
                )
                lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def page(name: str, head: str, record: dict) -> str:
    """The page of a benchmark."""
    versions = {}
    for result in record["results"].values():
        for built in result["built"].values():
            versions |= built.get("versions", {})
    about, known = record["machine"], ", ".join(f"{key} {value}" for key, value in versions.items())
    judged = (
        "Where the CPU time over ours is above 1 we are faster, below 1 slower. *At the limit*: what it would be if "
    )
    judged += "ours took no more than the least work takes at the machine's best rate of matrix products."
    lines = [
        f"# {name}", "", head, "",
        f"{about['cpu']}, {about['cores']} cores of which one is used, {about['memory_gib']} GiB; "
        f"Python {about['python']}, {known}.",
        "", judged, "", verdict(record["results"]), "",
    ]  # fmt: skip
    if figure := draw(name.lower(), record["results"]):
        lines += [
            f"![CPU time of the others over ours]({figure})",
            "",
            "Points right of the line are slower than ours.",
            "",
        ]
    for architecture, result in record["results"].items():
        note = [result["note"], ""] if result["note"] else []
        lines += [f"## {architecture}, {result['expected']:,} weights", "", f"    {result['command']}", ""]
        lines += [f"{result['rounds']} rounds.", "", *note, table(result)]
    return "\n".join(lines).rstrip("\n") + "\n"
