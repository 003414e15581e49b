"""Paths to the calorimeter against geometry worked out by hand."""

import numpy as np

from jaxunfold.simulation.propagation import LIGHT, propagate

R, L, B = 1.15, 3.51, 2.0


def one(momentum, vertex=(0.0, 0.0, 0.0), charge=0.0):
    p = np.array([[0.0, *momentum]])
    p[:, 0] = np.linalg.norm(p[:, 1:])
    impact = propagate(p, np.array([vertex]), np.array([charge]), R, L, B)
    return impact.eta[0], impact.phi[0], impact.ok[0]


def test_neutral_from_the_origin_keeps_its_direction():
    eta, phi, ok = one((3.0, 4.0, 2.0))
    assert ok
    np.testing.assert_allclose([eta, phi], [np.arcsinh(2 / 5), np.arctan2(4, 3)], rtol=1e-12)


def test_neutral_from_a_displaced_vertex():
    eta, phi, _ = one((1.0, 0.0, 0.5), vertex=(0.2, 0.3, 0.1))
    x = np.sqrt(R**2 - 0.3**2)
    z = 0.1 + 0.5 * (x - 0.2)
    np.testing.assert_allclose([eta, phi], [np.arcsinh(z / R), np.arctan2(0.3, x)], rtol=1e-12)


def test_charged_turns_by_half_the_angle_of_its_chord():
    pt = 2.0
    for charge in (1.0, -1.0):
        _, phi, _ = one((pt, 0.0, 0.0), charge=charge)
        curvature = pt / (LIGHT * B)
        np.testing.assert_allclose(phi, -charge * np.arcsin(R / (2 * curvature)), rtol=1e-10)


def test_stiff_track_is_a_straight_line():
    eta, phi, _ = one((1e5, 1e5, 1e5), vertex=(0.01, 0.0, 0.0), charge=1.0)
    straight = one((1e5, 1e5, 1e5), vertex=(0.01, 0.0, 0.0))
    np.testing.assert_allclose([eta, phi], straight[:2], atol=1e-5)


def test_soft_track_curls_to_the_end():
    pt, pz = 0.1, 0.05  # its circle is 0.33 m wide and never reaches the side
    eta, phi, ok = one((pt, 0.0, pz), charge=1.0)
    radius, turn = pt / (LIGHT * B), LIGHT * B * L / pz
    x, y = radius * np.sin(turn), -radius * (1 - np.cos(turn))
    assert ok
    np.testing.assert_allclose(eta, np.arcsinh(L / np.hypot(x, y)), rtol=1e-9)
    np.testing.assert_allclose(phi, np.arctan2(y, x), rtol=1e-8)


def test_displaced_charged_exit_solves_the_equation_of_motion():
    p, vertex = np.array([0.9, -0.4, 0.3]), np.array([-0.3, 0.5, 0.2])
    eta, phi, _ = one(tuple(p), tuple(vertex), charge=-1.0)
    position, steps = vertex.copy(), 200_000
    direction, ds = p.copy(), 3.0 / 200_000
    k = LIGHT * B * -1.0
    angle = k * ds
    turn = np.array([[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    half = np.array(
        [[np.cos(angle / 2), np.sin(angle / 2), 0], [-np.sin(angle / 2), np.cos(angle / 2), 0], [0, 0, 1]]
    )
    for _ in range(steps):
        if np.hypot(*position[:2]) > R or abs(position[2]) > L:
            break
        position = position + half @ direction * ds
        direction = turn @ direction
    np.testing.assert_allclose(eta, np.arcsinh(position[2] / np.hypot(*position[:2])), atol=1e-4)
    np.testing.assert_allclose(phi, np.arctan2(position[1], position[0]), atol=1e-4)


def test_vertex_outside_is_not_seen():
    assert not one((1.0, 0.0, 0.0), vertex=(1.2, 0.0, 0.0))[2]
    assert not one((1.0, 0.0, 0.0), vertex=(0.0, 0.0, 4.0))[2]
