"""Every flax module of the library, handed out as pure (init, apply) functions of one event.

No other folder imports flax.
"""

from jaxunfold.networks.base import ACTIVATIONS, Conditioner, Network, count
from jaxunfold.networks.dense import conditioner, mlp
from jaxunfold.networks.encoder import ENCODERS, Encoder, build_encoder

__all__ = [
    "ACTIVATIONS",
    "ENCODERS",
    "Conditioner",
    "Encoder",
    "Network",
    "build_encoder",
    "conditioner",
    "count",
    "mlp",
]
