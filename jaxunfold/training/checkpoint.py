"""Checkpoints that survive SIGKILL at any moment: each is complete, or it is not there.

One checkpoint is ``DIR/STAGE/STEP/``: ``arrays``, an orbax checkpoint of the tree's leaves by their path, and
``host.json``, host-side counters with shape and type of every leaf and a checksum of every file. It is
written under a temporary name and renamed, which is the one step that makes it count.
"""

import functools
import json
import logging
import os
import re
import shutil
import sys
import zlib
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from jaxunfold.errors import InputError

KEEP = 2
_TEMPORARY = ".tmp-"


class Checkpoint(NamedTuple):
    """tree: numpy leaves, as the template; host: what was saved with it; path: where it lies."""

    step: int
    tree: Any
    host: dict
    path: str


def save(directory: str, stage: str, step: int, tree: PyTree, host: dict, keep: int = KEEP) -> str:
    """Write one checkpoint, then delete all but the last ``keep`` of its stage.

    Args:
        directory: folder of all checkpoints; created if missing.
        stage: name of the stage, letters, digits, dot, dash and underscore.
        step: number of steps done.
        tree: pytree of arrays; typed PRNG keys are stored as their data.
        host: counters that JSON can hold.
    Returns: the path of the checkpoint.
    Raises: InputError if it cannot be written (full disk, no permission); earlier checkpoints are untouched.
    """
    folder = _stage_folder(directory, stage)
    final = os.path.join(folder, f"{step:09d}")
    temporary = os.path.join(folder, f"{_TEMPORARY}{step:09d}")
    described = {name: _describe(leaf) for name, leaf in _named(tree).items()}
    leaves = {name: _to_numpy(leaf) for name, leaf in _named(tree).items()}
    try:
        os.makedirs(folder, exist_ok=True)
        _remove(temporary)
        os.makedirs(temporary)
        # orbax refuses arrays of size zero; their shape in host.json says all there is to know.
        filled = {name: leaf for name, leaf in leaves.items() if leaf.size}
        if filled:
            _write_arrays(os.path.join(temporary, "arrays"), filled)
        files = _checksums(os.path.join(temporary, "arrays"))
        with open(os.path.join(temporary, "host.json"), "w") as file:
            record = {"step": step, "stage": stage, "leaves": described, "files": files, "host": host}
            json.dump(record, file)
            file.flush()
            os.fsync(file.fileno())
        _discard(final)
        os.rename(temporary, final)
    except InputError:
        raise
    except Exception as error:  # orbax wraps a full disk in several types of its own
        shutil.rmtree(temporary, ignore_errors=True)
        kept = paths(directory, stage)
        earlier = f"the checkpoint {kept[-1]} is intact" if kept else "there is no earlier one"
        raise InputError(f"{final}: cannot write the checkpoint: {_one_line(error)}; {earlier}") from error
    there = paths(directory, stage)
    # A later one can only be a damaged one that the restart passed over.
    for other in there[there.index(final) + 1 :] + there[: there.index(final) + 1][:-keep]:
        _discard(other)
    return final


def restore(directory: str, stage: str, template: PyTree) -> Checkpoint | None:
    """The last complete checkpoint of a stage, or None.

    Leftovers of interrupted writes are removed. One that does not read back to its checksums is skipped,
    with a line on stderr, for the one before.

    Args:
        template: pytree of arrays or ``jax.ShapeDtypeStruct``: the structure, shapes and types that are
            expected.
    Raises: InputError if the stored tree is another one, naming the leaf that differs.
    """
    folder = _stage_folder(directory, stage)
    if not os.path.isdir(folder):
        return None
    for name in os.listdir(folder):
        if name.startswith(_TEMPORARY):
            shutil.rmtree(os.path.join(folder, name), ignore_errors=True)
    for path in reversed(paths(directory, stage)):
        try:
            with open(os.path.join(path, "host.json")) as file:
                record = json.load(file)
            step, described, host = record["step"], record["leaves"], record["host"]
            # Before orbax sees it: of damaged files it complains from threads of its own.
            if _checksums(os.path.join(path, "arrays")) != record["files"]:
                raise ValueError("the arrays do not match their checksums")
            leaves = _read_arrays(path, described)
        except Exception as error:  # whatever is wrong with it, the one before may be good
            print(f"{path}: skipped, not a complete checkpoint: {_one_line(error)}", file=sys.stderr)
            continue
        return Checkpoint(step, _rebuild(path, template, leaves, described), host, path)
    return None


def paths(directory: str, stage: str) -> list[str]:
    """Finished checkpoints of a stage, oldest first."""
    folder = _stage_folder(directory, stage)
    if not os.path.isdir(folder):
        return []
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.isdigit()]


def _stage_folder(directory: str, stage: str) -> str:
    if not re.fullmatch(r"\w[\w.-]*", stage):
        raise ValueError(f"stage: expected letters, digits, dot, dash and underscore, got {stage!r}")
    return os.path.join(os.path.abspath(directory), stage)


