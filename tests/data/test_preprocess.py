"""Preprocessing: a bijection with its density, fitted on the events it is given and on no others."""

import dataclasses
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxunfold.data import mirror, preprocess
from jaxunfold.data.events import Events
from jaxunfold.errors import InputError

pytestmark = pytest.mark.usefixtures("quick_compile")

RECO = {"e-": "e-", "e+": "e+", "q1": "j1", "q2": "j2"}
TREE = {
    "kind": "resonance",
    "resonances": {"ll": ("e-", "e+"), "jj": ("q1", "q2")},
    "decays": {"ll": "lab", "jj": "frame"},
    "recoil": "jj",
    "reco": RECO,
}
RELATIVE = ("log_pt_ratio_ll", "eta_e-", "eta_e+", "phi_e-", "phi_e+", "y_jj", "atanh_cos_jj", "psi_jj")
KINEMATICS = {"kind": "kinematics", "axis": ("e-", "e+"), "pairs": {"jj": ("j1", "j2")}}
COLUMNS = {"coordinates": {"kind": "columns", "reco": {"a": "ra"}}, "features": {"kind": "table"}}

SECTIONS = {
    "tree, absolute": {"coordinates": TREE, "features": KINEMATICS},
    "tree, relative": {"coordinates": TREE, "features": KINEMATICS, "relative": RELATIVE},
    "tree, fit": {"coordinates": TREE, "features": KINEMATICS, "relative": RELATIVE, "reference": "fit"},
    "momenta": {
        "coordinates": {"kind": "momenta", "reco": RECO},
        "features": {"kind": "four_momenta"},
        "scaling": "standard",
    },
    "columns": {**COLUMNS, "relative": ("a",)},
}


class Case(NamedTuple):
    name: str
    events: Events
    pipeline: preprocess.Pipeline
    fitted: preprocess.Fitted
    batch: object


def build(events, section):
    return preprocess.build_pipeline(events.truth_names, events.reco_names, events.extra_names, **section)


@pytest.fixture(scope="module")
def make_case(zw_events, table_events, quick_compile):
    """name -> Case, each made once: compilation is what takes time."""

    @functools.cache
    def make(name):
        events = table_events if name == "columns" else zw_events
        pipeline = build(events, SECTIONS[name])
        fitted = preprocess.fit(pipeline, events)
        return Case(name, events, pipeline, fitted, preprocess.encode(pipeline, fitted, events))

    return make


@pytest.fixture(params=SECTIONS)
def case(request, make_case):
    return make_case(request.param)


def test_training_events_become_standard(case):
    """Means and widths of the coordinates by quantiles, of the features by construction."""
    z, features = case.batch.truth, case.batch.reco.features
    weight = np.ones(600) if case.events.weight is None else case.events.weight
    assert z.shape == (600, len(case.pipeline.coordinates.names))
    assert features.shape == (600, len(preprocess.feature_names(case.pipeline)))
    np.testing.assert_allclose(np.average(z, axis=0, weights=weight), 0.0, atol=0.05)
    if case.pipeline.scaling == "quantile":
        # the central 68 per cent: tails beyond the outermost knot are straight lines, longer than a normal's
        np.testing.assert_allclose(np.quantile(np.abs(z), 0.6827, axis=0), 1.0, atol=0.12)
    else:
        np.testing.assert_allclose(np.average(z**2, axis=0, weights=weight), 1.0, rtol=1e-3)
    np.testing.assert_allclose(np.average(features, axis=0, weights=weight), 0.0, atol=1e-3)
    width = np.sqrt(np.average(features**2, axis=0, weights=weight))
    constant = np.asarray(case.fitted.feature_scale) >= 1e6
    np.testing.assert_allclose(width[~constant], 1.0, atol=1e-2)
    np.testing.assert_allclose(width[constant], 0.0, atol=1e-3)
    np.testing.assert_allclose(np.mean(case.batch.weight), 1.0, rtol=1e-5)


def test_present_objects_become_standard_and_absent_ones_zero(zw_events):
    """Also through the file that keeps the fitted numbers; a table has no objects."""
    mask = np.random.default_rng(0).uniform(size=(600, 4)) < np.array([1.0, 1.0, 0.8, 0.4])
    reco = np.where(mask[..., None], zw_events.reco, np.float32(0))
    events = dataclasses.replace(zw_events, reco=reco, mask=mask)
    pipeline = build(events, SECTIONS["tree, absolute"])
    fitted = preprocess.from_arrays(preprocess.to_arrays(preprocess.fit(pipeline, events)))
    objects = preprocess.encode_reco(pipeline, fitted, events).objects
    assert objects.shape == (600, 4, len(pipeline.features.object_names))
    np.testing.assert_array_equal(objects[~mask], 0.0)
    np.testing.assert_allclose(objects[mask][:, :5].mean(axis=0), 0.0, atol=1e-3)
    np.testing.assert_allclose(objects[mask][:, :5].std(axis=0), 1.0, atol=1e-2)
    np.testing.assert_array_equal(objects[0, :2, 5:], [[1, 0, 0], [0, 1, 0]])


