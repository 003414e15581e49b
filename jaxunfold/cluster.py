"""Work on many machines by dask.distributed, as an executor of concurrent.futures; an optional extra.

Its scheduler and workers are started by the user (``dask scheduler``, ``dask worker``, dask-jobqueue). A task of a
worker that is gone goes to another one; a scheduler that is gone ends the command in one line.
"""

import concurrent.futures as futures
import contextlib
import importlib
import itertools
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from jaxunfold import cli
from jaxunfold.errors import InputError

CONNECT_SECONDS = 10
HELP = "address of a dask scheduler, as tcp://HOST:8786, whose workers do the work; the file does not depend on it"
_lock = threading.Lock()


class Pool(NamedTuple):
    """Where tasks run: submit: (function, *arguments) -> future; width: () -> how many run at a time."""

    submit: Callable[..., futures.Future]
    width: Callable[[], int]


@contextlib.contextmanager
def connect(address: str) -> Iterator[Pool]:
    """The workers of a dask scheduler; what they still run is cancelled at the end.

    Raises: InputError without dask.distributed, where no scheduler answers, or where it or its workers are lost.
    """
    try:
        distributed = importlib.import_module("distributed")
    except ImportError as error:
        raise InputError(f"--scheduler needs {error.name}, found none: pip install 'jaxunfold[dask]'") from error
    # what they have to say of lost connections is said here in one line
    for name in [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "distributed"]:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        client = distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"--scheduler: expected a dask scheduler at {address}, found none that answers") from error
    try:
        executor = client.get_executor(pure=False)
        if not client.nthreads():
            cli.say(f"{address} has no workers yet: waiting for them")
        # one task at a time in each worker, however many threads it has
        yield Pool(lambda function, *given: executor.submit(alone, function, *given), lambda: len(client.nthreads()))
        executor.shutdown(wait=False)
    except distributed.scheduler.KilledWorker as error:
        raise InputError(
            f"--scheduler: expected workers that live, found that one task ended several: {error}"
        ) from error
    except (futures.CancelledError, OSError, TimeoutError) as error:
        if client.status == "running" and isinstance(error, OSError):
            raise
        raise InputError(f"--scheduler: {address} is gone; what is done is kept for the next call") from error
    finally:
        with contextlib.suppress(Exception):
            client.close(timeout=2)


def alone(function: Callable, *given) -> Any:
    """What a worker runs."""
    with _lock:
        return function(*given)


def unordered(pool: Pool, function: Callable, tasks: Iterable[tuple]) -> Iterator[tuple[tuple, Any]]:
    """(task, its result) of every task, a tuple of arguments, as they finish; a bounded number is under way."""
    tasks, running = iter(tasks), {}
    while True:
        # twice, so that no worker waits while a result is taken in
        for task in itertools.islice(tasks, max(0, 2 * max(1, pool.width()) - len(running))):
            running[pool.submit(function, *task)] = task
        if not running:
            return
        for future in futures.wait(running, return_when=futures.FIRST_COMPLETED).done:
            yield running.pop(future), future.result()
