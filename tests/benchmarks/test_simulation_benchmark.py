"""The benchmark of the simulation works, tiny; no time is judged."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("pythia8mc", reason="Pythia is not installed: pip install 'jaxunfold[sim]'")
sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks import simulation


def test_stages_page_and_figure(tmp_path):
    found = simulation.stages(3, 1)
    assert found["accepted"] == [3]
    assert found["generated"][0] >= 3
    assert all(simulation.each(found, stage)[0] > 0 for stage in simulation.STAGES)
    machine = {"cpu": "one", "memory_gib": 1.0, "python": "3"}
    called = [{"workers": 2, "cpu": 4.0, "wall": 2.5, "peak_mib": 1234.0}]
    text = simulation.page({"command": "x", "machine": machine, "events": 3, "stages": found, "commands": called})
    assert "| 2 | 4.0 | 2.5 | 1,234 |" in text
    assert "1 rounds of 3 events" in text
    simulation.figure(found, tmp_path / "stages.png")
    assert (tmp_path / "stages.png").stat().st_size > 1000
