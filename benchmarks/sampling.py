"""Posterior draws beside other libraries, the same architecture, on one core.

python -m benchmarks.sampling --peers PYTHON [--core 0] [--rounds 5] [--sizes 1500x60] [--first 3] [--smoke]

PYTHON has what benchmarks/peers/requirements.txt lists. Results go to benchmarks/results/speed/sampling.json and
sampling.md.
"""

from benchmarks.peers import compare

HEAD = """Draws from the posteriors of events, measured as benchmarks/flows.md says. The condition network runs once
an event with every library. The least work counts the condition's share of every block once an event, too, which only
ours does. Ours is `run.unfold`: draws as numpy arrays in the units of the table, checked to be finite."""


def tasks(args) -> list:
    """(task, its numbers)."""
    sizes = "20x5" if args.smoke else args.sizes
    return [("sample", [int(n) for n in size.split("x")]) for size in sizes.split(",")]


def main() -> None:
    """Entry point."""
    parser = compare.parser(__doc__, "affine,affine_2M,spline")
    parser.add_argument("--sizes", default="1500x60", help="events x draws, separated by commas")
    compare.main("sampling", parser.parse_args(), tasks, HEAD)


if __name__ == "__main__":
    main()
