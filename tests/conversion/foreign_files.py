"""Files of other people's formats, written by the real libraries, of events that are known."""

import sys

import awkward as ak
import numpy as np
import uproot


def polar(p):
    """pt, eta, phi, mass of [..., 4]."""
    pt = np.hypot(p[..., 1], p[..., 2])
    mass = np.sqrt(np.maximum(p[..., 0] ** 2 - np.sum(p[..., 1:] ** 2, -1), 0))
    return pt, np.arcsinh(p[..., 3] / pt), np.arctan2(p[..., 2], p[..., 1]), mass


def record_of(truth, rng):
    """One event's particles as Pythia keeps them: beams, Z and W with a copy each, daughters, and after radiation.

    Returns: (pid, status, mother, momentum) of each; the quarks are in either order.
    """
    z, w = truth[0] + truth[1], truth[2] + truth[3]
    beam = np.array([6500.0, 0, 0, 6500.0])
    quarks = (2, 3) if rng.random() < 0.5 else (3, 2)
    rows = [(2212, 4, -1, beam), (2212, 4, -1, beam * [1, 1, 1, -1]), (2, 21, 0, beam / 2), (-1, 21, 1, beam / 3)]
    rows += [(23, 22, 2, z), (24, 22, 2, w), (23, 62, 4, z), (24, 62, 5, w)]
    rows += [(11, 23, 6, truth[0]), (-11, 23, 6, truth[1])]
    rows += [(pid, 23, 7, truth[i]) for pid, i in zip((2, -1), quarks)]
    rows += [(11, 1, 8, 0.99 * truth[0]), (-11, 1, 9, truth[1]), (2, 51, 10, 0.9 * truth[quarks[0]])]
    rows += [(21, 51, 10, 0.1 * truth[quarks[0]]), (211, 1, 14, 0.5 * truth[2]), (11, 1, 16, 0.1 * truth[3])]
    return rows


def collection(name, **fields):
    """{"Jet": records with PT, Eta, ...} for a tree as Delphes names its branches."""
    return {name: ak.zip(fields)}


def delphes_arrays(events, records, rng):
    """The collections of a Delphes tree: jets with a soft one and a copy of an electron, weights."""
    columns = [ak.Array([[row[i] for row in event] for event in records]) for i in range(3)]
    momenta = [np.array([row[3] for row in event]) for event in records]
    with np.errstate(divide="ignore"):
        kin = [polar(p) for p in momenta]
    names = ("PT", "Eta", "Phi", "Mass")
    # beam particles have no pseudorapidity: Delphes writes 999.9
    particle = {
        n: ak.Array([np.nan_to_num(k[i], posinf=999.9, neginf=-999.9) for k in kin]) for i, n in enumerate(names)
    }
    out = collection("Particle", PID=columns[0], Status=columns[1], M1=columns[2], **particle)
    reco = events.reco[: len(records)].astype(np.float64)
    pt, eta, phi, mass = polar(reco)
    order = rng.permuted(np.tile(np.arange(2), (len(reco), 1)), axis=1)
    lepton = {n: ak.Array(np.take_along_axis(x[:, :2], order, 1).tolist()) for n, x in zip(names[:3], (pt, eta, phi))}
    out |= collection("Electron", Charge=ak.Array((2 * order - 1).tolist()), **lepton)
    soft, shape = {"PT": 7.0, "Eta": 0.0, "Phi": 1.0, "Mass": 1.0}, (len(reco), 1)
    jets = {}
    for n, x in zip(names, (pt, eta, phi, mass)):
        jets[n] = ak.Array(np.concatenate([np.full(shape, soft[n]), x[:, :1], x[:, 3:], x[:, 2:3]], 1).tolist())
    out |= collection("Jet", **jets)
    out |= collection("MissingET", MET=ak.Array([[3.0]] * len(reco)), Phi=ak.Array([[0.5]] * len(reco)))
    return out | collection("Event", Weight=ak.Array((rng.choice([-1.0, 0.0, 2.0], shape) + 1.5).tolist()))


def write_tree(path, arrays, tree="Delphes", pieces=1):
    """A tree whose branches are named as Delphes does, with counters ``Jet_size``; more pieces are more baskets."""
    size = len(next(iter(arrays.values())))
    with uproot.recreate(path) as file:
        types = {name: ak.type(array).content for name, array in arrays.items()}
        out = file.mktree(
            tree, types, counter_name=lambda name: f"{name}_size", field_name=lambda outer, inner: f"{outer}.{inner}"
        )
        for rows in np.array_split(np.arange(size), pieces):
            out.extend({name: array[rows] for name, array in arrays.items()})
    return str(path)


