"""A condition network trained ahead of the method, as the first half of an autoencoder (thesis section 2.4.3).

A deep encoder that is trained together with a flow only may lose what it is to pass on; one that has learned to give
its input back starts with all of it.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from jaxunfold.errors import InputError
from jaxunfold.networks import Encoder, mlp
from jaxunfold.training.descent import State, descent
from jaxunfold.types import Batch, Spec


def autoencoder(
    encoder: Encoder,
    spec: Spec,
    *,
    layers: int = 2,
    units: int = 256,
    learning_rate: float = 1e-3,
    activation: str = "relu",
) -> tuple[Callable, Callable, Callable]:
    """``init``, ``step`` and ``evaluate`` of a stage that trains encoder and decoder to give the features back.

    The loss is the mean squared difference of standardised features, so that 1 is what a constant reaches. The
    encoder's parameters are ``state.params["encoder"]``.

    Args:
      encoder: Reads the measured event. spec: The problem.
      layers, units: Hidden layers of the decoder. learning_rate: Of Adam, constant.
    Raises: InputError for a learning rate that is not positive.
    """
    if learning_rate <= 0:
        raise InputError(f"model.pretrain.learning_rate: expected a positive number, found {learning_rate}")
    decoder = mlp(encoder.size, [units] * layers, spec.cond_dim, activation)

    def start(key, batch: Batch):
        first, second = jax.random.split(key)
        return {"encoder": encoder.init(first), "decoder": decoder.init(second)}

    def error(params, reco):
        found = decoder.apply(params["decoder"], encoder.apply(params["encoder"], reco))
        return jnp.mean((found - reco.features) ** 2)

    def loss(params, batch: Batch):
        return jnp.mean(batch.weight * jax.vmap(error, (None, 0))(params, batch.reco))

    init, step = descent(start, lambda params, batch, key: (loss(params, batch), {}), optax.adam(learning_rate))

    def evaluate(state: State, batch: Batch, key):
        return {"loss": loss(state.params, batch)}

    return init, step, evaluate
