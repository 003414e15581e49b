"""The entry helper: one clear line and status 2 for every error, --help and success 0."""

import errno
import importlib
import os
import shlex
from pathlib import Path

import pytest

from jaxunfold import cli
from jaxunfold.errors import InputError


def run(argv, body=lambda args: None):
    parser = cli.parser("train", "Train a method.", config=True, workdir=False, data=False, seed=False)
    parser.add_argument("--draws", type=int, default=60, help="draws per event")
    return cli.run_command(body, parser, argv)


def failing(error):
    def body(args):
        raise error

    return body


def error_line(capsys):
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    return err


def test_arguments_and_overrides():
    seen = []
    argv = ["--config", "a.py:smoke", "--config.model.depth=3", "--config.path=a=b", "--config.x", "-1"]
    assert run([*argv, "--draws=7"], seen.append) == 0
    args = seen[0]
    assert (args.config, args.draws, args.workdir, args.seed) == ("a.py:smoke", 7, None, 0)
    assert args.overrides == [("model.depth", "3"), ("path", "a=b"), ("x", "-1")]


def test_help(capsys):
    assert run(["--help"]) == 0
    out, err = capsys.readouterr()
    assert "Train a method." in out
    assert "--config.KEY=VALUE" in out
    assert err == ""


@pytest.mark.parametrize(
    "name", sorted(p.stem for p in Path(cli.__file__).parent.glob("*.py") if "__main__" in p.read_text())
)
def test_help_of_every_command_shows_an_example_that_it_takes(name, capsys, monkeypatch):
    command = importlib.import_module(f"jaxunfold.{name}")
    assert command.main(["--help"]) == 0
    printed = capsys.readouterr().out.split("example:\n")[1].replace("\\\n", " ")
    python, minus_m, module, *argv = shlex.split(printed)
    assert (python, minus_m, module) == ("python", "-m", f"jaxunfold.{name}")
    taken = []
    monkeypatch.setattr(cli, "run_command", lambda body, parser, argv: taken.append(cli.parse(parser, argv)) or 0)
    assert command.main(argv) == 0
    assert len(taken) == 1


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--confg", "a.py"], ["unknown flag --confg", "did you mean --config?"]),
        (["--config", "a.py", "--nothing-like-it"], ["unknown flag --nothing-like-it"]),
        (["--conf", "a.py"], ["unknown flag --conf"]),
        (["--config", "a.py", "-x"], ["unknown flag '-x'"]),
        (["--config", "a.py", "stray"], ["stray argument 'stray'"]),
        ([], ["required", "--config"]),
        (["--config"], ["--config", "expected one argument"]),
        (["--config", "a.py", "--draws", "many"], ["--draws", "int", "'many'"]),
        (["--config", "a.py", "--config.epochs"], ["--config.epochs", "=VALUE"]),
    ],
)
def test_bad_arguments(argv, words, capsys):
    assert run(argv, failing(AssertionError("the body must not run"))) == 2
    line = error_line(capsys)
    for word in words:
        assert word in line


def test_overrides_need_a_config(capsys):
    assert cli.run_command(lambda args: None, cli.parser("unfold", "Unfold."), ["--config.a=1"]) == 2
    assert "unknown flag --config.a" in error_line(capsys)


def caused(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (InputError("a.h5: weight\nrow 3"), ["a.h5: weight row 3"]),
        (OSError(errno.ENOSPC, "No space left on device", "runs/x"), ["runs/x: no space left on the disk"]),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), ["/x: permission denied"]),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "y"), ["y: No such file or directory"]),
        (ValueError("RESOURCE_EXHAUSTED: write: No space left on device"), ["no space left on device"]),
        (caused(RuntimeError("save failed"), OSError(errno.ENOSPC, "full", "z")), ["z: no space left"]),
        (MemoryError("Unable to allocate 8 TiB"), ["out of memory", "8 TiB"]),
        (RuntimeError("RESOURCE_EXHAUSTED: Out of memory"), ["out of device memory"]),
        (OSError("Can't write data"), ["Can't write data"]),
    ],
)
def test_errors_of_input_and_machine(error, words, capsys):
    assert run(["--config", "a.py"], failing(error)) == 2
    line = error_line(capsys)
    for word in words:
        assert word in line


def test_faults_of_the_program_keep_their_traceback():
    with pytest.raises(ZeroDivisionError):
        run(["--config", "a.py"], lambda args: 1 / 0)
    with pytest.raises(KeyError):
        run(["--config", "a.py"], failing(caused(KeyError("a"), FileNotFoundError(2, "none", "b"))))


def test_interrupt(capsys):
    assert run(["--config", "a.py"], failing(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_check_writable_dir(tmp_path):
    assert cli.check_writable_dir(tmp_path / "a" / "b") == str(tmp_path / "a" / "b")
    assert os.listdir(tmp_path / "a" / "b") == []
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file: expected a directory, found a file"):
        cli.check_writable_dir(tmp_path / "file")
    with pytest.raises(InputError, match="cannot be written"):
        cli.check_writable_dir(tmp_path / "file" / "below")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_unwritable_dir(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="Permission denied"):
        cli.check_writable_dir(tmp_path / "a")


def test_summary(capsys):
    cli.summary("Trained cINN", {"events": 54000, "loss": 1.23456789, "[tag]": "runs/cinn"})
    out = capsys.readouterr().out
    for word in ("Trained cINN", "54000", "1.235", "[tag]", "runs/cinn"):
        assert word in out


def test_progress_in_plain_lines(capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(cli.time, "monotonic", lambda: now[0])
    with cli.progress("unfold", 100) as advance:
        for i in range(10):
            now[0] += 4.0
            advance(10, note=f"block {i}")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "unfold: 40/100 events, 2.5 events/s, 0:00:24 left block 3"
    assert lines[-1] == "unfold: 100/100 events, 2.5 events/s block 9"
    assert len(lines) == 3


def test_progress_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(cli.sys.stderr, "isatty", lambda: True, raising=False)
    with cli.progress("unfold", 100) as advance:
        advance(100, note="done")
    assert "unfold" in capsys.readouterr().err
