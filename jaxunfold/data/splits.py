"""Split events into training, validation and test parts by a seed that a run stores."""

from typing import NamedTuple

import numpy as np

from jaxunfold.errors import InputError


class Split(NamedTuple):
    """Row numbers of the three parts: disjoint, sorted, and together all of range(n)."""

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray


def split(n: int, valid: float | int = 0.1, test: float | int = 0.0, seed: int = 0) -> Split:
    """Split n events at random, the same way for the same seed.

    Args:
      n: Number of events.
      valid, test: Size of a part: a fraction below 1 (float) or a number of events (int).
      seed: Any non-negative integer.
    Returns: Sorted row numbers, so that a file is read in its own order.
    Raises: InputError where nothing is left to train on.

    Example:
      >>> train, valid, test = split(10, valid=2, test=0.3)
      >>> len(train), len(valid), len(test)
      (5, 2, 3)
    """
    num_valid, num_test = _size("valid", valid, n), _size("test", test, n)
    if num_valid + num_test >= n:
        raise InputError(
            f"split of {n} events: expected at least one to train on, found valid = {num_valid} and test = {num_test}"
        )
    # argsort of random bits, not Generator.permutation: the stream of random_raw is fixed for all of numpy
    order = np.argsort(np.random.PCG64(seed).random_raw(n), kind="stable")
    parts = np.split(order, [num_valid, num_valid + num_test])
    valid_rows, test_rows, train_rows = (np.sort(part) for part in parts)
    return Split(train_rows, valid_rows, test_rows)


def _size(name: str, size: float | int, n: int) -> int:
    if isinstance(size, float) and size < 1:
        if size < 0:
            raise InputError(f"split: {name} expected a fraction or a count, found {size}")
        return max(1, round(size * n)) if size else 0
    if size < 0 or size != int(size):
        raise InputError(f"split: {name} expected a fraction or a count, found {size}")
    return int(size)
