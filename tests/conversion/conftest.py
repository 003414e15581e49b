"""Converted files of known events, and commands that must work or refuse."""

import numpy as np
import pytest
from foreign_files import delphes_arrays, record_of, write_tree


@pytest.fixture(scope="session")
def records(zw_events):
    """The first 60 Z W events as particle records."""
    rng = np.random.default_rng(3)
    return [record_of(event.astype(np.float64), rng) for event in zw_events.truth[:60]]


@pytest.fixture(scope="session")
def arrays(zw_events, records):
    return delphes_arrays(zw_events, records, np.random.default_rng(5))


@pytest.fixture(scope="session")
def delphes_file(tmp_path_factory, arrays):
    return write_tree(tmp_path_factory.mktemp("delphes") / "delphes.root", arrays, pieces=3)


@pytest.fixture
def converts(tmp_path):
    """converts(*argv): the events of a conversion to a file of its own."""
    from jaxunfold import convert
    from jaxunfold.data.events import read

    def run(*argv):
        out = tmp_path / "out.h5"
        assert convert.main([*map(str, argv), "--out", str(out)]) == 0
        return read(out)

    return run


@pytest.fixture
def refuses(tmp_path, capsys):
    """refuses(*argv, words=(...)): status 2, one line with the words, and no file left behind."""
    from jaxunfold import convert

    def run(*argv, words):
        out = tmp_path / "never" / "out.h5"
        capsys.readouterr()
        assert convert.main([*map(str, argv), "--out", str(out)]) == 2
        text = capsys.readouterr()
        assert text.out == ""
        # progress lines may come first
        lines = [line for line in text.err.splitlines() if not line.startswith("convert ")]
        assert len(lines) == 1, text.err
        for word in words:
            assert str(word) in lines[0], lines[0]
        assert not out.exists()
        assert not list(out.parent.glob(".*")) if out.parent.exists() else True
        return lines[0]

    return run