def write_lhe(path, events, weights, variations=None):
    """Les Houches events of four-momenta [n, 4, 4] as e-, e+, u, dbar below a Z and a W, by pylhe."""
    import pylhe

    def particle(pid, status, mothers, p):
        mass = float(np.sqrt(max(p[0] ** 2 - np.sum(p[1:] ** 2), 0)))
        return pylhe.LHEParticle(
            id=pid, status=status, mother1=mothers, mother2=mothers, color1=0, color2=0, px=float(p[1]),
            py=float(p[2]), pz=float(p[3]), e=float(p[0]), m=mass, lifetime=0.0, spin=9.0,
        )  # fmt: skip

    out = []
    for number, (p, weight) in enumerate(zip(events.astype(np.float64), weights)):
        total = p.sum(axis=0)
        rows = [particle(2, -1, 0, total / 2), particle(-1, -1, 0, total / 2)]
        rows += [particle(23, 2, 1, p[0] + p[1]), particle(24, 2, 1, p[2] + p[3])]
        rows += [particle(pid, 1, mother, q) for pid, mother, q in zip((11, -11, 2, -1), (3, 3, 4, 4), p)]
        info = pylhe.LHEEventInfo(nparticles=len(rows), pid=1, weight=weight, scale=91.0, aqed=0.01, aqcd=0.1)
        extra = {} if variations is None else {"up": float(variations[number])}
        out.append(pylhe.LHEEvent(eventinfo=info, particles=rows, weights=extra))
    info = pylhe.LHEInitInfo(2212, 2212, 6500.0, 6500.0, 0, 0, 247000, 247000, -4, 1)
    init = pylhe.LHEInit(initInfo=info, procInfo=[pylhe.LHEProcInfo(1.0, 0.1, 1.0, 1)], generators=[])
    pylhe.LHEFile(init=init, events=out).tofile(str(path))
    return str(path)


def write_hepmc(path, records, weights, version="HepMC3", unit="GEV"):
    """Particle records as HepMC events with a vertex for every mother, by pyhepmc."""
    import pyhepmc

    units = getattr(pyhepmc.Units, unit)
    scale = 1000.0 if unit == "MEV" else 1.0
    run = pyhepmc.GenRunInfo()
    run.weight_names = ["nominal", "up"]
    with pyhepmc.open(str(path), "w", format=version) as file:
        for number, (rows, weight) in enumerate(zip(records, weights)):
            event = pyhepmc.GenEvent(units, pyhepmc.Units.MM)
            event.run_info, event.event_number, event.weights = run, number, [weight, 2 * weight]
            made = [pyhepmc.GenParticle(p[[1, 2, 3, 0]] * scale, pid, status) for pid, status, _, p in rows]
            for mother in sorted({row[2] for row in rows if row[2] >= 0}):
                vertex = pyhepmc.GenVertex((0.01, 0.02, 0.03, 0.0))
                vertex.add_particle_in(made[mother])
                for particle, row in zip(made, rows):
                    if row[2] == mother:
                        vertex.add_particle_out(particle)
                event.add_vertex(vertex)
            file.write(event)
    return str(path)


def hadronic_record(truth, rng):
    """One event for a detector: beams, the hard process with status 23, stable electrons, pions near each quark."""
    beam = np.array([6500.0, 0, 0, 6500.0])
    rows = [(2212, 4, -1, beam), (2212, 4, -1, beam * [1, 1, 1, -1])]
    for pid, p in zip((11, -11, 2, -1), truth.astype(np.float64)):
        mother = len(rows)
        rows.append((pid, 23, 0, p))
        if abs(pid) == 11:
            rows.append((pid, 1, mother, p))
            continue
        for _ in range(6):
            three = p[1:] / 6 + rng.normal(0, 0.02 * p[0] / 6, 3)
            rows.append((int(rng.choice([211, -211, 22])), 1, mother, np.array([np.linalg.norm(three), *three])))
    return rows


def main(simulated, measured):
    """Delphes trees of the embedded sample: 20,000 events with truth, and 2,000 others without."""
    from jaxunfold.data.events import read, sample_path

    sample, rng = read(sample_path("zw_2jet")), np.random.default_rng(0)
    for path, rows in ((simulated, slice(0, 20_000)), (measured, slice(20_000, 22_000))):
        records = [record_of(event.astype(np.float64), rng) for event in sample.truth[rows]]
        arrays = delphes_arrays(sample[rows], records, rng)
        if path == measured:
            del arrays["Particle"]
        write_tree(path, arrays, pieces=10)


if __name__ == "__main__":
    main(*sys.argv[1:])
