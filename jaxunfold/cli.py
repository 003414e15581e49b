"""The entry helper of every command: arguments, one clear line for every error, progress and summary.

A command is ``def main(argv=None): return cli.run_command(body, cli.parser(...), argv)``. Status 0 is
success, 2 an error of the user's or the machine's with one line on stderr, 130 an interruption.
"""

import argparse
import contextlib
import difflib
import errno
import os
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from jaxunfold.errors import InputError

COMMON = {
    "config": {"metavar": "FILE[:ARG]", "help": "config file; --config.KEY=VALUE changes one of its values"},
    "workdir": {"metavar": "DIR", "help": "directory of the run"},
    "data": {"metavar": "FILE", "help": "event file or table file (HDF5)"},
    "out": {"metavar": "PATH", "help": "where the result is written"},
    "seed": {"type": int, "default": 0, "help": "random seed"},
}
DISK = {
    errno.ENOSPC: "no space left on the disk",
    errno.EDQUOT: "disk quota exceeded",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EROFS: "read-only file system",
}
DISK_TEXTS = ("No space left on device", "Disk quota exceeded", "Permission denied", "Read-only file system")
QUIET_SECONDS = 15.0
"""Time between two lines of progress where stdout is no terminal."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str):
        raise InputError(message)


def parser(command: str, description: str, example: str = "", **common: bool) -> argparse.ArgumentParser:
    """A parser for ``python -m jaxunfold.COMMAND``.

    Args:
      command: Its name.
      description: First line of --help.
      example: Arguments of a typical call, the last lines of --help; may have line breaks.
      **common: Which flags of ``COMMON`` it takes, e.g. config=True (required), workdir=False (optional).
    """
    name, lines = f"python -m jaxunfold.{command}", example.splitlines()
    out = _Parser(
        name,
        description=textwrap.fill(" ".join(description.split()), 100),
        epilog=" \\\n      ".join([f"example:\n  {name} {lines[0]}", *lines[1:]]) if lines else None,
        # an example is to be copied: no line of it may be broken
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    for name, required in common.items():
        options = {**COMMON[name], "required": True} if required else COMMON[name]
        out.add_argument(f"--{name}", **options)
    return out


def parse(parser: argparse.ArgumentParser, argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The arguments, with ``overrides``: the (key, value) of every --config.KEY=VALUE.

    Raises: InputError for an unknown flag (with the nearest one), a stray argument, a missing or wrong value.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    known = [flag for action in parser._actions for flag in action.option_strings]
    rest, overrides = [], []
    while argv:
        token = argv.pop(0)
        flag, equals, value = token.partition("=")
        if flag.startswith("--config.") and "--config" in known:
            if not equals and argv and not argv[0].startswith("--"):
                equals, value = "=", argv.pop(0)
            if not equals:
                raise InputError(f"{flag} expected a value, as in {flag}=VALUE")
            overrides.append((flag.removeprefix("--config."), value))
        else:
            rest.append(token)
    if not {"-h", "--help"} & set(rest):
        for token in rest:
            flag = token.partition("=")[0]
            if flag.startswith("--") and flag not in known:
                near = difflib.get_close_matches(flag, known, n=1)
                raise InputError(f"unknown flag {flag}" + (f", did you mean {near[0]}?" if near else ""))
    args, stray = parser.parse_known_args(rest)
    if stray:
        kind = "unknown flag" if stray[0].startswith("-") else "stray argument"
        raise InputError(f"{kind} {stray[0]!r}")
    args.overrides = overrides
    return args


def check_at_least(args: argparse.Namespace, **least: int) -> None:
    """Refuse numbers below what makes sense, e.g. check_at_least(args, draws=1, seed=0); None passes."""
    for name, smallest in least.items():
        value = getattr(args, name)
        if value is not None and value < smallest:
            raise InputError(f"--{name}: expected {smallest} or more, found {value}")


def run_command(
    body: Callable[[argparse.Namespace], Any],
    parser: argparse.ArgumentParser,
    argv: Sequence[str] | None = None,
) -> int:
    """Run a command and return its exit status; errors of the input or the machine are one line on stderr."""
    try:
        body(parse(parser, argv))
        sys.stdout.flush()
        return 0
    except SystemExit as stop:  # --help
        return stop.code if isinstance(stop.code, int) else 2 if stop.code else 0
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except Exception as error:
        line = explain(error)
        if line is None:
            raise
        print(f"error: {' '.join(line.split())}", file=sys.stderr)
        return 2


def explain(error: BaseException) -> str | None:
    """One line for an error that is not a fault of the program; None for one that is."""
    chain, seen = error, []
    while chain is not None and chain not in seen:  # libraries wrap a full disk into errors of their own
        seen.append(chain)
        if isinstance(chain, InputError):
            return str(chain)
        if isinstance(chain, OSError) and chain.errno in DISK:
            return f"{chain.filename}: {DISK[chain.errno]}" if chain.filename else DISK[chain.errno]
        for text in DISK_TEXTS:
            if text in str(chain):
                return f"{text.lower()} ({_short(chain)})"
        if isinstance(chain, MemoryError):
            return f"out of memory ({_short(chain)})"
        if "RESOURCE_EXHAUSTED" in str(chain):
            return f"out of device memory ({_short(chain)})"
        if chain is error and isinstance(chain, OSError) and chain.filename:
            return f"{chain.filename}: {chain.strerror or type(chain).__name__}"
        chain = chain.__cause__ or chain.__context__
    return _short(error) if isinstance(error, OSError) else None


def check_writable_dir(path: str | os.PathLike) -> str:
    """Make the directory where it is missing, and see that a file can be written in it; returns the path."""
    path = os.fspath(path)
    try:
        os.makedirs(path, exist_ok=True)
        with tempfile.TemporaryFile(dir=path) as file:
            file.write(b"0")
    except FileExistsError as error:
        raise InputError(f"{path}: expected a directory, found a file") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from error
    return path


def say(line: str) -> None:
    """A line on what is going on, on stderr beside the progress bars."""
    print(line, file=sys.stderr, flush=True)


def summary(title: str, rows: Mapping[str, Any] | Sequence[tuple[str, Any]]) -> None:
    """Print a table of names and values, the last thing a command says."""
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in rows.items() if isinstance(rows, Mapping) else rows:
        table.add_row(Text(str(name)), Text(f"{value:.4g}" if isinstance(value, float) else str(value)))
    Console().print(table)


class _Rate(ProgressColumn):
    """Steps per second so far."""

    def __init__(self, unit: str):
        super().__init__()
        self.unit = unit

    def render(self, task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.4g} {self.unit}/s" if speed else "")


@contextlib.contextmanager
def progress(description: str, total: int, unit: str = "events") -> Iterator[Callable[..., None]]:
    """A progress bar with rate and time left on stderr; a line now and then where that is no terminal.

    Yields: advance(n=1, note=""), to be called when n more are done; the note is shown beside the bar.
    """
    if sys.stderr.isatty():
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(unit))
        columns += (TimeRemainingColumn(), TextColumn("{task.fields[note]}"))
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(description, total=total, note="")
            yield lambda n=1, note="": bar.update(task, advance=n, note=note)
        return
    start = last = time.monotonic()
    done = 0

    def line(now: float, note: str) -> None:
        rate = done / max(now - start, 1e-9)
        left = f", {_clock((total - done) / rate)} left" if rate and done < total else ""
        text = f"{description}: {done}/{total} {unit}, {rate:.4g} {unit}/s{left} {note}"
        print(text.rstrip(), file=sys.stderr, flush=True)

    def advance(n: int = 1, note: str = "") -> None:
        nonlocal done, last
        done += n
        now = time.monotonic()
        if now - last >= QUIET_SECONDS or done >= total:
            last = now
            line(now, note)

    yield advance


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"


def _short(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else text[:300] + " ..."
