r"""Truth coordinates along a decay tree: masses, rapidities and angles as coordinates of their own.

A narrow resonance is a thin curved sheet in momentum components and a single narrow coordinate here; a
recoiling system takes its transverse momentum from the others, so momentum is conserved exactly.

Coordinates of each root: log m, the logarithm of the mass in GeV (resonances only), rapidity y, log pT and
azimuth phi (unless it recoils). Of each decay: "lab", log(pT ratio) and eta, phi of the two leaves; "frame",
atanh of the cosine to the flight direction and the azimuth psi about it, in the rest frame reached through a
longitudinal and then a transverse boost.

The density is with respect to the three-momenta of all leaves, without px and py of the second leaf below the
recoiling root where the total is zero:

.. math:: \prod_i d^3p_i = \prod_i 2 E_i \; \prod_{r} \frac{|p^*_r|}{4 m_r} d\Omega_r \;
          \prod_{r \neq \text{root}} dm_r^2 \; \prod_{\text{roots}} \tfrac12 dm^2\, dy\, d^2p_T

which is the recursion of n-body phase space (PDG review of kinematics, Eq. (49.13)).
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxunfold.physics import fourvectors as fv
from jaxunfold.physics.fourvectors import pair_mass
from jaxunfold.physics.tree import Tree

SMALL = 1e-9


def coordinate_names(tree: Tree) -> tuple[str, ...]:
    """Names of the coordinates, in the order that ``encode`` returns them."""
    names = []
    for root in tree.roots:
        names += _root_names(tree, root)
    return tuple(names)


def _root_names(tree, root):
    if tree.decays.get(root) == "lab":
        a, b = tree.resonances[root]
        return [f"log_m_{root}", f"log_pt_ratio_{root}", f"eta_{a}", f"eta_{b}", f"phi_{a}", f"phi_{b}"]
    names = [f"log_m_{root}"] if root in tree.resonances else []
    names.append(f"y_{root}" if root in tree.resonances else f"eta_{root}")
    if root != tree.recoil:
        names += [f"log_pt_{root}", f"phi_{root}"]
    elif tree.total == "free":
        names += ["px_total", "py_total"]
    return names + _decay_names(tree, root)


def _decay_names(tree, node):
    if node not in tree.resonances:
        return []
    names = [f"atanh_cos_{node}", f"psi_{node}"]
    for child in tree.resonances[node]:
        if child in tree.resonances:
            names += [f"log_m_{child}", *_decay_names(tree, child)]
    return names


def is_periodic(name: str) -> bool:
    """Whether a coordinate is an angle, with period 2 pi."""
    return name.startswith(("phi_", "psi_"))


def _log_cosh(x):
    return jnp.logaddexp(x, -x) - jnp.log(2.0)


def _boost(p, gamma, u, axis_cos, axis_sin):
    """Transverse boost by gamma and u = gamma beta along (axis_cos, axis_sin)."""
    along = p[..., 1] * axis_cos + p[..., 2] * axis_sin
    across = -p[..., 1] * axis_sin + p[..., 2] * axis_cos
    energy = gamma * p[..., 0] + u * along
    along = u * p[..., 0] + gamma * along
    return jnp.stack([energy, along, across, p[..., 3]], axis=-1)


def _longitudinal(p, y):
    c, s = jnp.cosh(y), jnp.sinh(y)
    return jnp.stack([c * p[..., 0] + s * p[..., 3], p[..., 1], p[..., 2], s * p[..., 0] + c * p[..., 3]], axis=-1)


def _frame(parent, m):
    """Rapidity, transverse boost and flight azimuth of a parent of mass m."""
    pt2 = parent[1] ** 2 + parent[2] ** 2
    mt = jnp.sqrt(m**2 + pt2)
    pt = jnp.sqrt(jnp.maximum(pt2, SMALL))
    return jnp.arcsinh(parent[3] / mt), mt / m, pt / m, parent[1] / pt, parent[2] / pt


def _angles(parent, m, child):
    """(atanh cos, psi) of a child's direction in its parent's rest frame."""
    y, gamma, u, c, s = _frame(parent, m)
    rest = _boost(_longitudinal(child, -y), gamma, -u, c, s)
    x, across, z = rest[1], rest[2], rest[3]
    # atanh(x / p) = asinh(x / p_perp) stays exact for directions close to the axis
    return jnp.arcsinh(x / jnp.sqrt(jnp.maximum(across**2 + z**2, SMALL))), jnp.arctan2(across, z)


def _split(parent, m, m1, m2, a, psi):
    """The two children of a parent, from the angles of the first; momenta add up to the parent's."""
    y, gamma, u, c, s = _frame(parent, m)
    e1 = (m**2 + m1**2 - m2**2) / (2 * m)
    p = jnp.sqrt(jnp.maximum(e1**2 - m1**2, SMALL))
    perp = p / jnp.cosh(a)
    along, across, z = p * jnp.tanh(a), perp * jnp.sin(psi), perp * jnp.cos(psi)
    e_lab = gamma * e1 + u * along
    along = u * e1 + gamma * along
    px, py = along * c - across * s, along * s + across * c
    pz = jnp.cosh(y) * z + jnp.sinh(y) * e_lab
    first = jnp.stack([jnp.sqrt(px**2 + py**2 + pz**2 + m1**2), px, py, pz])
    rest = parent[1:] - first[1:]
    second = jnp.concatenate([jnp.sqrt(jnp.sum(rest**2) + m2**2)[None], rest])
    return first, second, p


