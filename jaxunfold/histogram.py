"""Histogram an unfolded result, again and again, without the network: values, covariance, HEPData tables.

python -m jaxunfold.histogram RESULT --observable "mass(q1+q2)" --bins 60:100:20 [--out FOLDER | FILE.json]
"""

import json
import os

import numpy as np

from jaxunfold import cli
from jaxunfold.bundle import files, hepdata, spectrum
from jaxunfold.errors import InputError

DESCRIPTION = "Histogram draws of jaxunfold.unfold, without the network."
EXAMPLE = 'draws.h5 --observable "mass(q1+q2)" --bins 60:100:20 --out hepdata'


def write(out: str, found: list[spectrum.Spectrum], result: files.Result) -> str:
    """JSON for a name that ends so, else a HEPData submission in a folder; returns what was written."""
    if out.endswith(".json"):
        with open(out, "w", encoding="utf-8") as file:
            json.dump({"result": os.path.basename(result.path), "spectra": list(map(spectrum.to_dict, found))}, file)
        return out
    if os.path.splitext(out)[1]:
        raise InputError(f"--out: expected a folder, or a name that ends with .json, found {out}")
    about = f"Unfolded with jaxunfold {result.attrs['code_version']}, method {result.attrs['method']}, model "
    about += f"{result.attrs['model_hash']}, data {result.attrs['data_hash']}. {hepdata.support(found[0])}"
    return f"{out}: {', '.join(hepdata.write(out, found, about))}"


def main(argv=None) -> int:
    """Entry point; returns the exit status."""
    parser = cli.parser("histogram", DESCRIPTION, EXAMPLE)
    parser.add_argument("result", metavar="RESULT", help="file that jaxunfold.unfold wrote")
    parser.add_argument("--observable", action="append", required=True, metavar="EXPR", help='e.g. "mass(q1+q2)"')
    parser.add_argument(
        "--bins", action="append", required=True, metavar="BINS", help="LOW:HIGH:NUMBER or edges A,B,C"
    )
    parser.add_argument("--scale", choices=spectrum.SCALES, default="events", help="what a bin holds")
    parser.add_argument("--out", metavar="PATH", help="folder for a HEPData submission, or FILE.json")

    def body(args):
        if len(args.bins) not in (1, len(args.observable)):
            raise InputError(f"--bins: expected one, or one for each --observable, found {len(args.bins)}")
        edges = [spectrum.read_bins(text) for text in args.bins] * (
            len(args.observable) if len(args.bins) == 1 else 1
        )
        result = files.read(args.result)
        found = spectrum.spectra(result, args.observable, edges, args.scale)
        for one in found:
            bins = zip(one.edges[:-1], one.edges[1:], one.values, one.errors)
            title = f"{spectrum.label(one)}, {hepdata.NAMES[one.scale].lower()}"
            inside = {f"{low:g} to {high:g}": f"{value:.5g} ± {error:.2g}" for low, high, value, error in bins}
            below = {"below, above the bins": f"{one.below:.5g}, {one.above:.5g} events"}
            cli.summary(title, inside | below | {"sum": f"{np.sum(one.values):.6g}"})
        rows = {"measured events": found[0].n_events}
        rows["outside of the training's support"] = "not known" if result.outside is None else result.outside
        if args.out:
            rows["written"] = write(args.out, found, result)
        cli.summary(os.path.basename(args.result), rows)

    return cli.run_command(body, parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
