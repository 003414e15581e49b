"""The benchmark of growth works, tiny and in this process; no time is judged."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks import enlarge, growth, growth_page
from benchmarks.peers import ours
from benchmarks.peers.architecture import ARCHITECTURES, parameters
from jaxunfold.data.events import read, sample_path


@pytest.mark.usefixtures("quick_compile")
def test_a_flow(monkeypatch):
    monkeypatch.setattr(ours, "ROWS", 512)
    a = ARCHITECTURES["smoke"]._replace(blocks=1, dim=4)
    found = growth.flow(a, 32, 2, 8, 4)
    assert found["parameters"] == parameters(a) + 3 * a.dim * a.blocks
    assert all(found[name] > 0 for name in ("step", "thousand_draws", "step_first", "thousand_draws_first"))


def test_a_process_is_measured():
    """A tenth of a second of work in each of two, and 64 MiB."""
    work = "import time\nwhile time.process_time() < 0.1: pass\nx = b'1' * 2**26\nprint(7)"
    found = growth.run([[sys.executable, "-c", work]] * 2, None)
    assert found["cpu"] > 0.2
    assert found["peak_mib"] > 64
    assert found["said"] == "7\n"
    with pytest.raises(RuntimeError, match="no such thing"):
        growth.run([[sys.executable, "-c", "raise SystemExit('no such thing')"]], None)


def test_a_file_of_turned_events(tmp_path):
    """Turned about the beam, and nothing else: transverse momenta and angles between objects stay."""
    enlarge.enlarge(tmp_path / "a.h5", 100_000)
    few, events = read(sample_path("zw_2jet"), limit=50), read(tmp_path / "a.h5")
    assert len(events) == 100_000
    assert events.truth is None
    again = events.reco[len(read(sample_path("zw_2jet"))) :][:50]
    for found in (events.reco[:50], again):
        np.testing.assert_allclose(np.hypot(*found.T[1:3]), np.hypot(*few.reco.T[1:3]), rtol=1e-5)
        dot = [np.einsum("ni,ni->n", p[:, 0, 1:3], p[:, 2, 1:3]) for p in (found, few.reco)]
        np.testing.assert_allclose(*dot, rtol=1e-3, atol=1.0)
    assert np.abs(again - events.reco[:50]).max() > 1


def test_page(tmp_path):
    machine = {"cpu": "one", "memory_gib": 1.0, "python": "3"}
    whole = [{"size": 10**k, "cpu": 1.0 + k, "peak_mib": 900.0, "megabytes": 1.0} for k in (3, 4)]
    flow = [{"size": d, "peak_mib": 700.0, "step": 0.01, "thousand_draws": 0.002} for d in (12, 200)]
    parts = {"events": whole, "dimensions": flow}
    record = {"parts": {k: {"points": v, "machine": machine, "model": "model:m"} for k, v in parts.items()}}
    growth_page.write(record, tmp_path)
    page = tmp_path / "growth.md"
    page.write_text(page.read_text() + "Told by hand.\n")
    growth_page.write(record, tmp_path)
    text = page.read_text()
    assert "| 10,000 | 5.0 | 900 | 1.0 |" in text
    assert "| 200 | 10.0 | 2.0 |".replace("| 200 |", "| 200 | 700 |") in text
    assert text.endswith("Told by hand.\n")
    assert (tmp_path / "figures" / "growth.png").is_file()
