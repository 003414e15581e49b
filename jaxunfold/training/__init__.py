"""Training: one loop for every method and every stage of one.

``make_loop`` binds data, seed, devices, checkpoints and callbacks; a method calls ``loop(stage, init, step,
evaluate)`` with pure functions and gets the trained state. Below the loop: ``feed`` brings events to the
devices, ``placement`` spreads them, ``dispatch`` compiles several steps into one call, ``stage`` drives it from
the host, ``descent`` makes ``init`` and ``step`` of a loss, ``checkpoint`` survives SIGKILL, ``callbacks``
watch, and ``optimizer`` has optimisers and schedules. ``processes`` makes several processes train as one, which
find each other by ``rendezvous``.
"""

from jaxunfold.training.callbacks import Event, early_stopping, metrics_writer, progress
from jaxunfold.training.loop import Loop, NonFiniteError, make_loop
from jaxunfold.training.optimizer import decay_mask, ema_update, make_optimizer, make_schedule

__all__ = [
    "Event",
    "Loop",
    "NonFiniteError",
    "decay_mask",
    "early_stopping",
    "ema_update",
    "make_loop",
    "make_optimizer",
    "make_schedule",
    "metrics_writer",
    "progress",
]
