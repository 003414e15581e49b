"""The page and the figure of ``benchmarks.growth``."""

from pathlib import Path

from jaxunfold.report import style

TITLES = {
    "events": "Events, one draw each, whole command",
    "draws": "Draws of 1000 events, whole command",
    "dimensions": "Dimensions of an affine flow of 8 blocks",
    "blocks": "Blocks of an affine flow in 12 dimensions",
    "devices": "Virtual devices on one core, 8 blocks, 12 dimensions",
    "processes": "Processes that train as one, whole command, on one core",
}
COLUMNS = {
    "cpu": ("CPU [s]", "{:.1f}"), "peak_mib": ("peak [MiB]", "{:,.0f}"), "megabytes": ("file [MB]", "{:,.1f}"),
    "parameters": ("parameters", "{:,}"), "step": ("training step, CPU [ms]", "{:.1f}"),
    "step_first": ("first dispatch [s]", "{:.1f}"), "thousand_draws": ("1000 draws, CPU [ms]", "{:.1f}"),
    "thousand_draws_first": ("first draws [s]", "{:.1f}"),
}  # fmt: skip
SCALED = ("step", "thousand_draws")
"""Kept in seconds, shown in ms."""


def table(part: str, points: list[dict]) -> str:
    """The points of a part as Markdown."""
    names = [name for name in COLUMNS if name in points[0]]
    lines = [
        "| " + " | ".join([part, *(COLUMNS[name][0] for name in names)]) + " |",
        "|---:" * (len(names) + 1) + "|",
    ]
    for point in points:
        cells = [COLUMNS[name][1].format(point[name] * (1000 if name in SCALED else 1)) for name in names]
        lines.append("| " + " | ".join([f"{point['size']:,}", *cells]) + " |")
    return "\n".join(lines)


def figure(record: dict, folder: Path) -> None:
    """One panel a part: CPU on the left axis, peak memory on the right one."""
    with style.context():
        drawing = style.new_figure(10.5, 6)
        axes = drawing.subplots(2, 3).ravel()
        parts = [part for part in TITLES if part in record["parts"]]
        for axis, part in zip(axes, parts):
            found = record["parts"][part]
            sizes = [point["size"] for point in found["points"]]
            lines = [("cpu", "CPU [s]", 1.0)]
            if "step" in found["points"][0]:
                lines = [("step", "training step [ms]", 1e3), ("thousand_draws", "1000 draws [ms]", 1e3)]
            for (name, label, unit), colour in zip(lines, style.SERIES):
                axis.plot(sizes, [unit * p[name] for p in found["points"]], "o-", color=colour, label=label)
            axis.set_xscale("log", base=10 if part in ("events", "draws") else 2)
            axis.set_xlabel(part)
            axis.set_ylabel("CPU time")
            other = axis.twinx()
            peaks = [point["peak_mib"] / 1024 for point in found["points"]]
            other.plot(sizes, peaks, "s--", color=style.TRUTH, mfc="white", label="peak memory [GiB]")
            other.set_ylim(0, 2.2 * max(peaks))
            other.set_ylabel("peak memory [GiB]")
            if part not in ("events", "draws"):
                axis.set_xticks(sizes, [str(size) for size in sizes])
            axis.minorticks_off()
            handles = axis.get_legend_handles_labels()[0] + other.get_legend_handles_labels()[0]
            axis.legend(handles=handles, loc="upper left")
            axis.set_ylim(0, 1.6 * max(unit * point[name] for name, _, unit in lines for point in found["points"]))
            low, high = sizes[0], sizes[-1]
            axis.set_xlim(low / (high / low) ** 0.06, high * (high / low) ** 0.06)
        for axis in axes[len(parts) :]:
            axis.set_visible(False)
        (folder / "figures").mkdir(exist_ok=True)
        drawing.savefig(folder / "figures" / "growth.png", dpi=110)


def write(record: dict, folder: Path) -> None:
    """FOLDER/growth.md and FOLDER/figures/growth.png; a text below the mark of an earlier page stays."""
    figure(record, folder)
    page, mark = folder / "growth.md", "<!-- written by hand below -->"
    kept = page.read_text().partition(mark)[2] if page.exists() else "\n"
    lines = ["# Growth", "", "    python -m benchmarks.growth --core 0", ""]
    lines += [
        "How cost grows with the work. Every point is a process of its own on one pinned core with one thread; CPU"
    ]
    lines += [
        "is that of all its processes, the peak of resident memory that of the largest. `events` and `draws` are"
    ]
    lines += [
        "whole commands, some 20 s of start and compilation included; of `step` and `draws` of a flow the median of"
    ]
    lines += ["three after the first. Batch 512, hidden layers 2 x 128, condition network 2 x 256 to 64.", ""]
    lines += ["![CPU time and peak memory against the work](figures/growth.png)", ""]
    for part in [part for part in TITLES if part in record["parts"]]:
        found = record["parts"][part]
        lines += [f"## {TITLES[part]}", ""]
        about = found["machine"]
        where = f"{about['cpu']}, {about['memory_gib']:.0f} GiB, Python {about['python']}"
        lines += [where + (f"; {found['model']}." if part in ("events", "draws") else "."), ""]
        lines += [table(part, found["points"]), ""]
    page.write_text("\n".join([*lines, mark]) + kept)
