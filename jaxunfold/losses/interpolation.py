"""The straight path of flow matching from latent to truth, and the times at which it is looked at."""

import jax


def sample_times(key, n: int, power: float = 0.0):
    """Times in [0, 1] of density (1 + power) t^power: u^(1 / (1 + power)) of uniform u. arXiv:2305.17161, section 3.

    0 is uniform; a positive power looks more often at times near truth, where the posterior is narrow.
    """
    return jax.random.uniform(key, (n,)) ** (1 / (1 + power))


def path(latent, truth, t, sigma_min: float = 0.0):
    """The straight path from latent [d] to truth [d], (x_t [d], dx_t/dt [d]): arXiv:2210.02747, Eqs. (22), (23).

    Args:
      sigma_min: Width of the normal around truth in which the path ends.
    """
    kept = 1 - sigma_min
    return (1 - kept * t) * latent + t * truth, truth - kept * latent
