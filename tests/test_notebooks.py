"""The notebooks run from the first cell to the last, with small numbers; their stored outputs are whole and small."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
BOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# name: (what the cell tagged "parameters" is replaced by, words in what it prints)
SMALL = {
    "1_unfold_in_ten_minutes": (
        {"num_events": 50, "num_draws": 20},
        ["cinn trained on 48000 events", "draws (50, 20, 4, 4)", "log p(exchanged | reco)"],
    ),
    "2_bring_your_own_delphes_file": (
        {"num_events": 60, "num_draws": 8},
        ["kept", "60 (100.0 %)", "submission.yaml"],
    ),
    "3_which_uncertainty": (
        {"num_events": 100, "steps": 10, "members": 2, "repeats": 2},
        ["within 1 sigma", "bootstrap"],
    ),
    "4_five_methods": (
        {"num_events": 100, "num_draws": 6, "num_simulated": 500, "epochs": 1},
        ["iterations that were worth it", "calibration off by", "flow matching"],
    ),
    "5_new_physics": (
        {"num_events": 180, "num_draws": 4},
        ["200 events, 20 of them W'", "half of the central 68 %", "outside of the training's support"],
    ),
    "6_latent_space_refinement": (
        {"num_points": 1000, "epochs": 1, "num_chains": 50, "blocks": 2},
        ["accepted", "between the islands"],
    ),
    "7_scale_out": (
        {"num_events": 1024, "epochs": 1, "blocks": 1},
        ["4 devices", "parameters on 4 of them", "largest difference of the losses"],
    ),
}
# in a process of its own: the client's event loop and sockets are not what this test is about
EXECUTE = """
import sys, nbformat, nbclient
book = nbformat.read(sys.argv[1], as_version=4)
try:
    nbclient.NotebookClient(book, timeout=300, kernel_name="python3").execute()
finally:
    nbformat.write(book, sys.argv[1])
"""


def execute(book, folder):
    """Execute in the folder of the notebooks; the executed book."""
    nbformat.write(book, folder / "book.ipynb")
    env = {**os.environ, "MPLBACKEND": "module://matplotlib_inline.backend_inline", "JAX_PLATFORMS": "cpu"}
    # its time is compilation
    env |= {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1", "IPYTHONDIR": str(folder), "JUPYTER_RUNTIME_DIR": str(folder)}
    env |= {"PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    command = [sys.executable, "-c", EXECUTE, str(folder / "book.ipynb")]
    done = subprocess.run(command, cwd=ROOT / "notebooks", env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-4000:]
    return nbformat.read(folder / "book.ipynb", as_version=4)


def texts(book):
    """All that the cells printed, tables of the commands included."""
    outputs = [out for cell in book.cells for out in cell.get("outputs", [])]
    printed = [out.text for out in outputs if out.output_type == "stream" and out.name == "stdout"]
    return "".join([*printed, *(out.data.get("text/plain", "") for out in outputs if "data" in out)])


def figures(book):
    """How many figures the book shows."""
    return sum("image/png" in out.get("data", {}) for cell in book.cells for out in cell.get("outputs", []))


def test_every_notebook_is_executed():
    assert [path.stem for path in BOOKS] == list(SMALL)


@pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.stem)
def test_runs_with_small_numbers(tmp_path, path):
    book = nbformat.read(path, as_version=4)
    values, words = SMALL[path.stem]
    [cell] = [cell for cell in book.cells if "parameters" in cell.metadata.get("tags", ())]
    for name in values:
        assert name in cell.source
    # a warning inside the library or the notebook is an error, as in all tests
    lines = ["import warnings", "warnings.filterwarnings('error', module='jaxunfold|__main__')"]
    cell.source = "\n".join([*lines, *(f"{name} = {value!r}" for name, value in values.items())])
    done = execute(book, tmp_path)
    for word in words:
        assert word in texts(done)
    assert figures(done) == figures(book) > 0


@pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.stem)
def test_stored_whole_and_small(path):
    """Outputs are kept, none of them an error; the first code cell installs what is missing."""
    assert path.stat().st_size < 400_000
    assert nbformat.validate(json.loads(path.read_text())) is None
    code = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert "%pip install" in code[0].source
    assert all(cell.execution_count for cell in code)
    assert not any(out.output_type == "error" for cell in code for out in cell.outputs)
