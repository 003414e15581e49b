"""What the JAX libraries share: Adam in one compiled, donating step, and tasks from a density and a sampler."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.peers import Peer
from benchmarks.peers.architecture import Architecture, condition_shapes, turns


def dense_init(key, shapes):
    """Weights of linear layers, He-initialised."""
    keys = jax.random.split(key, len(shapes))
    return [
        {"w": jax.random.normal(k, shape) * (2 / shape[0]) ** 0.5, "b": jnp.zeros(shape[1])}
        for k, shape in zip(keys, shapes)
    ]


def dense(params, x):
    """Linear layers with ReLU between them, over the last axis."""
    for layer in params[:-1]:
        x = jax.nn.relu(x @ layer["w"] + layer["b"])
    return x @ params[-1]["w"] + params[-1]["b"]


def condition_network(a: Architecture, key):
    """Weights for ``dense``."""
    return dense_init(key, condition_shapes(a))


def as_peer(a: Architecture, params, log_prob, sample, seed: int) -> Peer:
    """Tasks of a flow.

    Args:
      params: The arrays that are trained.
      log_prob: (params, x [n, d], features [n, r]) -> [n]. sample: (params, key, features, draws) -> draws.
    """
    density, draw = jax.jit(log_prob), jax.jit(sample, static_argnums=3)

    def step(optimizer, params, opt_state, x, features):
        loss = lambda p: -jnp.mean(log_prob(p, x, features))  # noqa: E731
        value, grads = jax.value_and_grad(loss)(params)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        return optax.apply_updates(params, updates), opt_state, value

    def events(n):
        keys = jax.random.split(jax.random.key(seed))
        return tuple(jax.random.normal(k, (n, size)) for k, size in zip(keys, (a.dim, a.features)))

    def train(batch, steps):
        x, features = events(batch)
        optimizer = optax.adam(1e-4)
        program = jax.jit(partial(step, optimizer), donate_argnums=(0, 1))
        state = [jax.tree.map(jnp.copy, params), optimizer.init(params)]

        def task():
            for _ in range(steps):
                *state[:], value = program(*state, x, features)
            return float(value)

        return task

    def of_density(n, chunk):
        x, features = events(n)

        def task():
            parts = [density(params, x[i : i + chunk], features[i : i + chunk]) for i in range(0, n, chunk)]
            return float(jnp.mean(jnp.concatenate(parts)))

        return task

    def of_draws(n, draws, chunk):
        _, features = events(n)

        def task():
            keys = jax.random.split(jax.random.key(1), -(-n // chunk))
            parts = [draw(params, k, features[i * chunk : (i + 1) * chunk], draws) for i, k in enumerate(keys)]
            return float(sum(jnp.mean(part) for part in parts)) / len(parts)

        return task

    def fit(truth, features, batch, rate):
        rows = turns(len(truth), batch, seed)
        adam = optax.adam(rate)
        program = jax.jit(partial(step, adam), donate_argnums=(0, 1))
        state = [jax.tree.map(jnp.copy, params), adam.init(params)]

        def advance(steps):
            for _ in range(steps):
                chosen = next(rows)
                *state[:], value = program(*state, truth[chosen], features[chosen])
            return float(value)

        def draw_once(features):
            keys = jax.random.split(jax.random.key(1), len(features))
            parts = [draw(state[0], keys[i], features[i : i + 1000], 1) for i in range(0, len(features), 1000)]
            return np.concatenate([np.asarray(part).reshape(-1, a.dim) for part in parts])

        return advance, draw_once

    return Peer(sum(p.size for p in jax.tree.leaves(params)), train, of_density, of_draws, gemm=gemm, fit=fit)


def gemm(m, k, n):
    """A matrix product of XLA."""
    left, right = jnp.ones((m, k)), jnp.ones((k, n))
    product = jax.jit(jnp.matmul)
    return lambda: product(left, right).block_until_ready() is None
