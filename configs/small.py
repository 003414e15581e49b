"""The small models that ship with the package: ``model:zw_2jet`` and, for comparisons, one of each other family.

    python -m jaxunfold.train --config configs/small.py                  # model:zw_2jet, the conditional INN
    python -m jaxunfold.train --config configs/small.py:flow_matching    # model:zw_2jet_flow_matching
    python -m jaxunfold.train --config configs/small.py:fcgan            # model:zw_2jet_fcgan
    python -m jaxunfold.train --config configs/small.py:inn --config.training.seed=2    # model:zw_2jet_inn
    python benchmarks/ship.py runs/small zw_2jet                         # into the package

Each is the config of its name, trained on the same events; but for the INN with a smaller network and fewer epochs.
One to two minutes of the clock each on a shared CPU core, the GAN four, compilation included. On the 10,000 test
events, 60 draws, one seed:

    method           parameters   training [s]   joint AUC   marginal AUC   worst calibration   width of m_jj off by
    cinn                111,238            142       0.618          0.506               0.029                 -3.5 %
    flow_matching        84,650            144       0.655          0.498               0.035                 -4.8 %
    fcgan                25,258            269       0.799          0.541               0.090                 -5.0 %
    inn                  77,568             73       0.997          0.778               0.553                 +137 %

configs/cinn.py has 0.565 and 0.019.
"""

from pathlib import Path

from ml_collections import ConfigDict

from jaxunfold import config as configs

HERE = Path(__file__).parent
METHODS = ("cinn", "flow_matching", "fcgan", "inn")


def get_config(arg: str = "cinn") -> ConfigDict:
    """The config of one of METHODS, shrunk."""
    if arg not in METHODS:
        raise ValueError(f"expected one of {METHODS}, found {arg!r}")
    config = configs.load(HERE / f"{arg}.py")
    if "tune" in config:  # its ranges are those of a larger network
        del config.tune
    if arg == "cinn":
        config.model.flow.update({"blocks": 6, "hidden": 64})
        config.model.condition.update({"units": 128, "output": 32})
        config.training.epochs = 10
    elif arg == "flow_matching":
        config.training.batch_size = 512
        config.model.velocity.update({"hidden": 128, "layers": 4})
        config.model.condition.update({"units": 128, "output": 32})
        config.training.epochs = 16
    elif arg == "fcgan":
        config.training.batch_size = 512
        config.model.generator.update({"hidden": 96, "layers": 3})
        config.model.critic.update({"hidden": 96, "layers": 3})
        config.training.epochs = 16
    return config
