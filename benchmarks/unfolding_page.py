"""The page of time to quality: a table, how the mass spectrum's distance falls with time, and OmniFold."""

import json
import statistics

import matplotlib.pyplot as plt

from benchmarks.peers.conduct import ROOT
from benchmarks.peers.judge import KS, MARGINAL
from jaxunfold.report import style

PAGE = ROOT / "benchmarks" / "unfolding.md"
FIGURE = ROOT / "benchmarks" / "figures" / "speed_unfolding.png"
COLOURS = {name: f"C{i + 1}" for i, name in enumerate(("FrEIA", "zuko", "nflows", "normflows", "flowjax", "distrax"))}
COLOURS |= {"sbi": "0.6", "jaxunfold": "black"}
"""Of libraries in the figure; the first colour of the style is our whole recipe's."""

HEAD = f"""# Unfolding: time to quality

    python -m benchmarks.unfolding --peers PYTHON --core 1

CPU seconds of one core until one draw of each of 10,000 test events of `zw_2jet` has a classifier_auc_marginal of at
most {MARGINAL} and a KS distance of m_jj of at most {KS}; 48,000 training events. A process's start, imports and
compilation count; looking at the draws does not. *Ours* is `jaxunfold.train` from the event file on: kinematic fit of
every event, training along one cycle of the learning rate, a record of what was trained on; each length is a training
of its own. The others, and ours in the row *jaxunfold, our coordinates*, train on a finished table, with Adam at a
constant rate of 0.001 (FrEIA 0.0008, the thesis's) and batches of 512, and are looked at whenever they have trained a
quarter longer: on *momentum* components of truth and measured objects, standardised, as in the papers, or on *our
coordinates*, whose making and undoing they are spared. FrEIA has the papers' 24 affine blocks, the others a spline
flow of 6 blocks with 64 hidden units, as ours;
sbi its own defaults, which train by whole epochs of batches of 200.
"""


def last(looks: list[dict]) -> dict:
    return looks[-1] if looks else {"ks": float("nan"), "marginal": None, "joint": None}


def reached(look: dict) -> bool:
    """Whether a look found what is asked for."""
    return look["ks"] <= KS and look["marginal"] is not None and look["marginal"] <= MARGINAL


def number(value: float | None, form: str = "{:.3f}") -> str:
    return "-" if value is None else form.format(value)


def table(record: dict) -> str:
    """A line for every library and its coordinates."""
    lines = [
        "| | CPU [s] | wall [s] | CPU over ours | trained for | marginal AUC | joint AUC | KS of m_jj |",
        "|---|---:|---:|---:|---|---:|---:|---:|",
    ]
    own = {}
    for name, seeds in record["ours"].items():
        ends = [last(looks) for looks in seeds]
        own[name] = statistics.median(end["cpu"] for end in ends)
        spread = f" ({min(e['cpu'] for e in ends):.0f} to {max(e['cpu'] for e in ends):.0f})"
        middle = {key: statistics.median(end[key] for end in ends) for key in ("wall", "marginal", "joint", "ks")}
        epochs = " to ".join(str(e) for e in sorted({end["epochs"] for end in ends}))
        short = "" if all(map(reached, ends)) else "not within "
        lines.append(
            f"| {name} | {short}{own[name]:.0f}{spread} | {middle['wall']:.0f} | {own[name] / own['jaxunfold']:.2f} "
            f"| {epochs} epochs, {len(ends)} seeds "
            f"| {middle['marginal']:.3f} | {middle['joint']:.3f} | {middle['ks']:.3f} |"
        )
    for name, row in record["peers"].items():
        if not row.get("looks"):
            lines.append(f"| {name} | {row.get('missing', 'no look')} | | | | | | |")
            continue
        end = last(row["looks"])
        much = end["cpu"] / own["jaxunfold"]
        done = reached(end)
        lines.append(
            f"| {name} | {'' if done else 'not within '}{end['cpu']:.0f} | {end['wall']:.0f} "
            f"| {'' if done else 'more than '}{much:.1f} | {end['updates']:,} updates | {number(end['marginal'])} "
            f"| {number(end['joint'])} | {end['ks']:.3f} |"
        )
    return "\n".join(lines)


