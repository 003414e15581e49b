"""The documentation builds without a warning, and names configs and commands that exist."""

import importlib
import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from jaxunfold import cli

ROOT = Path(__file__).parents[1]
PAGES = sorted(ROOT.glob("docs/**/*.md"))


def test_site_builds_strictly(tmp_path):
    pytest.importorskip("mkdocs")
    pytest.importorskip("mkdocstrings")
    argv = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(tmp_path)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Which method for me" in (tmp_path / "methods" / "index.html").read_text()
    assert "Loftsgaarden" in (tmp_path / "reference" / "index.html").read_text()
    book = tmp_path / "notebooks" / "5_new_physics"
    assert "m<sub>ZW</sub>" in (book / "index.html").read_text()
    assert book.with_name("5_new_physics_0.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda path: path.name)
def test_commands_and_configs_exist(page):
    text = page.read_text()
    for name in set(re.findall(r"python -m jaxunfold\.(\w+)", text)):
        assert hasattr(importlib.import_module(f"jaxunfold.{name}"), "main")
    for path in set(re.findall(r"configs/[\w/]+\.py", text)):
        assert (ROOT / path).is_file(), path


@pytest.fixture(scope="module")
def measured():
    spec = importlib.util.spec_from_file_location("measured", ROOT / "docs" / "measured.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/families/*.md")), ids=lambda path: path.name)
def test_tables_and_figures_of_a_method_are_there(page, measured):
    """Every table that a page asks for is in benchmarks/, and it holds no table of its own."""
    text = page.read_text()
    assert not measured.tables(text)
    assert len(measured.tables(measured.fill(text))) == text.count("<!-- measured:")
    for figure in re.findall(r"!\[[^]]*\]\((.*?)\)", text):
        assert (page.parent / figure).is_file(), figure


def test_a_table_is_cut_to_what_was_asked(measured):
    text = "| | a | b |\n|---|---|---|\n| x | 1 | 2 |\n| y | 3 | 4 |\n"
    assert measured.pick(text, ["b"], ["y"]) == "|  | b |\n| --- | --- |\n| y | 4 |"
    with pytest.raises(ValueError, match="expected a table with the columns"):
        measured.pick(text, ["c"], [])


@pytest.mark.parametrize("page", ["scaling.md", "howto.md"])
def test_commands_parse(page, monkeypatch):
    """Every flag of the commands on a page is one of the command's, and none that it needs is missing."""
    monkeypatch.setattr(cli, "run_command", lambda body, parser, argv=None: bool(cli.parse(parser, argv)))
    text = (ROOT / "docs" / page).read_text()
    blocks = "\n".join(re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL)).replace("\\\n", " ")
    # what the shell fills in may be a number
    blocks = re.sub(r"\$\(.*?\)|\$\w+", "1", blocks)
    found = re.findall(r"python -m jaxunfold\.(\w+) (.*)", blocks)
    assert found
    for name, words in found:
        assert importlib.import_module(f"jaxunfold.{name}").main(shlex.split(words, comments=True)) is True
