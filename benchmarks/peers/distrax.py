"""distrax: split couplings in a chain, with plain networks in JAX."""

import distrax
import jax
import jax.numpy as jnp

from benchmarks.peers import Peer
from benchmarks.peers.architecture import Architecture, block_shapes
from benchmarks.peers.jax_flow import as_peer, condition_network, dense, dense_init


def build(a: Architecture, seed: int, compiled: bool) -> Peer:
    """The flow, at random weights."""
    key, embed_key = jax.random.split(jax.random.key(seed))
    shapes = block_shapes(a)
    if a.bins:
        # its splines have a slope at either end as well
        shapes[-1] = (shapes[-1][0], a.kept * (3 * a.bins + 1))
    blocks = [dense_init(k, shapes) for k in jax.random.split(key, a.blocks)]
    # near the identity, as the other libraries start
    blocks = [[*rest, {"w": 0.01 * last["w"], "b": last["b"]}] for *rest, last in blocks]
    params = {"blocks": blocks, "condition": condition_network(a, embed_key)}

    def elementwise(theta):
        theta = theta.reshape(*theta.shape[:-1], a.kept, -1)
        if a.bins:
            return distrax.RationalQuadraticSpline(theta, -a.bound, a.bound, boundary_slopes="identity")
        return distrax.ScalarAffine(shift=theta[..., 1], log_scale=2 * jnp.tanh(theta[..., 0] / 2))

    def distribution(params, context, shape):
        def conditioner(i):
            return lambda x: dense(params["blocks"][i], jnp.concatenate([x, context], axis=-1))

        layers = [
            distrax.SplitCoupling(a.kept, 1, conditioner(i), elementwise, swap=i % 2 == 1) for i in range(a.blocks)
        ]
        base = distrax.MultivariateNormalDiag(jnp.zeros((*shape, a.dim)), jnp.ones((*shape, a.dim)))
        return distrax.Transformed(base, distrax.Inverse(distrax.Chain(layers)))

    def log_prob(params, x, features):
        return distribution(params, dense(params["condition"], features), x.shape[:1]).log_prob(x)

    def sample(params, key, features, draws):
        context = jnp.repeat(dense(params["condition"], features), draws, axis=0)
        return distribution(params, context, context.shape[:1]).sample(seed=key)

    return as_peer(a, params, log_prob, sample, seed)
