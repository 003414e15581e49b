r"""Squared matrix elements in closed form, for what learns or subtracts them: e+ e- -> q qbar g at leading order.

With the energy fractions :math:`x_i = 2 E_i / \sqrt s` of quark (1), antiquark (2) and gluon (3), averaged over the
beam's direction and without the factor :math:`C_F \alpha_s / 2\pi` times that of e+ e- -> q qbar,

.. math:: |M|^2 = \frac{x_1^2 + x_2^2}{(1 - x_1) (1 - x_2)}

Ellis, Stirling, Webber, *QCD and Collider Physics*, Eq. (3.24). The dipole is that of Catani, Seymour,
hep-ph/9605323, appendix D, and section 5.1 for its variables.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float


def q_qbar_gluon(x1: Float[Array, "*n"], x2: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """|M|^2 of the two energy fractions; it diverges where one of them is one."""
    return (x1**2 + x2**2) / ((1 - x1) * (1 - x2))


def quark_dipole(x1: Float[Array, "*n"], x2: Float[Array, "*n"]) -> Float[Array, "*n"]:
    r"""D_{13,2}: quark and gluon from an off-shell quark, the antiquark as spectator; it diverges at x2 = 1.

    .. math:: \frac{1}{1 - x_2} \left(\frac{2}{2 - x_1 - x_2} - (1 + x_1)\right) + \frac{1 - x_1}{x_2}

    The other one is that of (x2, x1), and |M|^2 minus both integrates to -1/2 over the triangle of x1 + x2 > 1.
    """
    return (2 / (2 - x1 - x2) - (1 + x1)) / (1 - x2) + (1 - x1) / x2


def from_dipole_variables(y: Float[Array, "*n"], z: Float[Array, "*n"]) -> tuple[Array, Array]:
    """(x1, x2) of the dipole's y = s_13 / s and z, the quark's share; dx1 dx2 = (1 - y) dy dz."""
    return 1 - (1 - y) * (1 - z), 1 - y


def log_invariants(p: Float[Array, "n 4"]) -> Float[Array, " k"]:
    """log of 2 p_i p_j / s of every pair of massless particles, in the order (0, 1), (0, 2), ..., (1, 2), ..."""
    total = jnp.sum(p, axis=0)
    s = total[0] ** 2 - jnp.sum(total[1:] ** 2)
    first, second = jnp.triu_indices(p.shape[0], 1)
    # 1 - cos by the difference of the directions, exact also where they are close
    direction = p[:, 1:] / p[:, :1]
    apart = jnp.sum((direction[first] - direction[second]) ** 2, axis=-1)
    return jnp.log(p[first, 0] * p[second, 0] * apart / s)
