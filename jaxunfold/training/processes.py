"""Several processes that train as one: joining and leaving, who writes, and whether all of them agree."""

import jax
import numpy as np

from jaxunfold.errors import InputError
from jaxunfold.training import rendezvous

AUTO = "auto"
"""In the place of a coordinator's address: what the cluster's own environment (Slurm, MPI, a TPU pod) says."""
PATIENCE_SECONDS = 300
"""How long the processes of a job may be apart when they start."""


def join(coordinator: str | None, processes: int | None = None, process_id: int | None = None) -> None:
    """Be one of several processes from here on; alone without a coordinator. Before the first use of a device.

    Args:
      coordinator: HOST:PORT on which process 0 listens, or "auto".
      processes, process_id: how many there are, and which of them this one is, from 0.
    Raises: InputError for numbers without an address or the other way round, and where the others are not met.
    """
    numbers = processes is not None or process_id is not None
    if coordinator is None:
        if numbers:
            raise InputError("--processes, --process-id: expected --coordinator HOST:PORT beside them, found none")
        return
    if coordinator == AUTO and numbers:
        raise InputError("--coordinator auto: expected no --processes and --process-id, which the cluster knows")
    where = {} if coordinator == AUTO else _address(coordinator, processes, process_id)
    if where:
        host, _, port = coordinator.rpartition(":")
        rendezvous.meet(host, int(port), processes, process_id, PATIENCE_SECONDS)
    # with its own service jax would keep a SIGTERM to itself: a restart finds a checkpoint however a training ends
    jax.config.update("jax_enable_preemption_service", False)
    try:
        jax.distributed.initialize(**where, initialization_timeout=PATIENCE_SECONDS)
    except (RuntimeError, ValueError) as error:
        raise InputError(f"--coordinator {coordinator}: {str(error).splitlines()[0]}") from error


def _address(coordinator, processes, process_id) -> dict:
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise InputError(f"--coordinator: expected HOST:PORT or {AUTO}, found {coordinator!r}")
    if processes is None or processes < 1:
        raise InputError(f"--processes: expected how many there are, found {processes}")
    if process_id is None or not 0 <= process_id < processes:
        raise InputError(f"--process-id: expected 0 to {processes - 1}, found {process_id}")
    return {"coordinator_address": coordinator, "num_processes": processes, "process_id": process_id}


def leave() -> None:
    """Go on alone. Every process calls it at the same point; a second call does nothing."""
    if jax.distributed.is_initialized():
        jax.distributed.shutdown()


def leads() -> bool:
    """Whether this process is the one that writes files and talks."""
    return jax.process_index() == 0


def agree(what: str, value: int) -> None:
    """Raise InputError, in all processes, where they do not have the same number of 32 bits."""
    if jax.process_count() == 1:
        return
    from jax.experimental import multihost_utils

    found = np.ravel(multihost_utils.process_allgather(np.array([value], np.uint32)))
    if len(set(found.tolist())) > 1:
        raise InputError(f"{what}: expected the same in all processes, found {', '.join(map(str, found))}")
