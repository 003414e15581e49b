r"""Local reparametrisation: a dense layer whose Gaussian weights are drawn anew for each event.

With weights N(mu, sigma^2) the output of a dense layer is itself normal, with mean x mu + mu_b and variance
x^2 sigma^2 + sigma_b^2. Drawing it and not the weights makes the noise of different events independent, so that the
mean of a batch varies less: Kingma, Salimans, Welling, arXiv:1506.02557; thesis section 3.2.3.

The parameters of *one* event, from ``localise``, carry the widths and a key beside the means, and go through any
network or bijection of this library inside ``with drawn_outputs():``.
"""

from contextlib import AbstractContextManager

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxunfold.types import Key, Params

LOCAL = "local"


def localise(mean: Params, width: Params, key: Key) -> Params:
    """Parameters for one event: dense layers keep means, widths and a key, all other weights are drawn here.

    Args:
      mean, width: Trees of the same shapes; width 0 where a leaf is fixed.
    """
    return _walk(mean, width, key)


def drawn_outputs() -> AbstractContextManager:
    """Inside it, dense layers with widths draw their output; to be around the call, not around ``jit`` of it."""
    return nn.intercept_methods(_draw)


def _draw(call, args, kwargs, context):
    module = context.module
    if context.method_name != "__call__" or not module.has_variable(LOCAL, "key"):
        return call(*args, **kwargs)
    x = args[0]
    if not isinstance(module, nn.Dense) or x.ndim > 1:
        raise ValueError(f"local: expected dense layers of one vector an event, found {type(module).__name__}")
    variance = x**2 @ module.get_variable(LOCAL, "kernel") ** 2
    if module.use_bias:
        variance = variance + module.get_variable(LOCAL, "bias") ** 2
    mean = call(*args, **kwargs)
    # nothing comes in: no noise, and no infinite slope of the root
    noise = jax.random.normal(module.get_variable(LOCAL, "key"), mean.shape)
    return mean + jnp.sqrt(jnp.maximum(variance, 1e-20)) * noise


def _walk(mean, width, key):
    """A tree of bijections: variables of flax modules are the dicts with an entry ``params``."""
    if isinstance(mean, dict) and "params" in mean:
        kept, local = _module(mean["params"], width["params"], key)
        return {"params": kept, LOCAL: local}
    if isinstance(mean, dict):
        keys = jax.random.split(key, max(len(mean), 1))
        return {name: _walk(mean[name], width[name], k) for name, k in zip(mean, keys)}
    if isinstance(mean, tuple | list):
        keys = jax.random.split(key, max(len(mean), 1))
        return type(mean)(_walk(m, w, k) for m, w, k in zip(mean, width, keys))
    return mean + width * jax.random.normal(key, mean.shape, mean.dtype)


def _module(mean, width, key):
    """(params, local) of the variables of one module."""
    if "kernel" in mean:
        # blocks under a scan are stacked along leading axes
        return mean, dict(width) | {"key": jax.random.split(key, mean["kernel"].shape[:-2])}
    kept, local = {}, {}
    for name, k in zip(mean, jax.random.split(key, max(len(mean), 1))):
        if isinstance(mean[name], dict):
            kept[name], local[name] = _module(mean[name], width[name], k)
        else:
            kept[name] = mean[name] + width[name] * jax.random.normal(k, mean[name].shape, mean[name].dtype)
    return kept, local