def test_a_table_has_no_objects(make_case):
    case = make_case("columns")
    assert case.batch.reco.objects is None
    assert case.fitted.object_mean is None


def rebuilt(case, values):
    """Truth from free numbers: columns, or three-momenta that balance where the coordinates say so."""
    if case.name == "columns":
        return values
    if case.name == "momenta":
        three = values.reshape(-1, 3)
    else:
        first = values[:9].reshape(3, 3)
        last = jnp.concatenate([-jnp.sum(first[:, :2], axis=0), values[9:]])
        three = jnp.concatenate([first, last[None]])
    return jnp.concatenate([jnp.sqrt(jnp.sum(three**2, -1, keepdims=True)), three], axis=-1)


def free(case, truth):
    if case.name == "columns":
        return truth
    values = truth[:, :, 1:].reshape(-1, 12)
    return values if case.name == "momenta" else values[:, [0, 1, 2, 3, 4, 5, 6, 7, 8, 11]]


def test_round_trip_and_density(case):
    """In double precision to 1e-8, through coordinates, the measured event and quantiles."""
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda a: jnp.asarray(np.asarray(a, np.float64)), (case.fitted, case.batch.reco.anchor))
        fitted, anchor = wide[0], jax.tree.map(lambda a: a[:20], wide[1])
        values = jnp.asarray(free(case, np.asarray(case.events.truth[:20], np.float64)))

        def everything(values, anchor):
            def encode(v):
                truth = rebuilt(case, v)
                z, log_det = preprocess.encode_truth(case.pipeline, fitted, truth, anchor)
                return z, (z, log_det, truth)

            jacobian, (z, log_det, truth) = jax.jacfwd(encode, has_aux=True)(values)
            return jacobian, log_det, truth, preprocess.decode_truth(case.pipeline, fitted, z, anchor)

        jacobian, log_det, truth, back = jax.jit(jax.vmap(everything))(values, anchor)
        jacobian, log_det, truth, back = (np.asarray(a) for a in (jacobian, log_det, truth, back))
    np.testing.assert_allclose(back, truth, rtol=1e-8, atol=1e-7)
    np.testing.assert_allclose(log_det, np.linalg.slogdet(jacobian)[1], atol=1e-6)


def test_round_trip_in_single_precision(case):
    def back(z, anchor):
        return preprocess.decode_truth(case.pipeline, case.fitted, z, anchor)

    found = np.asarray(jax.jit(jax.vmap(back))(case.batch.truth, case.batch.reco.anchor))
    size = np.sum(np.abs(case.events.truth), axis=-1, keepdims=True)
    error = np.max(np.abs(found - case.events.truth) / size, axis=tuple(range(1, found.ndim)))
    assert np.median(error) < 1e-5
    assert np.quantile(error, 0.99) < 1e-3


def test_an_event_is_encoded_the_same_whatever_stands_beside_it(case):
    """In the features' own units: the pulls of a lepton that fits by itself are rounding, blown up to one."""
    alone = preprocess.encode(case.pipeline, case.fitted, case.events[37:38])
    scale = np.minimum(case.fitted.feature_scale, 1.0)
    difference = (alone.reco.features[0] - case.batch.reco.features[37]) * scale
    np.testing.assert_allclose(difference, 0.0, atol=3e-3)
    np.testing.assert_allclose(alone.truth[0], case.batch.truth[37], rtol=1e-2, atol=1e-2)
    np.testing.assert_allclose(alone.reco.anchor.x[0], case.batch.reco.anchor.x[37], rtol=1e-3, atol=1e-3)


def test_what_was_not_fitted_is_not_standardised(table_events):
    """Shifted events are encoded with the moments of the fitted ones: their mean stays where it was put."""
    pipeline = build(table_events, COLUMNS)
    fitted = preprocess.fit(pipeline, table_events[:300])
    width = np.sqrt(np.cov(table_events.reco[:300, 0], aweights=table_events.weight[:300], ddof=0))
    shifted = dataclasses.replace(table_events, reco=table_events.reco + np.float32(5 * width))
    features, moved = (preprocess.encode_reco(pipeline, fitted, e).features[:, 0] for e in (table_events, shifted))
    np.testing.assert_allclose(moved - features, 5.0, rtol=1e-3)


def test_saved_and_read_back_exactly(case, tmp_path):
    np.savez(tmp_path / "fitted.npz", **preprocess.to_arrays(case.fitted))
    with np.load(tmp_path / "fitted.npz", allow_pickle=False) as file:
        again = preprocess.from_arrays(dict(file))
    assert jax.tree.structure(again) == jax.tree.structure(case.fitted)
    for a, b in zip(jax.tree.leaves(again), jax.tree.leaves(case.fitted)):
        np.testing.assert_array_equal(a, b)


