"""Export draws to Parquet or ROOT, one row a draw, with any observables.

python -m jaxunfold.export RESULT --out draws.parquet [--observable m_jj="mass(q1+q2)"]
"""

import os

from jaxunfold import cli
from jaxunfold.bundle import files, tables
from jaxunfold.errors import InputError

DESCRIPTION = "Export draws of jaxunfold.unfold, one row a draw, to Parquet or ROOT."
EXAMPLE = 'draws.h5 --out draws.root --observable m_jj="mass(q1+q2)"'


def main(argv=None) -> int:
    """Entry point; returns the exit status."""
    parser = cli.parser("export", DESCRIPTION, EXAMPLE, out=True)
    parser.add_argument("result", metavar="RESULT", help="file that jaxunfold.unfold wrote")
    parser.add_argument("--observable", action="append", default=[], metavar="NAME=EXPR", help="a column more")

    def body(args):
        result, wanted = files.read(args.result), {}
        for text in args.observable:
            name, equals, expression = text.partition("=")
            if not equals or not name or name in wanted:
                raise InputError(f"--observable: expected NAME=EXPRESSION with a name of its own, found {text!r}")
            wanted[name] = expression
        cli.check_writable_dir(os.path.dirname(os.path.abspath(args.out)))
        number = tables.write(args.out, result, {**result.named, **wanted})
        rows = {"rows": number, "outside of the training's support": result.outside, "written": args.out}
        cli.summary("exported", {key: value for key, value in rows.items() if value is not None})

    return cli.run_command(body, parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
