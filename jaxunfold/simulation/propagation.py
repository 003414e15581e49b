"""Where particles enter the calorimeter: helices and straight lines from their vertex to a cylinder."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

LIGHT = 0.299792458  # GeV per (tesla metre) of curvature


class Impact(NamedTuple):
    """Direction, seen from the origin, of the point where each particle leaves the cylinder; ok: it
    started inside."""

    eta: Float[np.ndarray, " n"]
    phi: Float[np.ndarray, " n"]
    ok: Bool[np.ndarray, " n"]


def propagate(
    momentum: Float[np.ndarray, "n 4"],
    vertex_m: Float[np.ndarray, "n 3"],
    charge: Float[np.ndarray, " n"],
    radius_m: float,
    half_length_m: float,
    bz_tesla: float,
) -> Impact:
    """Follow every particle to the wall of a cylinder around z in a solenoidal field.

    The path is parametrised by s with dx/ds = p, so that transverse momentum turns by -k q s, k = 0.3 B.
    The exit through the side follows from the triangle of origin, centre of the circle and exit point; a
    particle that turns back before the side leaves through an end.

    Args:
      momentum: (E, px, py, pz) in GeV at the vertex.
      vertex_m: Production vertex in metres.
      charge: In units of the positron's.
      radius_m, half_length_m, bz_tesla: Cylinder and field along z.
    """
    px, py, pz = momentum[:, 1], momentum[:, 2], momentum[:, 3]
    x, y, z = vertex_m.T
    pt2 = np.maximum(px**2 + py**2, 1e-18)
    inside = (x**2 + y**2 < radius_m**2) & (np.abs(z) < half_length_m)
    safe_pz = np.where(np.abs(pz) < 1e-12, 1e-12, pz)
    s_end = (np.sign(safe_pz) * half_length_m - z) / safe_pz

    along = x * px + y * py
    room = np.maximum(radius_m**2 - x**2 - y**2, 0.0)
    s_straight = (np.sqrt(along**2 + pt2 * room) - along) / pt2
    s = np.minimum(s_straight, s_end)
    x_out, y_out = x + px * s, y + py * s

    turns = charge * bz_tesla != 0
    k = LIGHT * bz_tesla * charge[turns]
    cx, cy = x[turns] + py[turns] / k, y[turns] - px[turns] / k
    dx, dy = x[turns] - cx, y[turns] - cy
    d, r = np.hypot(cx, cy), np.hypot(dx, dy)
    reaches = d + r > radius_m
    # half-angle form: no cancellation for stiff tracks, whose d and r are kilometres
    half = np.clip((radius_m**2 - (d - r) ** 2) / np.maximum(4 * d * r, 1e-30), 0.0, 1.0)
    opening = 2 * np.arcsin(np.sqrt(half))
    start, sense = np.arctan2(dy, dx), -np.sign(k)
    ahead = sense * (start - np.arctan2(-cy, -cx))
    ahead = np.mod(ahead + np.pi, 2 * np.pi) - np.pi
    s_side = np.where(reaches, (opening - ahead) / np.abs(k), np.inf)
    s_turn = np.minimum(s_side, s_end[turns])
    s[turns] = s_turn
    angle = start - k * s_turn
    x_out[turns], y_out[turns] = cx + r * np.cos(angle), cy + r * np.sin(angle)

    eta = np.arcsinh((z + pz * s) / np.maximum(np.hypot(x_out, y_out), 1e-9))
    return Impact(eta, np.arctan2(y_out, x_out), inside)
