"""Optimisers and learning-rate schedules from plain numbers, and a moving average of parameters."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jaxtyping import PyTree

from jaxunfold.errors import InputError
from jaxunfold.types import FIXED

SCHEDULES = ("one_cycle", "cosine", "constant")
KINDS = ("adam", "adamw")
_UNDECAYED = ("bias", "b", "scale", "shift", *FIXED)


def make_schedule(
    kind: str,
    peak: float,
    total_steps: int,
    *,
    warmup: float = 0.3,
    start_factor: float = 0.04,
    end_factor: float = 1e-4,
) -> Callable:
    """Learning rate as a function of the step.

    Args:
        kind: ``one_cycle``: half a cosine up from ``start_factor * peak`` and half a cosine down to
            ``end_factor * peak`` (Smith and Topin, arXiv:1708.07120). ``cosine``: a straight line up from
            zero, then half a cosine down to ``end_factor * peak``. ``constant``: ``peak`` from the first
            step on.
        peak: the largest learning rate.
        total_steps: steps of the whole training; afterwards the last value stays.
        warmup: fraction of ``total_steps`` that goes up.
        start_factor: first learning rate over the peak, of ``one_cycle``.
        end_factor: last learning rate over the peak.
    Returns: step -> learning rate, float32 scalar.
    Raises: InputError for an unknown kind, or fractions out of range.
    """
    if kind not in SCHEDULES:
        raise InputError(f"schedule: expected one of {', '.join(SCHEDULES)}, got {kind!r}")
    if total_steps < 1 or peak <= 0 or not 0 <= warmup < 1:
        raise InputError(
            f"schedule: expected peak > 0, total_steps >= 1 and 0 <= warmup < 1, "
            f"got {peak}, {total_steps} and {warmup}"
        )
    # optax's own one-cycle divides by zero when the way up is shorter than one step, as in a smoke run.
    rise = warmup * total_steps

    def one_cycle(step):
        step = jnp.asarray(step, jnp.float32)
        up = _half_cosine(step / max(rise, 1.0), start_factor, 1.0)
        down = _half_cosine((step - rise) / (total_steps - rise), 1.0, end_factor)
        return peak * jnp.where(step < rise, up, down)

    def cosine(step):
        step = jnp.asarray(step, jnp.float32)
        up = (step + 1) / (rise + 1)
        down = _half_cosine((step - rise) / (total_steps - rise), 1.0, end_factor)
        return peak * jnp.where(step < rise, up, down)

    return {"one_cycle": one_cycle, "cosine": cosine, "constant": optax.constant_schedule(peak)}[kind]


def _half_cosine(fraction, first, last):
    """From ``first`` at 0 to ``last`` at 1 along half a cosine, flat outside."""
    fraction = jnp.clip(fraction, 0.0, 1.0)
    return last + (first - last) * 0.5 * (1.0 + jnp.cos(jnp.pi * fraction))


def make_optimizer(
    learning_rate: float,
    total_steps: int,
    *,
    kind: str = "adam",
    schedule: str = "one_cycle",
    warmup: float = 0.3,
    start_factor: float = 0.04,
    end_factor: float = 1e-4,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decay_biases: bool = False,
    clip_norm: float | None = None,
) -> optax.GradientTransformation:
    """Adam or AdamW with a schedule and gradient clipping by the global norm.

    Args:
        learning_rate: peak of the schedule.
        total_steps: length of the schedule; ``loop.total_steps`` of the training loop.
        kind: ``adam`` or ``adamw``.
        schedule, warmup, start_factor, end_factor: see ``make_schedule``.
        weight_decay: decoupled decay of AdamW (arXiv:1711.05101), times the learning rate.
        decay_biases: also decay biases, scales and shifts.
        clip_norm: largest global norm of the gradient; None for no clipping.
    Raises: InputError for an unknown kind or schedule, or weight decay with plain Adam.
    """
    if kind not in KINDS:
        raise InputError(f"optimizer: expected one of {', '.join(KINDS)}, got {kind!r}")
    if kind == "adam" and weight_decay:
        raise InputError(f"optimizer: weight_decay={weight_decay} needs kind='adamw', got 'adam'")
    rate = make_schedule(
        schedule,
        learning_rate,
        total_steps,
        warmup=warmup,
        start_factor=start_factor,
        end_factor=end_factor,
    )
    if kind == "adam":
        core = optax.adam(rate, b1=b1, b2=b2, eps=eps)
    else:
        mask = None if decay_biases else decay_mask
        core = optax.adamw(rate, b1=b1, b2=b2, eps=eps, weight_decay=weight_decay, mask=mask)
    return core if clip_norm is None else optax.chain(optax.clip_by_global_norm(clip_norm), core)


def decay_mask(params: PyTree) -> PyTree:
    """True for the leaves that weight decay acts on: all but those named bias, b, scale, shift or in ``FIXED``.

    By name and not by rank, since the biases of blocks stacked for ``lax.scan`` are matrices.
    """

    def decayed(path, _):
        name = jax.tree_util.keystr(path[-1:], simple=True) if path else ""
        return name not in _UNDECAYED

    return jax.tree_util.tree_map_with_path(decayed, params)


def ema_update(ema: PyTree, params: PyTree, decay: float, step) -> PyTree:
    """Exponential moving average of parameters; start it at ``ema = params``.

    The decay grows as min(decay, (1 + step) / (10 + step)), so that the average forgets the initial
    parameters early on and needs no division afterwards. Leaves that are not floating point are taken from
    ``params``.
    """
    step = jnp.asarray(step, jnp.float32)
    rate = jnp.minimum(decay, (1.0 + step) / (10.0 + step))

    def average(old, new):
        if not jnp.issubdtype(jnp.result_type(new), jnp.inexact):
            return new
        return (old + (1.0 - rate) * (new - old)).astype(jnp.result_type(new))

    return jax.tree.map(average, ema, params)