def _momentum(tree, momenta, node):
    return sum(momenta[tree.labels.index(leaf)] for leaf in tree.leaves(node))


def _mass(tree, momenta, node):
    leaves = [momenta[tree.labels.index(leaf)] for leaf in tree.leaves(node)]
    return pair_mass(*leaves) if len(leaves) == 2 else fv.mass(sum(leaves))


def encode(tree: Tree, momenta: Float[Array, "p 4"]) -> tuple[Float[Array, " d"], Float[Array, ""]]:
    """Coordinates of one event and log|d coordinates / d momenta| (measure: see the head of this file)."""
    out, log_volume = [], jnp.zeros((), momenta.dtype)
    total = sum(_momentum(tree, momenta, root) for root in tree.roots)

    def decay(node, m):
        parent = _momentum(tree, momenta, node)
        first, second = tree.resonances[node]
        a, psi = _angles(parent, m, _momentum(tree, momenta, first))
        values, m1, m2 = [a, psi], _leaf_mass(first), _leaf_mass(second)
        log_j = 0.0
        for child in (first, second):
            if child in tree.resonances:
                mc = _mass(tree, momenta, child)
                inner, inner_j = decay(child, mc)
                values += [jnp.log(mc), *inner]
                log_j += inner_j + jnp.log(2.0) + 2 * jnp.log(mc)
                m1, m2 = (mc, m2) if child == first else (m1, mc)
        e1 = (m**2 + m1**2 - m2**2) / (2 * m)
        p = jnp.sqrt(jnp.maximum(e1**2 - m1**2, SMALL))
        # d cos = d a / cosh^2 a
        return values, log_j + jnp.log(p / (4 * m)) - 2 * _log_cosh(a)

    def _leaf_mass(node):
        return tree.masses[tree.labels.index(node)] if node in tree.labels else 0.0

    for root in tree.roots:
        p = _momentum(tree, momenta, root)
        if tree.decays.get(root) == "lab":
            a, b = (momenta[tree.labels.index(leaf)] for leaf in tree.resonances[root])
            out += [jnp.log(_mass(tree, momenta, root)), jnp.log(fv.pt(a) / fv.pt(b))]
            out += [fv.eta(a), fv.eta(b), fv.phi(a), fv.phi(b)]
            # d^3p = pT^3 cosh(eta) dlog(pT) deta dphi
            log_volume += sum(3 * jnp.log(fv.pt(q)) + _log_cosh(fv.eta(q)) for q in (a, b))
            continue
        if root in tree.resonances:
            m = _mass(tree, momenta, root)
            mt = jnp.sqrt(m**2 + p[1] ** 2 + p[2] ** 2)
            out += [jnp.log(m), jnp.arcsinh(p[3] / mt)]
            log_volume += 2 * jnp.log(m)
            log_volume += sum(jnp.log(2 * momenta[tree.labels.index(leaf)][0]) for leaf in tree.leaves(root))
        else:
            out.append(fv.eta(p))
            log_volume += jnp.log(fv.pt(p)) + _log_cosh(fv.eta(p))
        if root != tree.recoil:
            out += [jnp.log(fv.pt(p)), fv.phi(p)]
            log_volume += 2 * jnp.log(fv.pt(p))
        elif tree.total == "free":
            out += [total[1], total[2]]
        if root in tree.resonances:
            values, log_j = decay(root, m)
            out += values
            log_volume += log_j
    return jnp.stack(out), -log_volume


