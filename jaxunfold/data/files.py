"""HDF5 files that are there whole or not at all: made in memory, written aside, renamed."""

import contextlib
import os
from pathlib import Path

import h5py
import numpy as np

from jaxunfold.data import schema
from jaxunfold.errors import InputError

CHUNK_VALUES = 2**20


def write_datasets(path: str | os.PathLike, datasets: dict[str, tuple[np.ndarray, dict]], attrs: dict) -> None:
    """Write datasets {name: (values, attributes)} compressed and atomically.

    Flags stay booleans and integers integers; everything else becomes float32. Attributes of a dataset are lists
    of texts. Raises: InputError where the file cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    image = _image(path.name, datasets, attrs)
    try:
        temporary.write_bytes(image)
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _image(name: str, datasets: dict[str, tuple[np.ndarray, dict]], attrs: dict) -> bytes:
    """The file's bytes, made in memory: the HDF5 library crashes at exit after writing to a full disk."""
    with h5py.File(name, "w", driver="core", backing_store=False) as file:
        for key, value in {**attrs, "schema": schema.SCHEMA}.items():
            if value is not None:
                file.attrs[key] = value
        for dataset_name, (values, attributes) in datasets.items():
            values = np.asarray(values)
            if values.dtype.kind not in "bi":
                values = values.astype(np.float32)
            rows = min(len(values), schema.CHUNK, max(1, CHUNK_VALUES // max(1, values[0].size)))
            # HDF5 has no chunks of nothing, as where there are no measured columns
            packed = {"compression": "gzip", "compression_opts": 4, "shuffle": True} if values.size else {}
            packed["chunks"] = (rows, *values.shape[1:]) if values.size else None
            dataset = file.create_dataset(dataset_name, data=values, **packed)
            for key, texts in attributes.items():
                if texts:
                    dataset.attrs.create(key, list(texts), dtype=h5py.string_dtype())
        file.flush()
        return file.id.get_file_image()
