"""The words every other module speaks: array aliases, a batch, a method and its output."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jaxtyping import Array, Bool, Float

Params = Any
"""A pytree of arrays, as flax and optax hand them out."""

FIXED = ("rank", "knots")
"""Names of parameter leaves that are set once and never trained: no prior and no decay acts on them."""


def is_fixed(path) -> bool:
    """Whether the leaf at this path of a tree is one that is never trained."""
    return jax.tree_util.keystr(path[-1:], simple=True) in FIXED


Key = jax.Array
"""A typed key, as made by ``jax.random.key``."""


class Anchor(NamedTuple):
    """The point that truth coordinates are taken relative to.

    x: coordinates of the measured event, or of a fit to it; zero where a coordinate is absolute. [n, d].
    frame: matrix applied to the difference, [n, d, d]; None for the identity.
    """

    x: Float[Array, "*n d"]
    frame: Float[Array, "*n d d"] | None = None


class Reco(NamedTuple):
    """Measured events as a network sees them.

    features: standardised inputs of the condition network, [n, r].
    anchor: what the truth coordinates are relative to; None where a network needs no more than features.
    mask: which objects are present, [n, m]; None where every event has them all.
    objects: standardised features of each object, [n, m, f], zero where it is absent; None for a table.
    weight: of the measured events, [n], any sign, zero where one is not to be used; only methods that unfold the
      sample as a whole look at it, and None is one for each.
    """

    features: Float[Array, "*n r"]
    anchor: Anchor | None = None
    mask: Bool[Array, "*n m"] | None = None
    weight: Float[Array, "*n"] | None = None
    objects: Float[Array, "*n m f"] | None = None


class Batch(NamedTuple):
    """Paired events: standardised truth coordinates [n, d], measured events, event weights [n] (any sign).

    pass_truth, pass_reco: whether an event is part of the truth-level and of the measured sample, [n]; None where
      every one is both. Truth or reco of an event that does not pass is a place holder.
    """

    truth: Float[Array, "*n d"]
    reco: Reco
    weight: Float[Array, "*n"]
    pass_truth: Bool[Array, "*n"] | None = None
    pass_reco: Bool[Array, "*n"] | None = None


class Unfolded(NamedTuple):
    """Draws from the posterior of each event, or one weighted sample for all events (n = 1).

    samples: [n, k, d] standardised, or in physical units once it has left ``jaxunfold.run``.
    log_weights: [n, k]; zero for generative methods.
    member: [n, k] integer, the weight sample or ensemble member each draw came from; None for a single one.
    weight: [n, k], weights of any sign that the draws had before; a draw counts weight * exp(log_weights), and
      None is one for each.
    info: {name: array}, what a method has to say of its result, e.g. the effective sample size of every
      iteration; None for nothing.
    uncertainty: [n, k], standard deviation of the density at each draw over the networks that it may be from, over
      the density: sigma / p of thesis Eq. (3.5). None where it was not asked for.
    yields: [n, k], truth events that a draw stands for, corrected for efficiency and fakes: their sum in a bin is the
      spectrum in events. None where a method does not correct.
    """

    samples: Any
    log_weights: Any
    member: Any = None
    weight: Any = None
    info: Any = None
    yields: Any = None
    uncertainty: Any = None


class Spec(NamedTuple):
    """What a method needs to know of the problem it is built for.

    dim: number of truth coordinates; cond_dim: number of reco features.
    names: the truth coordinates' names, [dim].
    observables: (truth [n, d] standardised, reco) -> {name: [n]} in physical units, differentiable.
    relative: True where a coordinate is taken relative to the measured event.
    num_objects, object_dim: sizes m and f of ``Reco.objects``; 0 for a table.
    pairs: (objects [m, f] of one event) -> kinematics of each pair of them [m, m, q]; None where there are none.
    reco_observables: (features [n, r]) -> the observables of the measured objects that correspond, {name: [n]}, a
      table's reco columns; None where the features are not the whole measured event.
    num_events: Independent training events, (sum of weights)^2 / sum of squared weights; 0 where it is not known.
    copies: Training events made of each by mirror images, itself included.
    """

    dim: int
    cond_dim: int
    names: tuple[str, ...]
    observables: Callable[[Array, Reco], dict[str, Array]] | None = None
    relative: bool = False
    num_objects: int = 0
    object_dim: int = 0
    pairs: Callable[[Array], Array] | None = None
    reco_observables: Callable[[Array], dict[str, Array]] | None = None
    num_events: float = 0.0
    copies: int = 1


class Method(NamedTuple):
    """A method of unfolding: a tuple of pure functions.

    fit: (key, loop) -> state. ``loop(stage, init, step, evaluate)`` owns the data, checkpoints and resume.
    unfold: (key, state, reco, num_draws) -> Unfolded.
    log_prob: (state, truth [n, d], reco) -> [n], where the density is explicit.
    push: (state, latents [n, k, l], reco) -> draws [n, k, d], the map of normal latents that ``unfold`` draws with,
      and latent_dim: their number l, where there is such a map.
    smear: (key, state, truth [n, d], num_draws) -> reco features [n, k, r], where a method also maps truth to what is
      measured.
    init, step, evaluate: the parts of ``fit`` for gradient-trained methods, so that ensembles can vmap them.
      ``init`` (key, batch) -> state is there for every method: its shapes are those of a saved state.
    whole_sample: ``unfold`` needs the measured sample as a whole, with the weights of its events in ``reco``. It is
      called once and not compiled, and may answer with one weighted sample [1, k, d] for all events.
    own_draws: of such a method, whether it answers with draws of every event all the same.
    each: (params, batch, key) -> [n], what the training minimises the mean of, where that is the whole of the loss:
      -log p(truth | reco), or for flow matching the squared error in its place. ``state.params`` of ``init`` are the
      params, ``state.ema`` those that unfold: so that others can decide what is to be done about the weights.
    members: networks that draws may come from, as ``Unfolded.member`` numbers them.
    uncertainty: (state, truth [n, d], reco) -> [n], standard deviation of the density over them, over its mean.
    member_log_prob: (state, truth [n, d], reco) -> [m, n], log density under each of them.
    """

    fit: Callable
    unfold: Callable
    log_prob: Callable | None = None
    init: Callable | None = None
    step: Callable | None = None
    evaluate: Callable | None = None
    whole_sample: bool = False
    own_draws: bool = False
    smear: Callable | None = None
    push: Callable | None = None
    latent_dim: int = 0
    each: Callable | None = None
    members: int = 1
    uncertainty: Callable | None = None
    member_log_prob: Callable | None = None
