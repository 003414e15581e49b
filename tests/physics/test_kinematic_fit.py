"""The kinematic fit: its minimum, curvature and frame where they are known in closed form."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxunfold.physics import fourvectors as fv
from jaxunfold.physics import kinematic_fit as kf


def two_particles(x):
    """Momenta of two massless particles whose log pT, eta and phi are linear in x [4]."""
    log_pt, eta, phi = 3 + x[:2], jnp.stack([x[2], 0.5 * x[2] + x[0]]), jnp.stack([x[3], 1 - x[3]])
    return fv.from_ptetaphim(jnp.exp(log_pt), eta, phi)


# d (log pT, log pT', eta, eta', phi, phi') / dx of the above
JACOBIAN = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0.5, 0], [0, 0, 0, 1], [0, 0, 0, -1]], float)
WIDTH = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.25])


def resolution(prior_width):
    bias = np.full(6, 0.05)
    arrays = (bias, WIDTH, np.full(4, 0.2), np.array([prior_width, np.inf, np.inf, np.inf]))
    return kf.Resolution(*(jnp.asarray(a, jnp.float32) for a in arrays))


def test_linear_problem_is_least_squares():
    """Small residuals, so that Huber's loss is quadratic: x = (J^T W J)^-1 J^T W m, and a prior on x_0."""
    rng = np.random.default_rng(0)
    shift = 0.5 * WIDTH * rng.normal(size=(20, 6))
    x = np.concatenate([0.2 * np.ones((20, 1)), rng.normal(0, 0.2, (20, 3))], axis=1)
    seen = np.array(jax.vmap(lambda v: kf.measured(two_particles(v)))(jnp.asarray(x, jnp.float32))) + 0.05 + shift
    run = jax.jit(jax.vmap(lambda s, m: kf.kinematic_fit(two_particles, s, m, resolution(0.3))))
    out = run(jnp.asarray(x + 0.1, jnp.float32), jnp.asarray(seen, jnp.float32))
    whole = np.concatenate([JACOBIAN / WIDTH[:, None], np.eye(4)[:1] / 0.3])
    hessian = whole.T @ whole
    expected = x + np.linalg.solve(hessian, (JACOBIAN.T @ (shift / WIDTH**2).T)).T
    np.testing.assert_allclose(out.x, expected, atol=2e-4)
    np.testing.assert_allclose(out.curvature, np.broadcast_to(hessian, (20, 4, 4)), rtol=2e-3, atol=1e-2)
    pulls = (shift - (expected - x) @ JACOBIAN.T) / WIDTH
    np.testing.assert_allclose(out.pulls, pulls, atol=5e-3)


def test_difference_wraps_azimuths_alone():
    a, b = jnp.asarray([1.0, 5.0, 3.0]), jnp.asarray([0.0, -3.0, -3.0])
    np.testing.assert_allclose(kf.difference(a, b), [1.0, 8.0, 6 - 2 * np.pi], rtol=1e-6)


def test_absent_objects_measure_harmless_numbers():
    out = kf.measured(jnp.zeros((2, 4)))
    np.testing.assert_array_equal(out, np.zeros(6))


def test_resolution_is_of_the_central_68_per_cent():
    """20000 events: the error of a width is 1 per cent, and a tail does not matter."""
    rng = np.random.default_rng(0)
    residuals = rng.normal([0.1, -0.2, 0.0], [1.0, 2.0, 0.5], (20_000, 3))
    residuals[:100] = 1e3
    x = rng.normal([4.5, 0.0], [0.02, 1.0], (20_000, 2))
    found = kf.fit_resolution(residuals, x, np.array([True, False]))
    np.testing.assert_allclose(found.bias, [0.1, -0.2, 0.0], atol=0.1)
    np.testing.assert_allclose(found.width, [1.0, 2.0, 0.5], rtol=0.05)
    np.testing.assert_allclose(found.prior_width, [0.02, np.inf], rtol=0.05)


def test_whitening_makes_the_conditional_posterior_white():
    """x_r given x_a under N(0, H^-1) has mean -H_rr^-1 H_ra x_a and covariance H_rr^-1; the frame removes both."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=(5, 5))
    h = a @ a.T + np.eye(5)
    relative = np.array([True, False, True, True, False])
    frame = np.asarray(kf.whitening(jnp.asarray(h - 1e-2 * np.eye(5), jnp.float32), relative), np.float64)
    r, other = np.flatnonzero(relative), np.flatnonzero(~relative)
    np.testing.assert_allclose(frame[other], np.eye(5)[other], atol=1e-6)
    hrr, hra = h[np.ix_(r, r)], h[np.ix_(r, other)]
    np.testing.assert_allclose(frame[np.ix_(r, r)] @ np.linalg.inv(hrr) @ frame[np.ix_(r, r)].T, np.eye(3), atol=1e-4)
    mean = -np.linalg.inv(hrr) @ hra
    np.testing.assert_allclose(frame[np.ix_(r, r)] @ mean + frame[np.ix_(r, other)], 0.0, atol=1e-4)
    # the determinant is the product of the diagonal, as the preprocessing takes it
    np.testing.assert_allclose(np.linalg.slogdet(frame)[1], np.log(np.diagonal(frame)).sum(), atol=1e-4)
