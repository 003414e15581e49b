"""Mean squared error of each event."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def squared_error(x: Float[Array, "*n d"], y: Float[Array, "*n d"]) -> Float[Array, "*n"]:
    """Mean over components of (x - y)^2, event by event."""
    return jnp.mean((x - y) ** 2, axis=-1)
