"""The Lund plane: pixels against emissions put there by hand, and observables in closed form."""

import numpy as np

from jaxunfold.physics import lund

PLANE = lund.Plane((0.0, 6.0), (-2.0, 6.0), 24)


def test_emissions_land_in_their_pixels_and_come_back_at_the_centres():
    # one inside, one padded, one too soft for the plane
    delta, kt = np.array([[0.5, 0.0, 0.1]]), np.array([[20.0, 0.0, 0.01]])
    image = lund.images(delta, kt, PLANE)
    assert image.shape == (1, 24, 24)
    assert np.argwhere(image[0]).tolist() == [[int(np.log(2) / 0.25), int((np.log(20) + 2) * 3)]]
    back = lund.emissions(image, PLANE)
    assert abs(np.log(back[0][0, 0] / 0.5)) <= 0.125
    assert abs(np.log(back[1][0, 0] / 20)) <= 1 / 6


def test_pixels_and_their_emissions_are_a_bijection():
    rng = np.random.default_rng(0)
    image = rng.uniform(size=(50, 24, 24)) < 0.02
    delta, kt = lund.emissions(image, PLANE)
    np.testing.assert_array_equal(lund.images(delta, kt, PLANE), image)
    np.testing.assert_array_equal((delta > 0).sum(1), image.sum((1, 2)))
    there = delta[:, 1:] > 0
    assert (np.diff(delta, axis=1)[there] <= 1e-12).all()


def test_no_image_has_no_emission():
    delta, kt = lund.emissions(np.zeros((2, 24, 24), bool), PLANE)
    assert not delta.any()
    assert lund.tagged_mass(delta, kt, np.full(2, 500.0)).tolist() == [0, 0]
    assert lund.soft_drop_multiplicity(delta, kt, np.full(2, 500.0)).tolist() == [0, 0]


def test_mass_of_a_boson_that_decays_into_two():
    """Two massless prongs with shares z and 1 - z, after a soft emission that the tagger drops."""
    z, delta, pt = 0.3, 0.4, 500.0
    soft = 0.01 * pt * 0.9
    left = pt - soft / 0.9
    deltas, kts = np.array([[0.9, delta]]), np.array([[soft, z * left * delta]])
    np.testing.assert_allclose(lund.tagged_mass(deltas, kts, np.array([pt])), np.sqrt(z * (1 - z)) * delta * left)
    shares, branch = lund.shares(deltas, kts, np.array([pt]))
    np.testing.assert_allclose(shares, [[0.01, z]])
    np.testing.assert_allclose(branch, [[pt, left]])


def test_soft_drop_counts_emissions_above_a_line():
    """With beta = -1 the condition is kT > z_cut R pT of the branch."""
    delta, kt, pt = np.array([[0.8, 0.2, 0.01, 0.0]]), np.array([[3.0, 4.0, 3.6, 0.0]]), np.array([500.0])
    assert lund.soft_drop_multiplicity(delta, kt, pt, 0.007, -1.0, 1.0).tolist() == [1]
    assert lund.soft_drop_multiplicity(delta, kt, pt, 0.0, 0.0, 1.0).tolist() == [3]