def test_relative_coordinates_are_small(make_case):
    """Of a well measured lepton, truth minus reco before the scaling is far narrower than truth."""
    cases = [make_case(name) for name in ("tree, relative", "tree, absolute")]
    i = cases[0].pipeline.coordinates.names.index("eta_e-")
    relative, absolute = (np.ptp(case.fitted.quantiles.x[i]) for case in cases)
    assert relative < 0.05 * absolute


def test_weights_of_an_encoded_batch_have_mean_one(make_case, table_events):
    weight = make_case("columns").batch.weight
    np.testing.assert_allclose(weight, table_events.weight / table_events.weight.mean(), rtol=1e-5)


def test_chunks_do_not_show(make_case, table_events, monkeypatch):
    _, _, pipeline, fitted, whole = make_case("columns")
    monkeypatch.setattr(preprocess, "CHUNKS", (64, 256))
    for a, b in zip(jax.tree.leaves(preprocess.encode(pipeline, fitted, table_events)), jax.tree.leaves(whole)):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)


def test_augment_adds_mirror_images(zw_events):
    events = mirror.augment(zw_events, ("y", "z"))
    assert len(events) == 4 * len(zw_events)
    signs = np.array([[1, 1, 1, 1], [1, 1, -1, 1], [1, 1, 1, -1], [1, 1, -1, -1]])
    for i, sign in enumerate(signs):
        part = events[600 * i : 600 * (i + 1)]
        np.testing.assert_array_equal(part.truth, zw_events.truth * sign.astype(np.float32))
        np.testing.assert_array_equal(part.reco, zw_events.reco * sign.astype(np.float32))
        np.testing.assert_array_equal(part.mask, zw_events.mask)
    assert mirror.augment(zw_events, ()) is zw_events


def test_mirror_turns_vector_columns(zw_events):
    extra = np.ones((600, 3), np.float32)
    events = dataclasses.replace(zw_events, extra=extra, extra_names=("met_px", "met_py", "n_jets"))
    np.testing.assert_array_equal(mirror.mirror(events, "x").extra[0], [-1, 1, 1])
    np.testing.assert_array_equal(mirror.mirror(events, "z").extra[0], [1, 1, 1])


def test_columns_of_a_table_are_mirrored_by_their_names(table_events):
    truth = np.arange(12, dtype=np.float32).reshape(3, 4)
    names = ("pt_j1", "eta_j1", "dphi", "met_pz")
    events = dataclasses.replace(
        table_events, truth=truth, truth_names=names, reco=np.zeros((3, 0), np.float32), reco_names=(), weight=None
    )
    np.testing.assert_array_equal(mirror.mirror(events, "z").truth, truth * [1, -1, 1, -1])
    np.testing.assert_array_equal(mirror.mirror(events, "y").truth, truth * [1, 1, -1, 1])
    assert len(mirror.augment(events, ("y", "z")).truth) == 12
    with pytest.raises(InputError, match=r"augment: expected momenta, or a table's columns that change sign with y"):
        mirror.augment(table_events, ("y",))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"relative": ("m_zz",)}, "relative: expected coordinates among .* found 'm_zz'"),
        ({"scaling": "log"}, "scaling: expected one of .* found 'log'"),
        ({"reference": "guess"}, "reference: expected one of .* found 'guess'"),
        ({"reference": "fit"}, "'fit' needs relative coordinates"),
    ],
)
def test_sections_that_are_refused(table_events, options, message):
    with pytest.raises(InputError, match=message):
        build(table_events, {**COLUMNS, **options})


def changed(events, row, column, value):
    truth = events.truth.copy()
    truth[row, column] = value
    return dataclasses.replace(events, truth=truth, path="x.h5")


def test_events_that_are_refused(table_events):
    pipeline = build(table_events, COLUMNS)
    with pytest.raises(InputError, match=r"x\.h5: row 17: expected a finite b, found nan"):
        preprocess.fit(pipeline, changed(table_events, 17, 1, np.nan))
    with pytest.raises(InputError, match=r"x\.h5: expected a c that varies, found only 3"):
        preprocess.fit(pipeline, changed(table_events, slice(None), 2, 3.0))
    fitted = preprocess.fit(pipeline, table_events)
    with pytest.raises(InputError, match="expected a truth dataset, found none"):
        preprocess.encode(pipeline, fitted, dataclasses.replace(table_events, truth=None, truth_names=()))


def test_an_absent_measured_object_is_refused_by_name(make_case, zw_events):
    """Coordinates relative to a jet that is not there have no number."""
    _, _, pipeline, fitted, _ = make_case("tree, relative")
    reco, mask = zw_events.reco.copy(), zw_events.mask.copy()
    reco[5, 3], mask[5, 3] = 0.0, False
    events = dataclasses.replace(zw_events, reco=reco, mask=mask)
    with pytest.raises(InputError, match="row 5: expected a finite"):
        preprocess.encode_reco(pipeline, fitted, events)