def _named(tree) -> dict:
    flat, _ = jax.tree_util.tree_flatten_with_path(tree)
    named = {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in flat}
    if len(named) != len(flat):
        raise ValueError("two leaves of the state have the same path; rename the keys that contain '/'")
    return named


def _is_key(leaf) -> bool:
    return hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _to_numpy(leaf) -> np.ndarray:
    return np.asarray(jax.device_get(jax.random.key_data(leaf) if _is_key(leaf) else leaf))


def _describe(leaf) -> dict:
    values = _to_numpy(leaf)
    found = {"shape": list(values.shape), "dtype": str(values.dtype)}
    return found | ({"key": str(jax.random.key_impl(leaf))} if _is_key(leaf) else {})


@functools.cache
def _orbax():
    """Orbax, imported when first needed: it takes half a second."""
    import orbax.checkpoint

    # Its threads also log a page of traceback for every error it raises, which becomes one line here.
    logging.getLogger("absl").addFilter(lambda record: "orbax" not in record.pathname)
    return orbax.checkpoint


def _checkpointer():
    """Orbax for this process alone: one writes and each reads, without waiting for the others."""
    ocp, process = _orbax(), jax.process_index()
    alone = ocp.options.MultiprocessingOptions(process, {process}, barrier_sync_key_prefix=f"process{process}")
    handler = ocp.PyTreeCheckpointHandler(multiprocessing_options=alone)
    return ocp.Checkpointer(handler, multiprocessing_options=alone)


def _write_arrays(path: str, leaves: dict[str, np.ndarray]) -> None:
    ocp = _orbax()
    with _checkpointer() as checkpointer:
        checkpointer.save(path, args=ocp.args.PyTreeSave(leaves))


def _read_arrays(path: str, described: dict) -> dict[str, np.ndarray]:
    ocp = _orbax()
    leaves = {n: np.zeros(d["shape"], d["dtype"]) for n, d in described.items() if 0 in d["shape"]}
    names = [name for name in described if name not in leaves]
    if names:
        how = {name: ocp.RestoreArgs(restore_type=np.ndarray) for name in names}
        item = {n: np.empty(described[n]["shape"], jnp.dtype(described[n]["dtype"])) for n in names}
        with _checkpointer() as checkpointer:
            args = ocp.args.PyTreeRestore(item=item, restore_args=how)
            leaves |= checkpointer.restore(os.path.join(path, "arrays"), args=args)
    return leaves


def _checksums(path: str) -> dict[str, int]:
    """CRC-32 of every file below a folder."""
    sums = {}
    for root, _, names in os.walk(path):
        for name in names:
            with open(os.path.join(root, name), "rb") as file:
                sums[os.path.relpath(file.name, path)] = zlib.crc32(file.read())
    return sums


def _rebuild(path: str, template, leaves: dict, described: dict):
    """The template's tree with the stored leaves, after checking that it is the same tree."""
    wanted = _named(template)
    for name, leaf in wanted.items():
        if name not in leaves:
            raise InputError(f"{path}: leaf {name}: expected {_signature(leaf)}, found none")
        found = described[name]
        if _signature(leaf) != f"{found['dtype']}{found['shape']}":
            raise InputError(
                f"{path}: leaf {name}: expected {_signature(leaf)}, found {found['dtype']}{found['shape']}"
            )
        if _is_key(leaf) != ("key" in found):
            kinds = ("numbers", "a typed key")
            raise InputError(f"{path}: leaf {name}: expected {kinds[_is_key(leaf)]}, found {kinds['key' in found]}")
    for name in leaves:
        if name not in wanted:
            raise InputError(f"{path}: leaf {name}: expected none, found {_signature(leaves[name])}")
    keys = {name: found["key"] for name, found in described.items() if "key" in found}
    ordered = [
        jax.random.wrap_key_data(leaves[name], impl=keys[name]) if name in keys else leaves[name] for name in wanted
    ]
    return jax.tree.unflatten(jax.tree.structure(template), ordered)


def _signature(leaf) -> str:
    if _is_key(leaf):
        leaf = jax.eval_shape(jax.random.key_data, leaf)
    return f"{leaf.dtype}{list(leaf.shape)}"


def _discard(path: str) -> None:
    """Delete a checkpoint so that no half-deleted one is ever seen."""
    if os.path.isdir(path):
        gone = os.path.join(os.path.dirname(path), f"{_TEMPORARY}old-{os.path.basename(path)}")
        _remove(gone)
        os.rename(path, gone)
        _remove(gone)


def _remove(path: str) -> None:
    shutil.rmtree(path, ignore_errors=True)


def _one_line(error: Exception) -> str:
    """The first line of an error, or the plain words for a full disk where they occur anywhere in it."""
    text = f"{type(error).__name__}: {error}"
    for words in ("No space left on device", "File too large", "Permission denied", "Read-only file system"):
        if words in f"{text} {error.__cause__} {error.__context__}":
            return words
    return text.strip().splitlines()[0][:300]