def decode(tree: Tree, coordinates: Float[Array, " d"]) -> Float[Array, "p 4"]:
    """Momenta of one event from its coordinates: the inverse of ``encode``."""
    value = dict(zip(coordinate_names(tree), coordinates))
    momenta = {}

    def decay(node, parent, m):
        first, second = tree.resonances[node]
        m1, m2 = (
            jnp.exp(value[f"log_m_{child}"])
            if child in tree.resonances
            else jnp.asarray(tree.masses[tree.labels.index(child)], coordinates.dtype)
            for child in (first, second)
        )
        p1, p2, _ = _split(parent, m, m1, m2, value[f"atanh_cos_{node}"], value[f"psi_{node}"])
        for child, p, mc in ((first, p1, m1), (second, p2, m2)):
            if child in tree.resonances:
                decay(child, p, mc)
            else:
                momenta[child] = p

    for root in tree.roots:
        if tree.decays.get(root) == "lab":
            a, b = tree.resonances[root]
            eta_a, eta_b = value[f"eta_{a}"], value[f"eta_{b}"]
            phi_a, phi_b = value[f"phi_{a}"], value[f"phi_{b}"]
            # m^2 = 2 pT pT' (cosh deta - cos dphi), written without cancellation
            opening = 2 * jnp.sinh((eta_a - eta_b) / 2) ** 2 + 2 * jnp.sin((phi_a - phi_b) / 2) ** 2
            log_product = 2 * value[f"log_m_{root}"] - jnp.log(2 * jnp.maximum(opening, SMALL))
            log_ratio = value[f"log_pt_ratio_{root}"]
            momenta[a] = fv.from_ptetaphim(jnp.exp((log_product + log_ratio) / 2), eta_a, phi_a)
            momenta[b] = fv.from_ptetaphim(jnp.exp((log_product - log_ratio) / 2), eta_b, phi_b)
            continue
        if root != tree.recoil:
            pt = jnp.exp(value[f"log_pt_{root}"])
            px, py = pt * jnp.cos(value[f"phi_{root}"]), pt * jnp.sin(value[f"phi_{root}"])
        else:
            px, py = (-sum(p[i] for p in momenta.values()) for i in (1, 2))
            if tree.total == "free":
                px, py = px + value["px_total"], py + value["py_total"]
        if root in tree.resonances:
            m = jnp.exp(value[f"log_m_{root}"])
            pz = jnp.sqrt(m**2 + px**2 + py**2) * jnp.sinh(value[f"y_{root}"])
            parent = jnp.stack([jnp.sqrt(m**2 + px**2 + py**2 + pz**2), px, py, pz])
            decay(root, parent, m)
        else:
            mass = tree.masses[tree.labels.index(root)]
            pz = jnp.sqrt(px**2 + py**2) * jnp.sinh(value[f"eta_{root}"])
            momenta[root] = jnp.stack([jnp.sqrt(mass**2 + px**2 + py**2 + pz**2), px, py, pz])
    return jnp.stack([momenta[label] for label in tree.labels])
