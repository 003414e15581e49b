"""Readers of other people's files, one file per format; ``READERS`` finds them by the end of a file's name."""

from jaxunfold.errors import InputError
from jaxunfold.readers import arrays, arrow, hepmc, lhe, root
from jaxunfold.readers.base import Source

READERS = {
    "root": root.open_source,
    "lhe": lhe.open_source,
    "hepmc": hepmc.open_source,
    "hepmc2": hepmc.open_source,
    "hepmc3": hepmc.open_source,
    "parquet": arrow.open_parquet,
    "csv": arrow.open_csv,
    "npz": arrays.open_npz,
    "h5": arrays.open_hdf5,
    "hdf5": arrays.open_hdf5,
}
ZIPPED = ("lhe", "hepmc", "hepmc2", "hepmc3")


def open_source(path: str, reader: str = "", tree: str = "") -> Source:
    """An open file of any format.

    Args:
      path: The file. reader: A key of ``READERS``; "" for the end of the name. tree: Of a ROOT file; "" for the only.
    Raises: InputError for an unknown format, or what the reader finds wrong.
    """
    parts = path.lower().rsplit("/", 1)[-1].split(".")
    zipped = parts[-1] == "gz"
    kind = reader or (parts[-2] if zipped and len(parts) > 2 else parts[-1])
    if kind not in READERS:
        raise InputError(
            f"{path}: expected a file of {', '.join(READERS)}, or source.reader to say which, found {kind!r}"
        )
    if zipped and kind not in ZIPPED:
        raise InputError(f"{path}: expected a {kind} file that is not gzipped: unpack it first")
    if tree and kind != "root":
        raise InputError(f"source.tree: expected none for {kind} files, found {tree!r}")
    return READERS[kind](path, tree=tree) if kind == "root" else READERS[kind](path)
