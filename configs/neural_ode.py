"""A neural ODE trained by maximum likelihood (FFJORD) on the events and coordinates of ``cinn.py``, a small one.

python -m jaxunfold.train --config configs/neural_ode.py

Four midpoint steps and one probe of the trace in training. 8,400 training events and 100,000 draws a second on one
CPU core: about four minutes of training.

Not to be used as it stands: its likelihood runs away on these events, with the regularisation too
(benchmarks/quality.md). It is here as the papers' form of what ``flow_matching.py`` trains without a solver.
"""

from pathlib import Path

from ml_collections import ConfigDict

from jaxunfold import config as configs

HERE = Path(__file__).parent


def get_config(arg: str = "") -> ConfigDict:
    """The config; ":smoke" shrinks it to a minute."""
    config = configs.load(f"{HERE / 'flow_matching.py'}:{arg}" if arg else HERE / "flow_matching.py")
    config.method = "neural_ode"
    config.model.velocity.update({"hidden": 64, "layers": 2})
    config.model.solver.steps = 4
    config.model.probes = 1
    config.model.update({"kinetic": 0.05, "jacobian": 0.05})
    del config.model["time_power"], config.model["sigma_min"]
    config.training.epochs = 10
    if arg == "smoke":
        config.training.epochs = 1
        config.training.batch_size = 2048
    return config
