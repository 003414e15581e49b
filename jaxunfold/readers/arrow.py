"""Parquet and CSV files through pyarrow; Parquet's columns may be lists."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from jaxunfold.errors import InputError
from jaxunfold.readers.base import PIECE, Column, Piece, Source, brief, check_columns, check_file, need, numbers

ROWS = 16 * PIECE


def open_parquet(path: str) -> Source:
    """Columns of a Parquet file. Raises: InputError for a file that is not one, is truncated or empty."""
    parquet = need("pyarrow.parquet", "reading Parquet")
    check_file(path)
    try:
        file = parquet.ParquetFile(path)
    except Exception as error:
        raise InputError(
            f"{path}: expected a Parquet file, found none or a truncated one ({brief(error)})"
        ) from error
    total = file.metadata.num_rows
    if not total:
        raise InputError(f"{path}: expected at least one event, found zero")
    names = tuple(file.schema_arrow.names)

    def batches(wanted):
        return file.iter_batches(ROWS, columns=list(wanted))

    return Source(path, names, total, "events", partial(_pieces, path, names, total, batches, True))


def open_csv(path: str) -> Source:
    """Columns of a CSV file with a header line; an empty field is not a number, and so refused where it is used.

    Raises: InputError for a file without a header or rows.
    """
    csv = need("pyarrow.csv", "reading CSV")
    check_file(path)

    def batches(wanted=None):
        # text where a column starts empty would be guessed as null: floats are what is asked for
        types = dict.fromkeys(wanted or (), need("pyarrow", "reading CSV").float64())
        convert = csv.ConvertOptions(include_columns=list(wanted) if wanted else None, column_types=types)
        return csv.open_csv(path, convert_options=convert)

    try:
        with csv.open_csv(path) as reader:
            names = tuple(reader.schema.names)
    except Exception as error:
        raise InputError(f"{path}: expected a CSV file with a header line ({brief(error)})") from error
    with open(path, "rb") as file:
        ends = sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 22), b""))
        file.seek(-1, 2)
        total = ends - (file.read(1) == b"\n")
    return Source(path, names, max(total, 0), "events", partial(_pieces, path, names, None, batches, False))


def _pieces(path: str, names: Sequence[str], total: int | None, batches, lists: bool, wanted) -> Iterator[Piece]:
    check_columns(path, names, wanted)
    done = 0
    try:
        for batch in batches(tuple(dict.fromkeys(wanted))):
            columns = {name: _column(path, name, batch.column(name), lists) for name in wanted}
            if batch.num_rows:
                yield Piece(batch.num_rows, columns, batch.num_rows)
            done += batch.num_rows
    except (InputError, GeneratorExit):
        raise
    except Exception as error:
        raise InputError(f"{path}: cannot be read after event {done - 1} ({brief(error)})") from error
    if not done or (total is not None and done != total):
        raise InputError(f"{path}: expected {total or 'at least one'} events, found {done}")


def _column(path: str, name: str, array: Any, lists: bool) -> Column:
    pa = need("pyarrow", "reading Parquet")
    kind = array.type
    if lists and (pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)):
        if array.null_count:
            raise InputError(f"{path}: {name} expected lists, found a missing one in row {_first_null(array)}")
        counts = need("pyarrow.compute", "reading Parquet").list_value_length(array).to_numpy(zero_copy_only=False)
        return Column(_plain(path, name, array.flatten()), counts.astype(np.int64))
    return Column(_plain(path, name, array))


def _plain(path: str, name: str, array: Any) -> np.ndarray:
    """Numbers of an arrow array, a missing one as NaN, which the checks of values report."""
    return numbers(path, name, array.to_numpy(zero_copy_only=False))


def _first_null(array: Any) -> int:
    return int(np.argmax(array.is_null().to_numpy(zero_copy_only=False)))
