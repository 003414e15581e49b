"""ROOT files through uproot: trees of Delphes, nanoAOD-like trees with lists, flat ntuples."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from jaxunfold.errors import InputError
from jaxunfold.readers.base import PIECE, Piece, Source, brief, check_columns, check_file, from_awkward, need


def open_source(path: str, tree: str = "") -> Source:
    """A tree by name; without one the only tree of the file, or the one called Delphes or Events.

    Raises: InputError for a file that is not ROOT, truncated, without a tree or with several, or an empty tree.
    """
    uproot = need("uproot", "reading ROOT")
    check_file(path)
    try:
        file = uproot.open(path)
        # cycles are older copies of the same tree, left by a job that saved on its way
        classes = {name: kind for name, kind in file.classnames(cycle=False).items() if _is_tree(kind)}
    except Exception as error:
        raise InputError(f"{path}: expected a ROOT file, found none or a damaged one ({brief(error)})") from error
    chosen = _choose(path, tuple(classes), tree)
    try:
        found = file[chosen]
        names = {branch.name: branch for branch in found.itervalues(recursive=True)}
        total = int(found.num_entries)
    except Exception as error:
        raise InputError(f"{path}: tree {chosen!r} cannot be read, truncated or damaged ({brief(error)})") from error
    if not total:
        raise InputError(f"{path}: tree {chosen!r} expected at least one event, found zero")
    return Source(path, tuple(names), total, "events", partial(_pieces, path, chosen, names, total))


def _is_tree(kind: str) -> bool:
    return kind in ("TTree", "TNtuple", "TNtupleD", "ROOT::RNTuple")


def _choose(path: str, trees: Sequence[str], wanted: str) -> str:
    listed = ", ".join(trees) or "none"
    if wanted:
        if wanted not in trees:
            raise InputError(f"{path}: expected a tree {wanted!r}, found {listed}")
        return wanted
    usual = [name for name in trees if name in ("Delphes", "Events")]
    if len(usual) == 1 or len(trees) == 1:
        return (usual or trees)[0]
    raise InputError(f"{path}: expected one tree, or source.tree to name it, found {listed}")


def _pieces(path: str, tree: str, branches: dict[str, Any], total: int, wanted: Sequence[str]) -> Iterator[Piece]:
    check_columns(path, tuple(branches), wanted)
    for start in range(0, total, PIECE):
        stop = min(start + PIECE, total)
        columns = {}
        for name in wanted:
            try:
                array = branches[name].array(entry_start=start, entry_stop=stop, library="ak")
            except Exception as error:
                where = f"tree {tree!r}, branch {name!r}, events {start} to {stop - 1}"
                raise InputError(f"{path}: {where} cannot be read, truncated or damaged ({brief(error)})") from error
            columns[name] = from_awkward(path, name, array)
            if columns[name].num_events != stop - start:
                raise InputError(
                    f"{path}: branch {name!r} expected {stop - start} events from event {start}, found "
                    f"{columns[name].num_events}"
                )
        yield Piece(stop - start, columns, stop - start)
