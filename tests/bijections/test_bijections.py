"""One table of bijections; every property below is checked on every row of it."""

from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxunfold.bijections.affine import affine_coupling, global_affine, soft_clamp
from jaxunfold.bijections.chain import chain, repeat
from jaxunfold.bijections.flows import COUPLINGS, build_flow
from jaxunfold.bijections.permutation import permutation
from jaxunfold.bijections.spline import spline_coupling

pytestmark = pytest.mark.usefixtures("quick_compile")

DIM, COND, EVENTS, BOUND = 5, 3, 16, 3.0
NET = {"hidden": 8, "layers": 2}

BIJECTIONS = {
    "permutation": lambda: permutation(DIM),
    "global affine": lambda: global_affine(DIM),
    "affine coupling": lambda: affine_coupling(DIM, COND, **NET),
    "spline coupling": lambda: spline_coupling(DIM, COND, bins=5, bound=BOUND, residual=True, **NET),
    "chain": lambda: chain(global_affine(DIM), permutation(DIM), affine_coupling(DIM, COND, **NET)),
    "repeat": lambda: repeat(global_affine(DIM), 3),
    "affine flow": lambda: build_flow(DIM, COND, coupling="affine", blocks=3, **NET),
    "spline flow": lambda: build_flow(DIM, COND, coupling="spline", blocks=3, bins=5, bound=BOUND, **NET),
}
FLOWS = [f"{name} flow" for name in COUPLINGS]
TOLERANCE = {"float32": 1e-5, "float64": 1e-13}


class Values(NamedTuple):
    """What a bijection makes of EVENTS random events, in one precision."""

    z: np.ndarray
    log_det: np.ndarray
    back: np.ndarray
    inverse_log_det: np.ndarray


class Case(NamedTuple):
    """A bijection with random parameters: its values in both precisions, its Jacobian in the better one."""

    x: np.ndarray
    values: dict[str, Values]
    jacobian: np.ndarray


def start_of(bijection, seed=1):
    return jax.jit(bijection.init)(jax.random.key(seed))


def perturbed(params, scale=0.3, seed=5):
    """Parameters away from the zeros that make every coupling the identity."""
    leaves, tree = jax.tree.flatten(params)
    rng = np.random.default_rng(seed)
    return jax.tree.unflatten(tree, [p + scale * rng.normal(size=p.shape).astype(p.dtype) for p in leaves])


def there_and_back(bijection, params, x, cond):
    context = bijection.context(params, cond)
    z, log_det = bijection.forward(params, x, context)
    return Values(z, log_det, *bijection.inverse(params, z, context))


def jacobian(bijection, params, x, cond):
    context = bijection.context(params, cond)
    return jax.jacfwd(lambda v: bijection.forward(params, v, context)[0])(x)


@pytest.fixture(scope="module", params=BIJECTIONS)
def case(request, quick_compile):
    bijection = BIJECTIONS[request.param]()
    params = jax.tree.map(np.asarray, perturbed(start_of(bijection)))
    rng = np.random.default_rng(2)
    x = rng.normal(0, 2, (EVENTS, DIM)).astype(np.float32)
    cond = rng.normal(size=(EVENTS, COND)).astype(np.float32)
    run = jax.vmap(lambda *a: there_and_back(bijection, *a), in_axes=(None, 0, 0))
    slope = jax.vmap(lambda *a: jacobian(bijection, *a), in_axes=(None, 0, 0))
    values = {"float32": jax.tree.map(np.asarray, jax.jit(run)(params, x, cond))}
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda a: a.astype(np.float64), (params, x, cond))
        better, matrix = jax.tree.map(np.asarray, jax.jit(lambda *a: (run(*a), slope(*a)))(*wide))
    return Case(x, {**values, "float64": better}, matrix)


def tolerance(case, dtype):
    """[n]: rounding, as often as the steepest direction of the map and the flattest one amplify it."""
    singular = np.linalg.svd(case.jacobian, compute_uv=False)
    return TOLERANCE[dtype] * np.maximum(singular[:, 0], 1) * np.maximum(1 / singular[:, -1], 1)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_round_trip(case, dtype):
    values = case.values[dtype]
    assert values.z.dtype == values.back.dtype == values.log_det.dtype == dtype
    np.testing.assert_array_less(np.max(np.abs(values.back - case.x), axis=1), tolerance(case, dtype))


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_log_det_is_the_jacobians(case, dtype):
    _, expected = np.linalg.slogdet(case.jacobian)
    np.testing.assert_array_less(np.abs(case.values[dtype].log_det - expected), 10 * tolerance(case, dtype))


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_inverse_has_minus_the_log_det(case, dtype):
    values = case.values[dtype]
    np.testing.assert_array_less(np.abs(values.inverse_log_det + values.log_det), 100 * tolerance(case, dtype))


def test_single_precision_agrees_with_double(case):
    difference = case.values["float32"].z - case.values["float64"].z
    np.testing.assert_array_less(np.max(np.abs(difference), axis=1), tolerance(case, "float32"))


def test_half_of_the_components_move(case):
    """A coupling leaves its first half alone and nothing else."""
    moved = np.any(case.values["float32"].z != case.x, axis=0)
    assert np.mean(moved) >= 0.5


