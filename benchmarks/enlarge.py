"""A measured event file of any size, from the embedded sample: each of its events again and again, turned.

python -m benchmarks.enlarge --events 10000000 --out FILE [--seed S]

Every event is turned by an angle of its own about the beam, which nothing that is measured depends on, so that no
two are equal and all of them look like the training's. There is no truth in the file. Memory does not grow.
"""

import argparse
import dataclasses

import numpy as np

from jaxunfold.data.events import Events, read, sample_path
from jaxunfold.data.writer import EventWriter

ROWS = 65536


def turned(events: Events, rng: np.random.Generator) -> Events:
    """Measured events, each turned about the beam by an angle of its own; without their truth."""
    angle = rng.uniform(-np.pi, np.pi, (len(events), 1)).astype(np.float32)
    energy, px, py, pz = np.moveaxis(events.reco, -1, 0)
    cos, sin = np.cos(angle), np.sin(angle)
    reco = np.stack([energy, cos * px - sin * py, sin * px + cos * py, pz], axis=-1)
    return dataclasses.replace(events, reco=reco, truth=None, truth_names=())


def enlarge(path: str, num_events: int, seed: int = 0, sample: str = "zw_2jet") -> None:
    """Write ``num_events`` events, piece by piece."""
    events, rng = read(sample_path(sample)), np.random.default_rng(seed)
    writer = EventWriter(path)
    try:
        for start in range(0, num_events, ROWS):
            rows = np.arange(start, min(start + ROWS, num_events)) % len(events)
            writer.append(turned(events[rows], rng))
        writer.close({**events.attrs, "generator": f"benchmarks.enlarge of sample:{sample}", "seed": seed})
    finally:
        writer.abandon()


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    enlarge(args.out, args.events, args.seed)


if __name__ == "__main__":
    main()
