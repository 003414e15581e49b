"""Points of the plane from the thesis's wedge ramp, quadratic ramp or Gaussian half-ring, without a measurement.

    python -m jaxunfold.simulate --config configs/data/ramp.py:quadratic --events 300000 --seed 0 --out quadratic.h5

":wedge" and ":half_ring" are the others: thesis Eqs. (3.20), (3.27), (3.31). A second.
"""

from ml_collections import ConfigDict


def get_config(arg: str = "quadratic") -> ConfigDict:
    """The config; its argument names the density."""
    return ConfigDict({"chain": "ramp", "density": arg or "quadratic"})