@pytest.mark.parametrize("name", FLOWS)
def test_compiled_is_eager(name):
    bijection = BIJECTIONS[name]()
    params = perturbed(start_of(bijection))
    x, cond = jnp.linspace(-2.0, 2.5, DIM), jnp.ones(COND)
    eager = there_and_back(bijection, params, x, cond)
    compiled = jax.jit(lambda *a: there_and_back(bijection, *a))(params, x, cond)
    chex.assert_trees_all_close(eager, compiled, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", FLOWS)
def test_flow_starts_as_a_permutation_of_the_components(name):
    flow = BIJECTIONS[name]()
    params = start_of(flow)
    x = jnp.asarray([-7.0, -1.5, 0.25, 1.0, 2.0])
    z, log_det, *_ = jax.jit(lambda *a: there_and_back(flow, *a))(params, x, jnp.ones(COND))
    np.testing.assert_allclose(np.sort(z), x, atol=1e-5)
    assert abs(log_det) < 1e-5


@pytest.mark.parametrize("name", ["global affine", "affine coupling", "spline coupling"])
def test_layer_starts_as_the_identity(name):
    layer = BIJECTIONS[name]()
    params = start_of(layer)
    x = jnp.asarray([-7.0, -1.5, 0.25, 1.0, 2.0])
    z, log_det, *_ = jax.jit(lambda *a: there_and_back(layer, *a))(params, x, jnp.ones(COND))
    np.testing.assert_allclose(z, x, atol=1e-6)
    assert abs(log_det) < 1e-6


@pytest.mark.parametrize("name", FLOWS)
def test_gradients_are_finite_outside_the_interval_and_at_knots(name):
    """At zero parameters the spline's knots are equidistant: these values hit them, and lie far out."""
    flow = BIJECTIONS[name]()
    knots = jnp.linspace(-BOUND, BOUND, 6)
    values = jnp.concatenate([knots, jnp.asarray([0.0, -100.0, 1e4, -1e4])])
    x = jnp.stack([jnp.roll(values, i) for i in range(DIM)], axis=1)

    def scalar(params, x, cond):
        context = flow.context(params, cond)
        z, log_det = flow.forward(params, x, context)
        back, inverse_log_det = flow.inverse(params, x, context)
        return jnp.sum(z) + jnp.sum(back) + log_det + 2 * inverse_log_det

    grad = jax.jit(jax.vmap(jax.grad(scalar, (0, 1, 2)), (None, 0, None)))
    start = start_of(flow)
    for params in (start, perturbed(start)):
        chex.assert_tree_all_finite(grad(params, x, jnp.ones(COND)))


@pytest.mark.parametrize("name", FLOWS)
def test_context_is_shared_by_all_draws(name):
    """Computed once per event it gives what it gives computed anew for every draw; and it matters."""
    flow = BIJECTIONS[name]()
    params = perturbed(start_of(flow))
    z = np.random.default_rng(4).normal(size=(8, DIM)).astype(np.float32)

    @jax.jit
    def draws(params, cond):
        shared = flow.context(params, cond)
        once = jax.vmap(lambda v: flow.inverse(params, v, shared))(z)
        each = jax.vmap(lambda v: flow.inverse(params, v, flow.context(params, cond)))(z)
        return once, each

    once, each = draws(params, jnp.ones(COND))
    chex.assert_trees_all_close(once, each, rtol=1e-4, atol=1e-4)
    assert jnp.max(jnp.abs(once[0] - draws(params, -jnp.ones(COND))[0][0])) > 1e-2


def test_global_affine_in_numbers():
    params = {"log_scale": jnp.log(jnp.asarray([2.0, 0.5])), "bias": jnp.asarray([1.0, -1.0])}
    z, log_det = global_affine(2).forward(params, jnp.asarray([3.0, 4.0]), None)
    np.testing.assert_allclose(z, [7.0, 1.0], rtol=1e-6)
    np.testing.assert_allclose(log_det, 0.0, atol=1e-6)


def test_permutation_in_numbers():
    z, log_det = permutation(3).forward({"rank": jnp.asarray([2.0, 0.0, 1.0])}, jnp.asarray([10.0, 20.0, 30.0]), None)
    np.testing.assert_array_equal(z, [20.0, 30.0, 10.0])
    assert log_det == 0


def test_soft_clamp_is_bounded_with_unit_slope_at_zero():
    s = jnp.asarray([-1e6, 0.0, 1e6])
    np.testing.assert_allclose(soft_clamp(s, 2.0), [-2.0, 0.0, 2.0], atol=1e-5)
    np.testing.assert_allclose(jax.grad(soft_clamp)(0.0, 2.0), 1.0, rtol=1e-6)


def test_blocks_have_parameters_of_their_own():
    params = start_of(build_flow(DIM, COND, blocks=4, **NET))
    ranks = np.asarray(params[0]["rank"])
    assert ranks.shape == (4, DIM)
    assert len(np.unique(ranks, axis=0)) > 1


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: build_flow(4, 2, coupling="planar"), "expected one of affine, spline, got 'planar'"),
        (lambda: affine_coupling(1, 2), "at least 2 components, got 1"),
        (lambda: spline_coupling(4, 2, bins=0), "expected bins >= 1"),
        (lambda: spline_coupling(4, 2, bound=-1.0), "bound > 0"),
    ],
)
def test_refusals(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize(("dim", "blocks"), [(2, 2), (3, 2), (5, 3)])
def test_every_component_is_transformed_by_some_block(dim, blocks):
    """Also where the flow is so short that random permutations often leave one out."""
    flow = build_flow(dim, 1, coupling="affine", blocks=blocks, hidden=2)
    ranks = np.asarray(jax.jit(jax.vmap(flow.init))(jax.random.split(jax.random.key(0), 200))[0]["rank"])
    for blocks_of_one in ranks:
        place, changed = np.arange(dim), set()
        for rank in blocks_of_one:
            place = place[np.argsort(rank)]
            changed |= set(place[dim // 2 :].tolist())
        assert len(changed) == dim
    assert len(np.unique(ranks[:, 0], axis=0)) > 1
