"""Processes that find each other, here as threads; and one line in all of them where they do not."""

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from jaxunfold.errors import InputError
from jaxunfold.training.rendezvous import meet


def lines(port, who, patience):
    """What each of (processes, process_id) is told, None where all is well."""

    def one(numbers):
        try:
            meet("127.0.0.1", port, *numbers, patience)
        except InputError as error:
            return str(error)

    with ThreadPoolExecutor(len(who)) as pool:
        return list(pool.map(one, who))


def test_all_are_there(port):
    # the first comes last
    assert lines(port, [(3, 1), (3, 2), (3, 0)], 20) == [None] * 3
    assert lines(port, [(1, 0)], 1) == [None]


@pytest.mark.parametrize(
    ("who", "patience", "line"),
    [
        ([(3, 0), (3, 1)], 1.0, "--processes: expected 3, heard nothing of 2"),
        ([(2, 0), (4, 1)], 20, "--processes: expected the same in all, found 2 and 4"),
        ([(3, 0), (3, 1), (3, 1)], 20, "--process-id: expected each once, found 1 twice"),
    ],
)
def test_all_are_told_what_is_wrong(port, who, patience, line):
    assert lines(port, who, patience) == [line] * len(who)


def test_nobody_is_there(port):
    assert lines(port, [(2, 1)], 0.5) == [f"--coordinator 127.0.0.1:{port}: nobody listens there"]


def test_somebody_else_is_there(port):
    with socket.create_server(("", port)):
        busy = f"--coordinator 127.0.0.1:{port}: cannot listen there: Address already in use"
        silent = f"--coordinator 127.0.0.1:{port}: no answer from process 0"
        assert lines(port, [(2, 0), (2, 1)], 0.5) == [busy, silent]
