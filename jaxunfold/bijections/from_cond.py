"""Numbers that a network predicts from the condition alone: parameters of maps whose networks never see the event."""

from collections.abc import Callable

import jax.numpy as jnp

from jaxunfold import networks


def from_cond(cond: int, start: Callable, **network) -> tuple[Callable, Callable]:
    """(init, context): a learned vector, plus a network of the condition whose output starts at zero.

    Args:
      cond: Size of the condition. start: key -> [outputs], where the vector starts.
      network: Options of ``networks.conditioner``.
    Returns: init: key -> params; context: (params, cond [c]) -> [outputs].
    """

    def net_of(size):
        # a conditioner whose event is one constant number
        return networks.conditioner(1, cond, size, **network)

    def init(key):
        vector = start(key)
        return {"start": vector, "network": net_of(vector.size).init(key)}

    def context(params, cond):
        net = net_of(params["start"].size)
        h = net.context(params["network"], cond)
        return params["start"] + net.apply(params["network"], jnp.ones(1, h.dtype), h)

    return init, context
