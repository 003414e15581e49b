"""sbi: neural posterior estimation as its documentation has it, a neural spline flow with its own defaults."""

import sbi.inference
import sbi.utils
import torch

from benchmarks.peers import NotOffered, Peer
from benchmarks.peers.architecture import Architecture

torch.set_num_threads(1)
MANY = 1_000_000


def none_to_time(*_):
    """Its tasks are those of the flow library below it."""
    raise NotOffered("trains and samples as a whole; its flows are nflows' and zuko's")


def build(a: Architecture, seed: int, compiled: bool) -> Peer:
    """The estimator; the sizes are its own."""
    torch.manual_seed(seed)

    def fit(truth, features, batch, rate):
        estimator = sbi.inference.NPE(density_estimator="nsf", show_progress_bars=False)
        truth, features = torch.from_numpy(truth), torch.from_numpy(features)
        estimator.append_simulations(truth, features)
        epochs, found = [0], []

        def advance(steps):
            # so many batches of 200 are a part of an epoch: it trains by whole ones
            epochs[0] += max(1, round(200 * steps / (0.9 * len(truth))))
            # its own rule for an end counts a training that is resumed twice
            found[:] = [
                estimator.train(
                    max_num_epochs=epochs[0], stop_after_epochs=MANY, resume_training=epochs[0] > 1 and bool(found)
                )
            ]
            return float(estimator.summary["training_loss"][-1])

        def draw(features):
            with torch.no_grad():
                parts = [found[0].sample((1,), part)[0] for part in torch.from_numpy(features).split(1000)]
            return torch.cat(parts).numpy()

        return advance, draw

    return Peer(0, none_to_time, none_to_time, none_to_time, fit=fit)
