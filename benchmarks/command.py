"""What a script does around its study: arguments, a folder to write in, errors in one line."""

import argparse
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from jaxunfold import cli
from jaxunfold.data import events
from jaxunfold.data.events import Events
from jaxunfold.errors import InputError


def parser(doc: str, out: str, seeds: int | None = 1) -> argparse.ArgumentParser:
    """For a script's own arguments, with --out and, unless None, --seeds and these defaults."""
    found = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--out", default=out, help="folder of numbers, figures and trained runs")
    if seeds is not None:
        found.add_argument("--seeds", type=int, default=seeds, help="how many, from 0 on")
    return found


def chosen(flag: str, text: str, known: Collection[str], separator: str = ",") -> list[str]:
    """The names that a flag's text gives. Raises: InputError for an unknown one."""
    names = text.split(separator)
    if unknown := [name for name in names if name not in known]:
        raise InputError(f"{flag}: expected some of {', '.join(map(repr, known))}, found {unknown[0]!r}")
    return names


def numbers(flag: str, text: str, below: int | None = None) -> list[int]:
    """Whole numbers with commas between. Raises: InputError for anything else, or one that is not below the limit."""
    for word in text.split(","):
        if not word.isdecimal() or (below is not None and int(word) >= below):
            limit = "" if below is None else f" below {below}"
            raise InputError(f"{flag}: expected whole numbers{limit} with commas between, found {word!r}")
    return [int(word) for word in text.split(",")]


def table(path: str, columns: Sequence[str]) -> Events:
    """Events of a file whose truth has these columns. Raises: InputError that names the first that is missing."""
    found = events.read(path, require_truth=True)
    if missing := [name for name in columns if name not in found.truth_names]:
        raise InputError(f"{path}: expected a column {missing[0]} of truth, found {', '.join(found.truth_names)}")
    return found


def run(carry_out: Callable[[argparse.Namespace, Path], None], parser: argparse.ArgumentParser) -> None:
    """End with the status of carry_out(arguments, folder): 2 after one line where the input is at fault."""

    def body(args):
        if isinstance(getattr(args, "seeds", None), int):
            cli.check_at_least(args, seeds=1)
        carry_out(args, Path(cli.check_writable_dir(args.out)))

    raise SystemExit(cli.run_command(body, parser))
