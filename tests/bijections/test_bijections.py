"""One table of bijections; every property below is checked on every row of it."""

from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxunfold.bijections.affine import (
    actnorm,
    affine_coupling,
    global_affine,
    glow_block,
    realnvp_coupling,
    reversible_block,
    soft_clamp,
)
from jaxunfold.bijections.autoregressive import inverse_autoregressive, masked_autoregressive
from jaxunfold.bijections.chain import chain, repeat, subset
from jaxunfold.bijections.flows import build_flow
from jaxunfold.bijections.permutation import permutation
from jaxunfold.bijections.planar import planar
from jaxunfold.bijections.quantile_map import quantile_map
from jaxunfold.bijections.radial import radial
from jaxunfold.bijections.residual import residual
from jaxunfold.bijections.rotation import lu, rotation
from jaxunfold.bijections.spline import circular_coupling, spline_coupling
from jaxunfold.bijections.tails import tails
from jaxunfold.types import FIXED

pytestmark = pytest.mark.usefixtures("quick_compile")

DIM, COND, EVENTS, BOUND = 5, 3, 16, 3.0
NET = {"hidden": 8, "layers": 2}
SPLINE = {"bins": 5, "bound": BOUND, **NET}
ANGLES = (1, 4)

BIJECTIONS = {
    "permutation": lambda: permutation(DIM),
    "rotation": lambda: rotation(DIM),
    "lu": lambda: lu(DIM),
    "global affine": lambda: global_affine(DIM),
    "actnorm": lambda: actnorm(DIM),
    "quantile map": lambda: quantile_map(DIM, knots=6),
    "affine coupling": lambda: affine_coupling(DIM, COND, **NET),
    "realnvp coupling": lambda: realnvp_coupling(DIM, COND, **NET),
    "glow block": lambda: glow_block(DIM, COND, **NET),
    "reversible block": lambda: reversible_block(DIM, COND, **NET),
    "spline coupling": lambda: spline_coupling(DIM, COND, residual=True, **SPLINE),
    "circular coupling": lambda: circular_coupling(DIM, COND, ANGLES, half_period=BOUND, **SPLINE),
    "tails": lambda: tails(DIM, 1.5),
    "planar": lambda: planar(DIM, COND, **NET),
    "radial": lambda: radial(DIM, COND, **NET),
    "affine masked autoregressive": lambda: masked_autoregressive(DIM, COND, "affine", **NET),
    "spline masked autoregressive": lambda: masked_autoregressive(DIM, COND, residual=True, **SPLINE),
    "affine inverse autoregressive": lambda: inverse_autoregressive(DIM, COND, transform="affine", **NET),
    "spline inverse autoregressive": lambda: inverse_autoregressive(DIM, COND, **SPLINE),
    "residual": lambda: residual(DIM, COND, activation="silu", **NET),
    "residual by series": lambda: residual(DIM, COND, 0.5, "series", 40, activation="tanh", **NET),
    "chain": lambda: chain(actnorm(DIM), permutation(DIM), affine_coupling(DIM, COND, **NET)),
    "repeat": lambda: repeat(actnorm(DIM), 3),
    "subset": lambda: subset(affine_coupling(3, COND, **NET), (4, 0, 1)),
    "affine flow": lambda: build_flow(DIM, COND, layer="affine", blocks=3, **NET),
    "spline flow": lambda: build_flow(DIM, COND, blocks=3, **SPLINE),
    "circular flow": lambda: build_flow(
        DIM, COND, layer="circular", angles=ANGLES, normalise="actnorm", gaussianise=True, blocks=2, **SPLINE
    ),
}
FLOWS = ("affine flow", "spline flow")
ON_A_CIRCLE = {"circular coupling": BOUND, "circular flow": np.pi}
UNCONDITIONAL = ("permutation", "rotation", "lu", "global affine", "actnorm", "quantile map", "tails", "repeat")
TOLERANCE = {"float32": 1e-5, "float64": 1e-13}
# knots of the splines at zero parameters, the ends of their interval, and far out
SPECIAL = np.array([-3.0, -1.8, -0.6, 0.6, 1.8, 3.0, 0.0, -100.0, 1e4, -1e4], np.float32)


class Values(NamedTuple):
    """What a bijection makes of EVENTS random events, in one precision."""

    z: np.ndarray
    log_det: np.ndarray
    back: np.ndarray
    inverse_log_det: np.ndarray


class Case(NamedTuple):
    """A bijection with random parameters: its values in both precisions, its Jacobian in the better one.

    start: values at the parameters it starts with; other_cond: at another condition.
    gradients: of both directions at random and at special values, for random parameters and those of the start.
    """

    name: str
    x: np.ndarray
    values: dict[str, Values]
    jacobian: np.ndarray
    start: Values
    other_cond: Values
    gradients: tuple


def start_of(bijection, seed=1):
    return jax.jit(bijection.init)(jax.random.key(seed))


def perturbed(params, scale=0.3, seed=5):
    """Parameters away from the zeros that make every coupling the identity; what is never trained stays."""
    leaves, tree = jax.tree_util.tree_flatten_with_path(params)
    rng = np.random.default_rng(seed)

    def moved(path, leaf):
        fixed = jax.tree_util.keystr(path[-1:], simple=True) in FIXED
        return leaf + (0 if fixed else scale) * rng.normal(size=leaf.shape).astype(leaf.dtype)

    return jax.tree.unflatten(tree, [moved(*each) for each in leaves])


def there_and_back(bijection, params, x, cond):
    context = bijection.context(params, cond)
    z, log_det = bijection.forward(params, x, context)
    return Values(z, log_det, *bijection.inverse(params, z, context))


def jacobian(bijection, params, x, cond):
    context = bijection.context(params, cond)
    return jax.jacfwd(lambda v: bijection.forward(params, v, context)[0])(x)


