"""The notebooks run from the first cell to the last, on a run that trains in seconds."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from jaxunfold.data.events import write

ROOT = Path(__file__).parents[1]
TINY = [
    "--config.model.flow.blocks=1", "--config.model.flow.hidden=8", "--config.model.condition.units=8",
    "--config.model.condition.output=4", "--config.model.flow.layers=1", "--config.model.condition.layers=1",
    "--config.training.batch_size=128", "--config.training.epochs=1",
]  # fmt: skip
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
    """Execute in the folder of the notebooks; the cells' outputs by their index."""
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
    """All that the cells printed."""
    outputs = [out for cell in book.cells for out in cell.get("outputs", [])]
    return "".join(out.text for out in outputs if out.output_type == "stream" and out.name == "stdout")


@pytest.fixture
def parameters(tmp_path, zw_events):
    """What the cell tagged "parameters" is replaced by."""
    write(tmp_path / "zw.h5", zw_events)
    # without test events there is no report; the notebook looks at the validation events then
    own = ["--data", str(tmp_path / "zw.h5"), "--config.data.valid=100", "--config.data.augment=()"]
    own += ["--config.preprocess.reference=measured"]
    values = {
        "workdir": str(tmp_path / "cinn"),
        "train_args": [*TINY, *own, "--config.data.test=0"],
        "table_workdir": str(tmp_path / "table"),
        "table_args": TINY,
        "num_events": 40,
        "num_draws": 20,
    }
    # a warning inside the library or the notebook is an error, as in all tests
    lines = ["import warnings", "warnings.filterwarnings('error', module='jaxunfold|__main__|mplhep|hist')"]
    return "\n".join([*lines, *(f"{name} = {value!r}" for name, value in values.items())])


def test_first_posterior(tmp_path, parameters):
    book = nbformat.read(ROOT / "notebooks/first_posterior.ipynb", as_version=4)
    [cell] = [cell for cell in book.cells if "parameters" in cell.metadata.get("tags", ())]
    cell.source = parameters
    done = execute(book, tmp_path)
    text = texts(done)
    assert "draws (40, 20, 4, 4)" in text
    assert "batch (5,) event (4, 4) samples (3, 5, 4, 4)" in text
    assert "mass: " in text
    figures = [out for cell in done.cells for out in cell.get("outputs", []) if "image/png" in out.get("data", {})]
    assert len(figures) == 2


def test_notebooks_are_stored_small():
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        assert path.stat().st_size < 400_000, path
        assert nbformat.validate(json.loads(path.read_text())) is None
