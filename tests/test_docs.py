"""The documentation builds without a warning, and names configs and commands that exist."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

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


FAMILIES = sorted(ROOT.glob("docs/families/*.md"))
TABLES = "\n".join(path.read_text() for path in ROOT.glob("benchmarks/*.md"))
MEASURED = [{cell.strip() for cell in line.split("|")} for line in TABLES.splitlines() if line.startswith("|")]


@pytest.mark.parametrize("page", FAMILIES, ids=lambda path: path.name)
def test_numbers_and_figures_of_a_method_are_the_measured_ones(page):
    """Every row of a table is, cell by cell, part of one row of benchmarks/."""
    text = page.read_text()
    rows = [line for line in text.splitlines() if line.startswith("|") and re.search(r"\d", line)]
    for row in rows:
        cells = {cell.strip() for cell in row.split("|")} - {""}
        assert any(cells <= known for known in MEASURED), row
    for figure in re.findall(r"!\[[^]]*\]\((.*?)\)", text):
        assert (page.parent / figure).is_file(), figure
