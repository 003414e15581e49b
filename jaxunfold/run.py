"""A trained run: config, method, state and preprocessing in one place; unfold, log_prob and posterior.

run = jaxunfold.load("runs/cinn")
post = run.unfold(jax.random.key(0), "data.h5", num_draws=1000)
"""

import dataclasses
import os
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from jaxunfold import problem as problems
from jaxunfold.data import preprocess
from jaxunfold.data import support as supports
from jaxunfold.data.columns import match_columns
from jaxunfold.data.events import Events, read, truth_alone, with_placeholders
from jaxunfold.errors import InputError
from jaxunfold.methods.eventwise import equal_size
from jaxunfold.types import Anchor, Key, Method, Reco, Unfolded

DRAWS_PER_CALL = 131072


def events_per_call(num_events: int, num_draws: int) -> int:
    """How many of a sample's events are unfolded at a time: all calls have the same, and the last is nearly full."""
    return equal_size(num_events, max(1, DRAWS_PER_CALL // num_draws))


@dataclasses.dataclass(frozen=True)
class Run:
    """A trained run. Make one with ``saved.load``; training makes one with ``assemble``.

    Densities are with respect to ``density_of``; for on-shell, balanced momenta not all 4 n components.
    """

    config: ConfigDict
    problem: problems.Problem
    pipeline: preprocess.Pipeline
    fitted: preprocess.Fitted
    method: Method
    state: Any
    about: dict = dataclasses.field(default_factory=dict)
    support: supports.Support | None = None

    @property
    def density_of(self) -> str:
        """What ``log_prob`` is a density with respect to."""
        return self.pipeline.coordinates.measure_of

    @property
    def resonances(self) -> dict[str, tuple[str, ...]]:
        """The resonances that metrics and figures look at: {name: children}."""
        return problems.resonances_of(self.config)

    @property
    def named(self) -> dict[str, str]:
        """The observables that the config adds, {name: expression}."""
        return problems.named_of(self.config)

    @property
    def unconditional(self) -> bool:
        """Whether nothing is shown of the measured event, so that the run generates events and unfolds none.

        By features of kind "none", which ignore what a file holds, or for a table that has no measured column.
        """
        return not preprocess.feature_names(self.pipeline)

    def events(self, reco: Any, truth: Any = None) -> Events:
        """Anything that holds measured events, as Events in the trained order.

        Args:
          reco: A path to a file, Events, or for table runs an array [n, r] in the trained column order.
          truth: For table runs, an array [n, d]; files and Events bring their own.
        Raises: InputError if labels, columns or shapes do not fit the run.
        """
        if isinstance(reco, str | os.PathLike):
            reco = read(reco)
        if not isinstance(reco, Events):
            values = np.asarray(reco, np.float32)
            width = len(self.problem.reco_names)
            if self.problem.kind != "table" or values.ndim != 2 or values.shape[1] != width:
                expected = f"an array [n, {width}]" if self.problem.kind == "table" else "a path or Events"
                raise InputError(f"reco: expected {expected}, found an array of shape {values.shape}")
            if not len(values):
                raise InputError("reco: expected at least one event, found none")
            if not np.isfinite(values).all():
                raise InputError(f"reco: row {np.argwhere(~np.isfinite(values))[0][0]}: expected finite numbers")
            truth = None if truth is None else np.asarray(truth, np.float32)
            names = {"truth_names": self.problem.truth_names, "reco_names": self.problem.reco_names}
            return Events(reco=values, truth=truth, **names)
        if reco.kind != self.problem.kind:
            raise InputError(
                f"{reco.path or 'events'}: expected a file of kind {self.problem.kind!r}, found {reco.kind!r}"
            )
        if problems.unconditional(self.config):
            reco = truth_alone(reco)
        return match_columns(reco, self.problem.truth_names, self.problem.reco_names, self.problem.extra_names)

    def in_support(self, reco: Any, encoded: Reco | None = None) -> tuple[np.ndarray, np.ndarray] | None:
        """Which events are like those trained on [n], and the log density of their features among them [n].

        See ``data.support``; None for a run that has no record of it. An event that does not pass at reco level has
        no features: it counts as inside, with a density of NaN. encoded: The events as the network sees them, where
        all of them pass and that is at hand.
        """
        if self.support is None:
            return None
        events = self.events(reco)
        if encoded is None:
            encoded = preprocess.encode_reco(self.pipeline, self.fitted, with_placeholders(events))
        density = supports.log_density(self.support, encoded.features)
        inside = supports.inside(self.support, density)
        if events.pass_reco is not None:
            density = np.where(events.pass_reco, density, np.nan)
            inside = inside | ~events.pass_reco
        return inside, density

    def encode_reco(self, reco: Any) -> Reco:
        """Measured events as the network sees them, [n]; for use inside jit."""
        encoded = preprocess.encode_reco(self.pipeline, self.fitted, self.events(reco))
        return jax.tree.map(jnp.asarray, encoded)

    def draw(self, key: Key, reco: Reco, num_draws: int, uncertainty: bool = False) -> Unfolded:
        """Draws in physical units for encoded events, with sigma / p of each if asked for: pure, to be jitted."""
        unfolded = self.method.unfold(key, self.state, reco, num_draws)
        if uncertainty:
            # a ratio of densities is the same in all coordinates
            spread = jax.vmap(self.method.uncertainty, (None, 1, None), 1)
            unfolded = unfolded._replace(uncertainty=spread(self.state, unfolded.samples, reco))

        def physical(z, anchor):
            return jax.vmap(lambda zk: preprocess.decode_truth(self.pipeline, self.fitted, zk, anchor))(z)

        return unfolded._replace(samples=jax.vmap(physical)(unfolded.samples, reco.anchor))

    @cached_property
    def _draw(self) -> Callable:
        def draw(state, key, reco, num_draws, uncertainty=False):
            return dataclasses.replace(self, state=state).draw(key, reco, num_draws, uncertainty)

        return jax.jit(draw, static_argnums=(3, 4))

    @cached_property
    def _log_prob(self) -> Callable:
        return self._density(self.method.log_prob)

    @cached_property
    def _member_log_prob(self) -> Callable:
        return self._density(self.method.member_log_prob)

    def _density(self, standardised: Callable) -> Callable:
        """A compiled log density [..., n] in physical units of one in standardised coordinates."""

        def log_prob(state, truth, reco):
            z, log_det = jax.vmap(lambda t, a: preprocess.encode_truth(self.pipeline, self.fitted, t, a))(
                truth, reco.anchor
            )
            return standardised(state, z, reco) + log_det

        return jax.jit(log_prob)

    def unfold(
        self,
        key: Key,
        reco: Any,
        num_draws: int = 100,
        progress: Callable[[int], None] | None = None,
        uncertainty: bool = False,
    ) -> Unfolded:
        """Draws from the posterior of each event, in pieces that bound the memory.

        A method that needs the measured sample as a whole unfolds it at once, event weights and ``pass_reco``
        included, and may answer with one weighted sample of truth events: samples [1, k, ...].

        Args:
          key: A typed key. reco: See ``events``. num_draws: Draws per event.
          progress: Called with the number of events finished since the last call.
          uncertainty: Also sigma / p of every draw over the networks that it may be from; as many densities a draw.
        Returns: Unfolded with numpy arrays: samples [n, k, n_truth, 4] in GeV, or [n, k, d] for a table.
        Raises: InputError if the events do not fit, a draw is not finite, or the method has one network only.
        """
        if uncertainty and self.method.uncertainty is None:
            raise InputError(f"uncertainty: expected a method of several networks, found {self.config.method!r}")
        if num_draws < 1:
            raise InputError(f"num_draws: expected at least 1, found {num_draws}")
        if self.method.whole_sample:
            return self._unfold_sample(key, self.events(reco), num_draws, progress)
        encoded = preprocess.encode_reco(self.pipeline, self.fitted, self.events(reco))
        return self.unfold_encoded(key, encoded, num_draws, progress, uncertainty)

    def unfold_encoded(
        self,
        key: Key,
        encoded: Reco,
        num_draws: int,
        progress: Callable[[int], None] | None = None,
        uncertainty: bool = False,
        first: int = 0,
        size: int | None = None,
    ) -> Unfolded:
        """``unfold`` of events as the network sees them, numpy arrays [n], which may be a part of a larger sample.

        size: Events at a time, None for ``events_per_call`` of these. first: The part's first row in the sample, a
          multiple of size. With the same size a sample's parts have the draws that it has as a whole.
        """
        n, draws = len(encoded.features), equal_size(num_draws, DRAWS_PER_CALL)
        size = size or events_per_call(n, num_draws)
        parts = []
        for start in range(0, n, size):
            part = jax.tree.map(lambda a, s=start: _padded(a[s : s + size], size), encoded)
            kept = min(size, n - start)
            pieces = []
            for begin in range(0, num_draws, draws):
                call_key = jax.random.fold_in(jax.random.fold_in(key, first + start), begin)
                pieces.append(self._draw(self.state, call_key, part, draws, uncertainty))
            joined = jax.tree.map(lambda *a, kept=kept: np.concatenate(a, axis=1)[:kept, :num_draws], *pieces)
            if not np.isfinite(joined.samples).all():
                row = first + start + int(np.argwhere(~np.isfinite(joined.samples))[0][0])
                raise InputError(f"event {row}: expected finite draws, found NaN or infinity")
            parts.append(joined)
            if progress is not None:
                progress(kept)
        return jax.tree.map(lambda *a: np.concatenate(a), *parts)

    def generate(self, key: Key, num_events: int) -> Iterator[np.ndarray]:
        """New events of an unconditional run, piece by piece, so that their number is not bound by memory.

        Every piece but the last has ``DRAWS_PER_CALL`` events, and a key of its own: a larger number of events goes
        on where a smaller one ended.

        Yields: [n, n_truth, 4] in GeV, or [n, d] for a table.
        Raises: InputError if the run is conditional, there are none to make, or one is not finite.
        """
        if not self.unconditional:
            raise InputError(
                "generate: expected a run without a condition, features of kind 'none', found one of kind "
                f"{self.config.preprocess.features.kind!r} that unfolds measured events"
            )
        if num_events < 1:
            raise InputError(f"events: expected 1 or more, found {num_events}")
        nothing = Reco(jnp.zeros((1, 0)), Anchor(jnp.zeros((1, len(self.pipeline.coordinates.names)))))
        for piece, start in enumerate(range(0, num_events, DRAWS_PER_CALL)):
            drawn = self._draw(self.state, jax.random.fold_in(key, piece), nothing, DRAWS_PER_CALL)
            events = np.asarray(drawn.samples[0])[: num_events - start]
            if bad := np.count_nonzero(~np.isfinite(events).all(axis=tuple(range(1, events.ndim)))):
                raise InputError(f"generate: expected finite events, found {bad} that are not")
            yield events

    def _unfold_sample(self, key, events: Events, num_draws: int, progress) -> Unfolded:
        """See ``unfold``: of a method that needs the measured sample as a whole."""
        encoded = preprocess.encode_reco(self.pipeline, self.fitted, with_placeholders(events))
        weight = np.ones(len(events), np.float32) if events.weight is None else events.weight
        if events.pass_reco is not None:
            weight = np.where(events.pass_reco, weight, np.float32(0))
        unfolded = self.method.unfold(key, self.state, encoded._replace(weight=weight), num_draws)
        unfolded = jax.tree.map(np.asarray, unfolded)
        samples = unfolded.samples
        if len(samples) == len(events):
            decoded = preprocess.decode(self.pipeline, self.fitted, samples, encoded.anchor)
        else:
            # one sample for all events: its coordinates are absolute, for the method saw no single event
            flat = samples.reshape(-1, 1, samples.shape[-1])
            anchor = Anchor(np.zeros((len(flat), samples.shape[-1]), np.float32))
            decoded = preprocess.decode(self.pipeline, self.fitted, flat, anchor)
            decoded = decoded.reshape(*samples.shape[:2], *decoded.shape[2:])
        if not np.isfinite(decoded).all():
            raise InputError(
                f"draw {int(np.argwhere(~np.isfinite(decoded))[0][1])}: expected finite draws, found NaN"
            )
        if progress is not None:
            progress(len(events))
        return unfolded._replace(samples=decoded)

    @property
    def smears(self) -> bool:
        """Whether the method also maps truth to what is measured, in features that are all of it."""
        return self.method.smear is not None and self.pipeline.features.restore is not None

    def smear(self, key: Key, truth: Any, num_draws: int = 1) -> np.ndarray:
        """Draws of the measured event of each true one: the detector's direction, in pieces that bound the memory.

        Args:
          key: A typed key. truth: [n, n_truth, 4] in GeV, or [n, d] for a table. num_draws: Draws per event.
        Returns: [n, k, n_reco, 4] in GeV, or [n, k, r] for a table.
        Raises: InputError if the method has no such direction.
        """
        if not self.smears:
            raise InputError(f"smear: the method {self.config.method!r} or its features lead from reco to truth only")

        @jax.jit
        def piece(state, key, truth):
            # absolute coordinates, as methods of both directions ask for
            anchor = Anchor(jnp.zeros(len(self.pipeline.coordinates.names)))
            encode = partial(preprocess.encode_truth, self.pipeline, self.fitted, anchor=anchor)
            z, _ = jax.vmap(lambda t: encode(t))(truth)
            features = self.method.smear(key, state, z, num_draws)
            raw = features * self.fitted.feature_scale + self.fitted.feature_mean
            return jax.vmap(jax.vmap(self.pipeline.features.restore))(raw)

        truth = np.asarray(truth, np.float32)
        size, out = events_per_call(len(truth), num_draws), []
        for start in range(0, len(truth), size):
            part = truth[start : start + size]
            drawn = piece(self.state, jax.random.fold_in(key, start), _padded(part, size))
            out.append(np.asarray(drawn)[: len(part)])
        return np.concatenate(out)

    def log_prob(self, truth: Any, reco: Any) -> np.ndarray:
        """log p(truth | reco) of each event, a density in physical units with respect to ``density_of``.

        Args:
          truth: [n, n_truth, 4] in GeV, or [n, d] for a table. reco: See ``events``.
        Returns: [n].
        Raises: InputError if the method has no explicit density, the numbers of events differ, or a density is NaN.
        """
        if self.method.log_prob is None:
            raise InputError(f"log_prob: the method {self.config.method!r} has no explicit density")
        return self._densities(self._log_prob, truth, reco)

    def member_log_prob(self, truth: Any, reco: Any) -> np.ndarray:
        """The same under each network that draws may be from, [members, n]: their spread is the training's.

        Raises: InputError as ``log_prob``, or if the method has one network only.
        """
        if self.method.member_log_prob is None:
            raise InputError(f"member_log_prob: expected a method of several networks, found {self.config.method!r}")
        return self._densities(self._member_log_prob, truth, reco)

    def _densities(self, density: Callable, truth: Any, reco: Any) -> np.ndarray:
        encoded = preprocess.encode_reco(self.pipeline, self.fitted, self.events(reco))
        truth = np.asarray(truth, np.float32)
        n = len(encoded.features)
        if len(truth) != n:
            raise InputError(f"log_prob: expected truth of {n} events as reco, found {len(truth)}")
        size, out = equal_size(n, 16384), []
        for start in range(0, n, size):
            part = jax.tree.map(lambda a, s=start: _padded(a[s : s + size], size), (truth, encoded))
            out.append(np.asarray(density(self.state, *part))[..., : n - start])
        out = np.concatenate(out, axis=-1)
        if (bad := np.isnan(out).reshape(-1, n).any(0)).any():
            raise InputError(f"event {int(np.argmax(bad))}: expected a density, found NaN")
        return out

    def posterior(self, reco: Any) -> Any:
        """The ``Posterior`` of events as one distrax distribution of batch shape (n,), in physical units.

        Raises: InputError if the method unfolds a sample as a whole.
        """
        from jaxunfold.posterior import Posterior  # distrax takes half a second to import, which draws do not need

        if self.method.whole_sample:
            raise InputError(f"posterior: the method {self.config.method!r} unfolds a sample, and not single events")
        log_prob = None if self.method.log_prob is None else self._log_prob
        return Posterior(self._draw, log_prob, self.state, self.encode_reco(reco), self.problem.truth_names)


def _padded(array, size):
    missing = size - len(array)
    return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)]) if missing else array


def assemble(config, problem, fitted, state=None, total_steps: int = 1, about: dict | None = None, **given) -> Run:
    """A run from its parts; the functions follow from config and problem, and from what ``make_method`` is given."""
    pipeline = problems.make_pipeline(config, problem)
    spec = problems.make_spec(config, problem, pipeline, fitted)
    known = about or {}
    spec = spec._replace(num_events=known.get("independent", 0.0), copies=known.get("copies", 1))
    method = problems.make_method(config, spec, total_steps, **given)
    return Run(config, problem, pipeline, fitted, method, state, about or {})
