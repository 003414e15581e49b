"""Posterior draws beside other libraries, the same architecture, on one core.

python -m benchmarks.sampling --peers PYTHON [--core 0] [--rounds 5] [--sizes 1500x60] [--first 3] [--smoke]

PYTHON has what benchmarks/peers/requirements.txt lists. Results go to benchmarks/results/speed/sampling.json and
sampling.md.
"""

from benchmarks import command
from benchmarks.peers import compare
from jaxunfold import cli
from jaxunfold.errors import InputError

HEAD = """Draws from the posteriors of events, measured as benchmarks/flows.md says. The condition network runs once
an event with every library. The least work counts the condition's share of every block once an event, too, which only
ours does. Ours is `run.unfold`: draws as numpy arrays in the units of the table, checked to be finite."""


def tasks(args) -> list:
    """(task, its numbers)."""
    sizes = "20x5" if args.smoke else args.sizes
    found = [command.numbers("--sizes", size.replace("x", ",")) for size in sizes.split(",")]
    if any(len(size) != 2 for size in found):
        raise InputError(f"--sizes: expected EVENTSxDRAWS with commas between, found {sizes!r}")
    return [("sample", size) for size in found]


def main() -> None:
    """Entry point."""
    parser = compare.parser(__doc__, "affine,affine_2M,spline")
    parser.add_argument("--sizes", default="1500x60", help="events x draws, separated by commas")
    raise SystemExit(cli.run_command(lambda args: compare.main("sampling", args, tasks, HEAD), parser))


if __name__ == "__main__":
    main()
