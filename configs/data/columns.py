"""Columns of any flat file to a table file: ROOT ntuples, also with lists, Parquet, CSV, NumPy (.npz), HDF5.

    python -m jaxunfold.convert ntuple.root --config configs/data/columns.py --out table.h5
        --config.truth.columns="{'pt': 'gen_pt', 'm': 'gen_m'}" --config.reco.columns="{'pt': 'pt', 'm': 'm'}"

Names are yours on the left and the file's on the right; "Jet_pt[0]" is the first entry of a list, and an event
without it does not pass. Measured data has no truth: configs/data/columns.py:data. Then

    python -m jaxunfold.train --config configs/table.py --data table.h5
"""

from ml_collections import ConfigDict


def get_config(arg: str = "") -> ConfigDict:
    """The config, with columns for the command line to name; ":data" has no truth."""
    if arg not in ("", "data"):
        raise ValueError(f"expected nothing or 'data', found {arg!r}")
    config = ConfigDict(
        {
            "name": "table",
            "sqrt_s_gev": None,
            "generator": "",
            "source": {"reader": "", "tree": "", "unit": "GeV"},
            "weight": "",
            "keep": "accepted",  # or "all": also events that pass at one level only, with pass_truth and pass_reco
            # columns {name: column of the file}; order: of the names, else by the alphabet; units {name: text};
            # passes: a column of flags
            "reco": {"columns": None, "order": None, "units": None, "passes": ""},
        }
    )
    config.truth = None if arg else {"columns": None, "order": None, "units": None, "passes": ""}
    return config
