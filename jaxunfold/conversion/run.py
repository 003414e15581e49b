"""A whole conversion: files one after the other, truth beside them, pieces to one event file."""

import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

import jaxunfold
from jaxunfold import readers
from jaxunfold.conversion import detector
from jaxunfold.conversion.columns import Table
from jaxunfold.conversion.events import convert_piece
from jaxunfold.conversion.recipe import Recipe, reco_columns, truth_columns
from jaxunfold.data.location import fingerprint
from jaxunfold.data.writer import EventWriter
from jaxunfold.errors import InputError
from jaxunfold.readers.base import Column, Piece, Source, joined


class Plan(NamedTuple):
    """Open files and the columns to read of them; beside: the truth of the same events, or None.

    total, unit: the length of all of them, for the progress.
    """

    sources: list[Source]
    wanted: tuple[str, ...]
    beside: Source | None
    beside_wanted: tuple[str, ...]

    @property
    def unit(self) -> str:
        return self.sources[0].unit

    @property
    def total(self) -> int:
        return max(1, sum(source.total for source in self.sources))


def plan(recipe: Recipe, paths: Sequence[str], truth_path: str | None) -> Plan:
    """Open every file and see that its columns are there. Raises: InputError before any work is done."""
    options = {"reader": recipe.source["reader"], "tree": recipe.source["tree"]}
    sources = [readers.open_source(path, **options) for path in paths]
    if len({source.unit for source in sources}) > 1:
        raise InputError(f"{paths[-1]}: expected files of one format, found several")
    made = ()
    if recipe.detector is not None:
        detector.require()
        made = detector.MADE
    needed = (*reco_columns(recipe, made), *(detector.NEEDED if made else ()))
    of_truth = truth_columns(recipe)
    if recipe.weight:
        of_truth = (*of_truth, recipe.weight.partition("[")[0])
    beside = None
    if truth_path is not None:
        if recipe.truth is None:
            raise InputError("--truth: expected a section truth in the config, found none")
        beside = readers.open_source(truth_path)
    else:
        needed = (*needed, *of_truth)
    wanted = tuple(dict.fromkeys(needed))
    for source in sources:
        readers.base.check_columns(source.path, source.names, wanted)
    if beside is not None:
        readers.base.check_columns(beside.path, beside.names, of_truth)
    return Plan(sources, wanted, beside, tuple(dict.fromkeys(of_truth)))


def convert(recipe: Recipe, opened: Plan, out: str, advance: Callable[[int], None]) -> tuple[dict[str, int], float]:
    """Write the event file; returns how many events were left after each cut, and the sum of their weights.

    Raises: InputError for what a reader or the recipe refuses, or where no event is kept; nothing is left behind.
    """
    writer, flow, first = EventWriter(out), {}, 0
    truths = None if opened.beside is None else Aligned(opened.beside, opened.beside_wanted)
    try:
        for source in opened.sources:
            start = 0
            for piece in source.pieces(opened.wanted):
                columns = dict(piece.columns)
                table = Table(source.path, start, piece.num_events, columns)
                if recipe.detector is not None:
                    columns.update(detector.measure(table._replace(first=first), recipe.detector))
                truth = table if recipe.truth is not None else None
                if truths is not None:
                    truth = truths.take(piece.num_events, source.path)
                events, counts = convert_piece(recipe, truth, table)
                for cut, number in counts.items():
                    flow[cut] = flow.get(cut, 0) + number
                writer.append(events)
                start, first = start + piece.num_events, first + piece.num_events
                advance(piece.advance)
        if truths is not None:
            truths.finish(first)
        if not flow.get("kept"):
            steps = ", ".join(f"{cut}: {number}" for cut, number in flow.items())
            raise InputError(f"{opened.sources[0].path}: expected an event that passes, found none ({steps})")
        writer.close(_attributes(recipe, opened, flow))
    finally:
        writer.abandon()
    return flow, writer.total


def _attributes(recipe: Recipe, opened: Plan, flow: dict[str, int]) -> dict:
    files = [*opened.sources, *([opened.beside] if opened.beside is not None else [])]
    return {
        "process": recipe.name,
        "sqrt_s_gev": recipe.sqrt_s_gev,
        "generator": recipe.generator or None,
        "code_version": jaxunfold.__version__,
        "config": recipe.to_json(),
        "cuts": "; ".join(f"{cut}: {number}" for cut, number in flow.items()),
        "sources": "; ".join(f"{os.path.basename(f.path)} {fingerprint(f.path)}" for f in files),
    }


class Aligned:
    """The truth of the same events from another file, taken as many at a time as are asked for."""

    def __init__(self, source: Source, wanted: Sequence[str]):
        self.source, self.pieces = source, source.pieces(wanted)
        self.first, self.waiting, self.num = 0, {}, 0

    def _more(self) -> bool:
        piece: Piece | None = next(self.pieces, None)
        if piece is None:
            return False
        old = self.waiting
        self.waiting = {name: joined([old[name], c]) if name in old else c for name, c in piece.columns.items()}
        self.num += piece.num_events
        return True

    def take(self, num: int, other: str) -> Table:
        while self.num < num:
            if not self._more():
                found = self.first + self.num
                raise InputError(
                    f"{self.source.path}: expected as many events as {other}, found its end after {found}"
                )
        head = {name: cut(column, 0, num) for name, column in self.waiting.items()}
        self.waiting = {name: cut(column, num, self.num) for name, column in self.waiting.items()}
        table = Table(self.source.path, self.first, num, head)
        self.first, self.num = self.first + num, self.num - num
        return table

    def finish(self, delivered: int) -> None:
        if self.num or self._more():
            raise InputError(f"{self.source.path}: expected {delivered} events as the measured ones, found more")


def cut(column: Column, start: int, stop: int) -> Column:
    """Events [start, stop) of a column."""
    if column.counts is None:
        return Column(column.values[start:stop])
    ends = np.concatenate([[0], np.cumsum(column.counts)])
    return Column(column.values[ends[start] : ends[stop]], column.counts[start:stop])
