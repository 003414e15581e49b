"""The floors of docs/architecture.md: it names every module, and imports go up its list only."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "jaxunfold"
# jaxunfold/__init__.py loads run on first use
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def floors():
    """{module or folder: floor}, from the numbered list under "Floors"."""
    section = (ROOT / "docs/architecture.md").read_text().split("## Floors")[1].split("\n## ")[0]
    lines = re.findall(r"^(\d+)\. (.*?) - ", section, flags=re.MULTILINE)
    return {name: int(number) for number, names in lines for name in re.findall(r"`(\w+)`", names)}


def top_of(path):
    """ "methods" of jaxunfold/methods/cinn.py, "run" of jaxunfold/run.py."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported(path):
    """Modules and folders of the package that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "jaxunfold":
            inner = node.module.split(".")[1:2]
            yield from inner or [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            yield from (name.split(".")[1] for name in (alias.name for alias in node.names) if "jaxunfold." in name)


def test_every_module_has_its_floor():
    assert set(floors()) == {top_of(path) for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_to_a_floor_above_in_the_list(path):
    floor, own = floors(), top_of(path)
    wrong = [name for name in imported(path) if name != own and floor[name] > floor[own]]
    assert not wrong, f"{path}: imports {wrong} from a later floor"


def test_the_simulation_needs_no_library():
    """It starts without waiting for jax, and is an optional extra."""
    names = {name for path in FILES if top_of(path) in ("simulation", "simulate") for name in imported(path)}
    assert names <= {"simulation", "errors", "data", "config", "cli", "cluster"}


def test_files_of_tests_have_names_of_their_own():
    """pytest imports them by name alone, and refuses the second of two where both are collected."""
    names = [path.name for path in Path(__file__).parent.rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
