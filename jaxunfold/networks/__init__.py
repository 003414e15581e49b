"""Every flax module of the library, handed out as pure (init, apply) functions of one event.

No other folder imports flax.
"""

from jaxunfold.networks.attention import set_encoder
from jaxunfold.networks.base import ACTIVATIONS, SEEN, Conditioner, Network, activation_of, count, soft_limit
from jaxunfold.networks.dense import conditioner, deep_mlp, mlp
from jaxunfold.networks.encoder import ENCODERS, Encoder, build_encoder
from jaxunfold.networks.local import drawn_outputs, localise
from jaxunfold.networks.velocity import VELOCITIES, Velocity, build_velocity

__all__ = [
    "ACTIVATIONS",
    "ENCODERS",
    "SEEN",
    "VELOCITIES",
    "Conditioner",
    "Encoder",
    "Network",
    "Velocity",
    "activation_of",
    "build_encoder",
    "build_velocity",
    "conditioner",
    "count",
    "deep_mlp",
    "drawn_outputs",
    "localise",
    "mlp",
    "set_encoder",
    "soft_limit",
]