def draw(record: dict) -> None:
    """KS distance of m_jj against CPU seconds, momenta and our coordinates in a panel each."""
    with style.context():
        figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained", sharey=True, sharex=True)
        panels = {"momenta": "trained on momentum components", "ours": "trained on a table of our coordinates"}
        for ax, (coordinates, text) in zip(axes, panels.items()):
            rows = [row for row in record["peers"].values() if row.get("looks")]
            rows = [row for row in rows if row["recipe"]["coordinates"] == coordinates]
            for row in rows:
                looks = row["looks"]
                library = row["recipe"]["library"]
                color = COLOURS[library]
                label = "jaxunfold, the same table" if library == "jaxunfold" else library
                ax.plot([x["cpu"] for x in looks], [x["ks"] for x in looks], "-", color=color, lw=1, label=label)
                if reached(looks[-1]):
                    ax.plot(looks[-1]["cpu"], looks[-1]["ks"], "o", color=color)
            for looks in record["ours"]["jaxunfold"]:
                first = looks is record["ours"]["jaxunfold"][0]
                x, y = [x["cpu"] for x in looks], [x["ks"] for x in looks]
                ax.plot(
                    x,
                    y,
                    "-",
                    color="C0",
                    lw=1.5,
                    label="jaxunfold, from the event file,\nin our coordinates" if first else None,
                )
                if reached(looks[-1]):
                    ax.plot(x[-1], y[-1], "o", color="C0")
            ax.axhline(KS, color="0.4", lw=1, ls="--")
            ax.set(xscale="log", yscale="log", xlabel="CPU time [s]", title=text, xlim=(5, 1000), ylim=(5e-3, 1))
        axes[0].set_ylabel(r"KS distance of $m_{jj}$")
        handles = {label: h for ax in axes for h, label in zip(*ax.get_legend_handles_labels())}
        figure.legend(handles.values(), handles.keys(), loc="outside right upper", fontsize=8)
        figure.savefig(FIGURE, dpi=110)
        plt.close(figure)


def omnifold() -> str:
    """OmniFold's seconds an iteration beside the package of that name."""
    found = json.loads((ROOT / "benchmarks/results/omnifold/speed.json").read_text())
    peer, each = found["cpu_peer"], statistics.mean(found["cpu"][1:])
    theirs = statistics.mean(peer["cpu"][1:]) * found["events"] / peer["events"]
    return f"""## OmniFold, one iteration

    python benchmarks/omnifold.py speed --peer PYTHON --iterations 2 --peer-events {peer["events"]}

{found["events"]:,} simulated and as many measured events of six columns, networks {tuple(found["hidden"])},
batches of {found["batch_size"]}: {each:.1f} CPU seconds, the package `omnifold` {theirs:.0f}, scaled from
{peer["events"]:,} events: **{theirs / each:.0f} times ours**, where 5 is aimed at. What of it is less work is said in
[quality.md](quality.md). The first iteration, which compiles, is left out of both.
"""


def write_page(record: dict) -> None:
    """benchmarks/unfolding.md and its figure."""
    draw(record)
    about, versions = record["machine"], {}
    for row in record["peers"].values():
        versions |= row.get("versions", {})
    known = ", ".join(f"{key} {value}" for key, value in versions.items())
    parts = [
        HEAD,
        f"{about['cpu']}, {about['memory_gib']:.0f} GiB; Python {about['python']}, {known}. The others: one seed.",
        record["note"],
        table(record),
        f"![KS distance of m_jj against CPU time](figures/{FIGURE.name})",
        "Dashed: what is asked of it. A dot: the marginal AUC suffices as well.",
        omnifold(),
    ]
    PAGE.write_text("\n\n".join(part.strip("\n") for part in parts if part) + "\n")
