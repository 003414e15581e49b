"""Training steps and log-probabilities beside other libraries, the same architecture, on one core.

python -m benchmarks.flows --peers PYTHON [--core 0] [--rounds 5] [--architectures affine,affine_2M,spline] [--smoke]

PYTHON has what benchmarks/peers/requirements.txt lists. Results go to
benchmarks/results/speed/flows.json and benchmarks/flows.md.
"""

from benchmarks import command
from benchmarks.peers import compare
from jaxunfold import cli

HEAD = """The same flow with every library, each in a process of its own on one pinned core with one thread.
Ours is measured before each of the others, again and again; ratios are of such neighbours, medians over rounds,
in seconds of CPU. Ours includes scaling and copies to numpy; the others choose the better of two chunk sizes.
Torch trains with its fused Adam, JAX with donated buffers; what torch.compile takes is with its cache on disk
warm where an earlier run left one. Permutations, global scales and clamps are each library's own."""


def tasks(args) -> list:
    """(task, its numbers)."""
    if args.smoke:
        return [("train", [64, 2]), ("log_prob", [256])]
    return [
        *(("train", [b, 4 if b < 2048 else 1]) for b in command.numbers("--batches", args.batches)),
        ("log_prob", [args.events]),
    ]


def main() -> None:
    """Entry point."""
    parser = compare.parser(__doc__, "affine,affine_2M,spline")
    parser.add_argument("--batches", default="512,4096")
    parser.add_argument("--events", type=int, default=65536)
    raise SystemExit(cli.run_command(lambda args: compare.main("flows", args, tasks, HEAD), parser))


if __name__ == "__main__":
    main()
