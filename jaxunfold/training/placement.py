"""Arrays onto a mesh of devices, of this process or of several, and back."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import PyTree


def make_mesh(devices) -> Mesh:
    """All devices along one axis, ``batch``."""
    return Mesh(np.array(devices), ("batch",))


def replicated(mesh: Mesh) -> NamedSharding:
    """A copy on every device."""
    return NamedSharding(mesh, PartitionSpec())


def sharded(mesh: Mesh, axis: int = 0) -> NamedSharding:
    """Rows along ``axis`` spread over the devices."""
    return NamedSharding(mesh, PartitionSpec(*([None] * axis), "batch"))


def place(tree: PyTree, sharding: NamedSharding) -> PyTree:
    """The arrays of a tree where ``sharding`` has them; every process of the mesh calls it with the same arrays.

    A process sends only what its own devices hold: what another one has is neither moved nor compared.
    """
    if sharding.is_fully_addressable:
        return jax.device_put(tree, sharding)

    def one(x):
        values = np.asarray(x)
        return jax.make_array_from_callback(values.shape, sharding, lambda index: values[index])

    return jax.tree.map(_through_numbers(one), tree)


def own(tree: PyTree) -> PyTree:
    """Arrays with a copy on every device, as this process can use them alone; all its own devices: unchanged."""
    return jax.tree.map(_through_numbers(lambda x: x if x.is_fully_addressable else x.addressable_data(0)), tree)


def _through_numbers(function: Callable) -> Callable:
    """The function, of a typed key's data where it is given one."""

    def apply(x):
        if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            return jax.random.wrap_key_data(function(jax.random.key_data(x)), impl=jax.random.key_impl(x))
        return function(x)

    return apply


@jax.jit
def copy(tree: PyTree) -> PyTree:
    """The same arrays in buffers of their own, which may then be donated; typed keys too."""
    return jax.tree.map(_through_numbers(jnp.copy), tree)
