"""The map of an ODE against linear fields, whose flow is a matrix exponential."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm

from jaxunfold.bijections.ode import SOLVERS, hutchinson_trace, make_solve, ode

pytestmark = pytest.mark.usefixtures("quick_compile")

MATRIX = np.array([[0.5, 0.3, 0.0], [-0.2, -0.4, 0.1], [0.3, 0.0, 0.6]])
EVENTS = 40
FINE = {"kind": "dopri5", "rtol": 1e-7, "atol": 1e-7}


def linear(params, x, t, ctx):
    return params @ x + ctx


def curved(params, x, t, ctx):
    return jnp.tanh(params @ x + ctx * jnp.cos(3 * t)) + t * x


@pytest.fixture(scope="module")
def events():
    rng = np.random.default_rng(0)
    x, shift = rng.normal(size=(2, EVENTS, 3)).astype(np.float32)
    return jnp.asarray(MATRIX, jnp.float32), x, shift


def test_linear_field_is_the_matrix_exponential(events):
    """x(1) = exp(A) x(0) + (exp(A) - 1) A^-1 b, and the log-determinant is the trace of A, in both directions."""
    matrix, x, shift = events
    flow = ode(linear, FINE)
    out, log_det = jax.jit(jax.vmap(flow.inverse, (None, 0, 0)))(matrix, x, shift)
    drawn = jax.jit(jax.vmap(flow.draw, (None, 0, 0)))(matrix, x, shift)
    grown = expm(MATRIX)
    exact = x @ grown.T + shift @ (np.linalg.inv(MATRIX).T @ (grown - np.eye(3)).T)
    np.testing.assert_allclose(out, exact, atol=2e-5)
    np.testing.assert_allclose(drawn, exact, atol=2e-5)
    np.testing.assert_allclose(log_det, np.trace(MATRIX), atol=1e-5)
    back, minus = jax.jit(jax.vmap(flow.forward, (None, 0, 0)))(matrix, out, shift)
    np.testing.assert_allclose(back, x, atol=2e-5)
    np.testing.assert_allclose(minus, -np.trace(MATRIX), atol=1e-5)


@pytest.mark.parametrize(("kind", "order"), [("euler", 1), ("midpoint", 2), ("tsit5", 5)])
def test_fixed_steps_have_the_solvers_order(kind, order, x64):
    """Half the step, the error over 2^order, to a fifth of the order."""
    solves = [make_solve(kind, steps=steps) for steps in (8, 16)]
    start = jnp.asarray([1.0, -2.0, 0.5])

    @jax.jit
    def both():
        return [solve(lambda t, y: jnp.asarray(MATRIX) @ y, start, 0.0, 1.0) for solve in solves]

    errors = [np.linalg.norm(end - expm(MATRIX) @ start) for end in both()]
    assert abs(np.log2(errors[0] / errors[1]) - order) < 0.2 * order


def test_round_trip_and_log_det_in_double_precision(x64, events):
    matrix, x, shift = (np.asarray(a, np.float64) for a in events)
    flow = ode(curved, {"kind": "dopri5", "rtol": 1e-10, "atol": 1e-10})

    @jax.jit
    @jax.vmap
    def there_and_back(x, shift):
        z, log_det = flow.forward(matrix, x, shift)
        back, minus = flow.inverse(matrix, z, shift)
        slope = jax.jacrev(lambda z: ode(curved, {"kind": "dopri5", "steps": 40}).draw(matrix, z, shift))(z)
        return z, log_det, back, minus, jnp.linalg.slogdet(slope)[1]

    z, log_det, back, minus, by_jacobian = there_and_back(x[:8], shift[:8])
    assert z.dtype == np.float64
    np.testing.assert_allclose(back, x[:8], atol=1e-8)
    np.testing.assert_allclose(minus, -log_det, atol=1e-8)
    np.testing.assert_allclose(minus, by_jacobian, atol=1e-8)
    assert np.std(log_det) > 0.05


def test_hutchinson_is_unbiased():
    """Random signs give e . A e = tr A + sum of off-diagonal pairs, of variance sum_{i<j} (A_ij + A_ji)^2."""
    m = 20000
    signs = jax.random.rademacher(jax.random.key(0), (m, 1, 3), jnp.float32)
    matrix = jnp.asarray(MATRIX, jnp.float32)
    v, each, norms = jax.vmap(lambda s: hutchinson_trace(lambda x: matrix @ x, jnp.ones(3), s))(signs)
    np.testing.assert_allclose(v[0], MATRIX.sum(1), rtol=1e-6)
    pairs = MATRIX + MATRIX.T
    sigma = np.sqrt(np.sum(np.triu(pairs, 1) ** 2))
    # 5 sigma: a false alarm in two million
    assert abs(np.mean(each) - np.trace(MATRIX)) < 5 * sigma / np.sqrt(m)
    np.testing.assert_allclose(np.std(each), sigma, rtol=0.05)
    np.testing.assert_allclose(np.mean(norms), np.sum(MATRIX**2), rtol=0.03)


def test_cost_of_a_linear_field_is_known(events):
    """The Jacobian is the matrix all along; the velocity A x(t) with x(t) = exp(A (t - 1)) x(1)."""
    matrix, x, _ = events
    cost = jax.jit(jax.vmap(ode(linear, FINE).costed, (None, 0, None)))(matrix, x, jnp.zeros(3))[2]
    t = np.linspace(0, 1, 201)
    speed = np.stack([np.mean((x @ (MATRIX @ expm(MATRIX * (s - 1))).T) ** 2, axis=-1) for s in t])
    np.testing.assert_allclose(cost[:, 0], np.trapezoid(speed, t, axis=0), rtol=1e-4)
    np.testing.assert_allclose(cost[:, 1], np.sum(MATRIX**2) / 3, rtol=1e-5)


def test_estimated_log_det_averages_to_the_exact_one(events):
    """Probes stay the same along a solve and follow the key alone."""
    matrix, x, shift = events
    solver = {"kind": "heun", "steps": 4}
    exact, estimate = ode(linear, solver), ode(linear, solver, probes=2)
    keys = jax.random.split(jax.random.key(1), 4000)
    run = jax.jit(jax.vmap(lambda key: estimate.forward(matrix, x[0], shift[0], key)))
    z, log_dets = run(keys)
    np.testing.assert_allclose(z[0], exact.forward(matrix, x[0], shift[0])[0], atol=1e-5)
    np.testing.assert_array_equal(run(keys)[1], log_dets)
    # the trace of a constant matrix: each estimate is its probes' mean, of this width; 5 sigma
    sigma = np.sqrt(np.sum(np.triu(MATRIX + MATRIX.T, 1) ** 2) / 2)
    assert abs(np.mean(log_dets) + np.trace(MATRIX)) < 5 * sigma / np.sqrt(4000)
    np.testing.assert_allclose(np.std(log_dets), sigma, rtol=0.1)


def test_a_solve_that_fails_is_nan_for_its_event_alone(events):
    """A field that needs more steps than it may take."""
    flow = ode(lambda params, x, t, rate: -rate * x, {"kind": "dopri5", "max_steps": 8})
    rate = jnp.asarray([0.1, 3e4])
    out = jax.jit(jax.vmap(lambda rate: flow.draw(None, jnp.ones(3), rate)))(rate)
    np.testing.assert_allclose(out[0], np.exp(-0.1), atol=1e-4)
    assert np.isnan(out[1]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "rk4"}, f"solver.kind: expected one of {', '.join(SOLVERS)}, got 'rk4'"),
        ({"kind": "euler"}, "steps: expected at least 1 with kind 'euler'"),
        ({"steps": -1}, "steps >= 0 and max_steps >= 1, got -1"),
        ({"max_steps": 0}, "got 0 and 0"),
        ({"rtol": 0.0, "atol": 0.0}, "one of them positive"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        make_solve(**options)
    with pytest.raises(ValueError, match=message):
        ode(linear, options)


def test_refusals_of_probes():
    with pytest.raises(ValueError, match="probes: expected at least 0, got -1"):
        ode(linear, probes=-1)
    with pytest.raises(ValueError, match="key: expected one for the probes"):
        ode(linear, probes=1).forward(jnp.eye(3), jnp.ones(3), jnp.ones(3))
