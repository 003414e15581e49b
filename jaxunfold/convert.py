"""Convert other people's files to an event file: Delphes and flat ROOT, LHE, HepMC, Parquet, CSV, NumPy, HDF5.

python -m jaxunfold.convert delphes.root [more.root ...] --config configs/data/delphes_zw.py --out events.h5
"""

import os

from jaxunfold import cli, config
from jaxunfold.conversion import recipe, run
from jaxunfold.errors import InputError

DESCRIPTION = "Convert Delphes and flat ROOT, LHE, HepMC, Parquet, CSV, NumPy and HDF5 files to an event file."
EXAMPLE = "delphes.root --config configs/data/delphes_zw.py --out events.h5"


def main(argv=None) -> int:
    """Entry point; returns the exit status."""
    parser = cli.parser("convert", DESCRIPTION, EXAMPLE, config=True, out=True)
    parser.add_argument("sources", nargs="+", metavar="SOURCE", help="files, one after the other")
    parser.add_argument("--truth", metavar="FILE", help="truth of the same events from another file, e.g. LHE")

    def body(args):
        what = recipe.from_config(config.load(args.config, args.overrides).to_dict())
        if os.path.isdir(args.out):
            raise InputError(f"--out: expected a file, found the directory {args.out}")
        cli.check_writable_dir(os.path.dirname(os.path.abspath(args.out)))
        if any(os.path.exists(args.out) and os.path.samefile(args.out, path)
               for path in [*args.sources, args.truth or ""] if os.path.exists(path)):  # fmt: skip
            raise InputError(f"--out: expected another file than the source, found {args.out}")
        opened = run.plan(what, args.sources, args.truth)
        with cli.progress(f"convert {what.name}", opened.total, opened.unit) as advance:
            flow, total = run.convert(what, opened, args.out, advance)
        rows = {"process": what.name, "kind": "table" if what.is_table else "momenta"}
        rows |= {"truth": ", ".join(what.truth_names) or "none", "reco": ", ".join(what.reco_names)}
        rows |= {cut: f"{number} ({100 * number / flow['read']:.1f} %)" for cut, number in flow.items()}
        cli.summary("converted", rows | {"sum of weights": total, "written": args.out})

    return cli.run_command(body, parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
