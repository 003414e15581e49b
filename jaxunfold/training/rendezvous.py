"""Processes of one job find each other, on the coordinator's port, before jax does.

Where one is missing, or the port is taken, jax ends the process from its own threads; here it is an InputError.
Each of the others says who it is in one line of JSON and waits for the answer: nothing, or what is wrong.
"""

import contextlib
import json
import os
import socket
import time

from jaxunfold.errors import InputError

PAUSE = 0.2
"""Seconds between two attempts to reach a process that may not have started yet."""


def meet(host: str, port: int, processes: int, process_id: int, patience: int | float) -> None:
    """Return when all processes are there, at most ``patience`` seconds later.

    Raises: InputError in all that have come, where one is missing or they were not started as one job.
    """
    deadline = time.monotonic() + patience
    if process_id == 0:
        _gather(f"{host}:{port}", port, processes, deadline)
    else:
        _report(host, port, {"processes": processes, "process_id": process_id}, deadline)


def _gather(where: str, port: int, processes: int, deadline: float) -> None:
    """Process 0: wait for all others, then answer all of them."""
    try:
        server = socket.create_server(("", port))
    except OSError as error:
        raise InputError(f"--coordinator {where}: cannot listen there: {os.strerror(error.errno)}") from error
    came, others, wrong = set(), [], ""
    with server, contextlib.ExitStack() as stack:
        while len(came) < processes - 1 and not wrong:
            try:
                server.settimeout(_left(deadline))
                other = stack.enter_context(server.accept()[0])
                other.settimeout(_left(deadline))
                said = json.loads(other.makefile().readline())
                number, count = said["process_id"], said["processes"]
            except TimeoutError:
                missing = ", ".join(str(i) for i in range(1, processes) if i not in came)
                wrong = f"--processes: expected {processes}, heard nothing of {missing}"
                break
            except (OSError, ValueError, KeyError, TypeError):
                continue  # somebody else's connection
            others.append(other)
            if count != processes:
                wrong = f"--processes: expected the same in all, found {processes} and {count}"
            elif number in came:
                wrong = f"--process-id: expected each once, found {number} twice"
            came.add(number)
        for other in others:
            other.sendall((json.dumps({"wrong": wrong}) + "\n").encode())
    if wrong:
        raise InputError(wrong)


def _left(deadline: float) -> float:
    """Seconds until then; zero would mean not to wait at all."""
    return max(deadline - time.monotonic(), 0.01)


def _report(host: str, port: int, who: dict, deadline: float) -> None:
    """Another process: reach process 0 and wait for its answer."""
    while True:
        try:
            server = socket.create_connection((host, port), timeout=_left(deadline))
            break
        except socket.gaierror as error:
            raise InputError(f"--coordinator {host}:{port}: no such host") from error
        except OSError as error:
            if time.monotonic() + PAUSE > deadline:
                raise InputError(f"--coordinator {host}:{port}: nobody listens there") from error
            time.sleep(PAUSE)
    with server:
        server.settimeout(_left(deadline) + PAUSE)
        try:
            server.sendall((json.dumps(who) + "\n").encode())
            wrong = json.loads(server.makefile().readline())["wrong"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"--coordinator {host}:{port}: no answer from process 0") from error
    if wrong:
        raise InputError(wrong)