def with_gradients(bijection, params, x, cond):
    """Values, and gradients of the sum of all outputs of both directions."""

    def scalar(params, x, cond):
        values = there_and_back(bijection, params, x, cond)
        return sum(jnp.sum(value) * factor for value, factor in zip(values, (1, 1, 3, 2))), values

    return jax.grad(scalar, (0, 1, 2), has_aux=True)(params, x, cond)[::-1]


def started(bijection, params, x, cond):
    """Parameters after the first batch, where the bijection looks at it."""
    if bijection.start is None:
        return params
    return jax.jit(lambda *a: bijection.start(a[0], a[1], jax.vmap(bijection.context, (None, 0))(a[0], a[2])))(
        params, x, cond
    )


@pytest.fixture(scope="module", params=BIJECTIONS)
def case(request, quick_compile):
    name = request.param
    bijection = BIJECTIONS[name]()
    rng = np.random.default_rng(2)
    x = rng.normal(0, 2, (EVENTS, DIM)).astype(np.float32)
    if name in ON_A_CIRCLE:
        turn = 2 * ON_A_CIRCLE[name]
        x[:, ANGLES] -= turn * np.round(x[:, ANGLES] / turn)
    cond = rng.normal(size=(EVENTS, COND)).astype(np.float32)
    start = start_of(bijection)
    params = jax.tree.map(np.asarray, started(bijection, perturbed(start), x, cond))
    run = jax.jit(jax.vmap(lambda *a: with_gradients(bijection, *a), in_axes=(None, 0, 0)))
    special = np.stack([np.roll(SPECIAL, i) for i in range(DIM)], axis=1)
    all_x, all_cond = np.concatenate([x, special]), np.concatenate([cond, cond[: len(special)]])
    (random, g1), (at_start, g2), (other, _) = (
        jax.tree.map(np.asarray, run(p, all_x, c))
        for p, c in ((params, all_cond), (start, all_cond), (params, -all_cond))
    )
    first = lambda values: Values(*(v[:EVENTS] for v in values))  # noqa: E731
    values = {"float32": first(random)}
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda a: a.astype(np.float64), (params, x, cond))
        both = lambda *a: (there_and_back(bijection, *a), jacobian(bijection, *a))  # noqa: E731
        better, matrix = jax.tree.map(np.asarray, jax.jit(jax.vmap(both, in_axes=(None, 0, 0)))(*wide))
    return Case(name, x, {**values, "float64": better}, matrix, first(at_start), first(other), (g1, g2))


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
    assert np.mean(moved) >= (0.4 if case.name == "subset" else 0.5)


def test_starts_as_a_permutation_of_the_components(case):
    """Also of every layer, so that a deep flow starts where a shallow one does."""
    if case.name in ("circular flow", "tails"):
        pytest.skip("it ends with angles made normal, or is a map without parameters")
    np.testing.assert_allclose(np.sort(case.start.z), np.sort(case.x), atol=1e-5)
    np.testing.assert_allclose(case.start.log_det, 0.0, atol=1e-5)


def test_gradients_are_finite_outside_the_interval_and_at_knots(case):
    """Of both directions with respect to parameters, event and condition."""
    chex.assert_tree_all_finite(case.gradients)


def test_condition_matters(case):
    same = np.array_equal(case.values["float32"].z, case.other_cond.z)
    assert same == (case.name in UNCONDITIONAL)


@pytest.mark.parametrize("name", BIJECTIONS)
def test_compiled_is_eager(name):
    bijection = BIJECTIONS[name]()
    params = perturbed(start_of(bijection))
    x, cond = jnp.linspace(-2.0, 2.5, DIM), jnp.ones(COND)
    eager = there_and_back(bijection, params, x, cond)
    compiled = jax.jit(lambda *a: there_and_back(bijection, *a))(params, x, cond)
    chex.assert_trees_all_close(eager, compiled, rtol=1e-4, atol=1e-4)


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
        (lambda: build_flow(4, 2, layer="planer"), "layer: expected one of affine, .*, got 'planer'"),
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
    flow = build_flow(dim, 1, layer="affine", blocks=blocks, hidden=2)
    ranks = np.asarray(jax.jit(jax.vmap(flow.init))(jax.random.split(jax.random.key(0), 200))[0]["rank"])
    for blocks_of_one in ranks:
        place, changed = np.arange(dim), set()
        for rank in blocks_of_one:
            place = place[np.argsort(rank)]
            changed |= set(place[dim // 2 :].tolist())
        assert len(changed) == dim
    assert len(np.unique(ranks[:, 0], axis=0)) > 1


@pytest.mark.parametrize("name", ["affine coupling", "glow block", "affine flow"])
def test_a_condition_used_once_gives_what_its_context_gives(name):
    """Value, log-determinant and gradients by parameters, event and condition, to rounding."""
    bijection = BIJECTIONS[name]()
    params = perturbed(start_of(bijection))
    rng = np.random.default_rng(6)

    def scalar(forward, *args):
        z, log_det = forward(*args)
        return jnp.sum(jnp.sin(z)) + 3 * log_det

    def by_context(params, x, cond):
        return bijection.forward(params, x, bijection.context(params, cond))

    with jax.enable_x64(True):
        args = jax.tree.map(
            lambda a: jnp.asarray(a, jnp.float64), (params, rng.normal(size=DIM), rng.normal(size=COND))
        )
        ours, exact = (
            jax.jit(jax.value_and_grad(lambda *a, f=f: scalar(f, *a), (0, 1, 2), allow_int=True))(*args)
            for f in (bijection.forward_given, by_context)
        )
    chex.assert_trees_all_close(ours, exact, rtol=1e-12, atol=1e-12)
