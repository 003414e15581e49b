"""Config files by path, overrides from the command line, and the JSON that a run keeps of its config."""

import ast
import difflib
import importlib.util
import inspect
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from jaxunfold.errors import InputError

RUN = MappingProxyType({"experiment": "", "products": "float32"})
"""Keys that the config of every run has, with their defaults; products: of the matrices, in training."""
NONE = MappingProxyType({})

TUPLE = "__tuple__"
"""Key that marks a tuple in JSON, which has lists only."""


def load(
    path: str | os.PathLike, overrides: Iterable[tuple[str, str]] = (), common: Mapping[str, Any] = NONE
) -> ConfigDict:
    """The config of ``PATH[:arg]``, e.g. configs/cinn.py:smoke -> get_config("smoke"), with overrides.

    Args: common: Keys with defaults that the file may leave out, as ``RUN``.
    Raises: InputError for a missing file, an error in it, an unknown key, or a value of the wrong type.
    """
    path, arg = split_arg(os.fspath(path))
    get_config = getattr(_module(path), "get_config", None)
    if not callable(get_config):
        raise InputError(f"{path}: not a config, expected a function get_config(arg), found none")
    takes_arg = bool(inspect.signature(get_config).parameters)
    if arg and not takes_arg:
        raise InputError(f"{path}: get_config takes no argument, found {arg!r}")
    try:
        config = get_config(arg) if takes_arg and arg else get_config()
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{path}: get_config({arg!r}) failed ({_one_line(error)})") from error
    if not isinstance(config, (ConfigDict, dict)):
        raise InputError(f"{path}: get_config expected to return a ConfigDict, found {type(config).__name__}")
    return override(ConfigDict({**common, **dict(config.items())}), overrides)


def split_arg(path: str) -> tuple[str, str]:
    """("configs/cinn.py", "smoke") of "configs/cinn.py:smoke"."""
    head, colon, tail = path.rpartition(":")
    return (head, tail) if colon and os.sep not in tail else (path, "")


def name_of(path: str) -> str:
    """Name of the config of ``PATH[:arg]``: "cinn" or "cinn-smoke", for the default work directory.

    Example:
      >>> name_of("configs/cinn.py:smoke")
      'cinn-smoke'
    """
    path, arg = split_arg(path)
    return Path(path).stem + (f"-{arg}" if arg else "")


def override(config: ConfigDict, overrides: Iterable[tuple[str, str]]) -> ConfigDict:
    """A copy of the config with values replaced, each given as ("model.num_blocks", "12").

    A value is read as a Python or JSON literal and must be of the type it replaces; integers serve as floats.
    """
    config = config.copy_and_resolve_references()
    for key, text in overrides:
        old, (section, _, last) = value_of(config, key), key.rpartition(".")
        node = value_of(config, section) if section else config
        with node.unlocked(), node.ignore_type():
            node[last] = _convert(key, text, old)
    return config


def value_of(config: ConfigDict, key: str) -> Any:
    """The value or section of a dotted key. Raises: InputError for an unknown key, with the nearest one."""
    node, parts = config, key.split(".")
    for depth, part in enumerate(parts):
        if not isinstance(node, ConfigDict) or part not in node:
            raise InputError(_unknown(config, ".".join(parts[: depth + 1]), key))
        node = node[part]
    return node


def without(config: ConfigDict, section: str) -> ConfigDict:
    """A copy of the config without one of its sections."""
    return ConfigDict({name: item for name, item in config.copy_and_resolve_references().items() if name != section})


def to_json(config: ConfigDict) -> str:
    """The config as indented JSON; ``from_json`` gives it back, tuples included."""
    return json.dumps(_encode(config.to_dict(), ""), indent=2) + "\n"


def from_json(text: str, path: str = "config.json") -> ConfigDict:
    """The config that ``to_json`` wrote. Raises: InputError that names ``path``."""
    try:
        config = json.loads(text)
    except ValueError as error:
        raise InputError(f"{path}: expected JSON ({_one_line(error)})") from error
    if not isinstance(config, dict):
        raise InputError(f"{path}: expected a JSON object, found {type(config).__name__}")
    return ConfigDict(_decode(config))


def diff(a: ConfigDict, b: ConfigDict, ignore: Iterable[str] = ()) -> list[str]:
    """What differs, one "key: A here, B there" each; empty where the configs are equal."""
    a, b, ignore = _flatten(a), _flatten(b), set(ignore)
    out = []
    for key in [*a, *(key for key in b if key not in a)]:
        left, right = (repr(side[key]) if key in side else "nothing" for side in (a, b))
        if left != right and key not in ignore:
            out.append(f"{key}: {left} here, {right} there")
    return out


def _module(path: str) -> ModuleType:
    if not os.path.isfile(path):
        folder = Path(path).parent
        known = [str(p) for p in folder.glob("*.py")] if folder.is_dir() else []
        raise InputError(f"{path}: no such config{_nearest(path, known)}")
    spec = importlib.util.spec_from_file_location(f"config_{Path(path).stem}", path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path}: not a config, expected a Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except InputError:
        raise
    except SyntaxError as error:
        raise InputError(f"{path}: syntax error in line {error.lineno} ({error.msg})") from error
    except Exception as error:
        raise InputError(f"{path}: cannot be loaded ({_one_line(error)})") from error
    return module


def _unknown(config: ConfigDict, found: str, key: str) -> str:
    keys = list(_flatten(config, sections=True))
    same_name = [name for name in keys if name.rpartition(".")[2] == key.rpartition(".")[2]]
    return f"config has no key {found}" + _nearest(key, same_name or keys, cutoff=0.0 if same_name else 0.5)


def _nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)
    return f", did you mean {near[0]}?" if near else ""


def _literal(text: str) -> Any:
    for parse in (ast.literal_eval, json.loads):
        try:
            return parse(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
    return text


def _convert(key: str, text: str, old: Any) -> Any:
    """The value in a text, of the type of the value that it replaces."""
    value = _literal(text)
    if isinstance(old, str) and not isinstance(value, str):
        return text
    return _cast(key, value, old)


def _cast(key: str, value: Any, old: Any) -> Any:
    if old is None:
        return value
    if isinstance(old, ConfigDict):
        if not isinstance(value, Mapping):
            raise InputError(f"config key {key} expected one of its keys ({', '.join(old)}), found {value!r}")
        new = old.copy_and_resolve_references()
        for part, item in value.items():
            if part not in old:
                raise InputError(f"config has no key {key}.{part}" + _nearest(str(part), list(old)))
            new[part] = _cast(f"{key}.{part}", item, old[part])
        return new
    if isinstance(old, (tuple, list)) and isinstance(value, (tuple, list)):
        kinds = {type(item) for item in old}
        if len(kinds) == 1:
            value = [_cast(f"{key}[{i}]", item, old[0]) for i, item in enumerate(value)]
        return type(old)(value)
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if isinstance(old, float) and number:
        return float(value)
    if isinstance(old, int) and not isinstance(old, bool) and number and value == value // 1:
        return int(value)
    if type(value) is type(old):
        return value
    expected, found = type(old).__name__, type(value).__name__
    raise InputError(f"config key {key} expected {expected} (as {old!r}), found {found} {value!r}")


def _flatten(config: Mapping | ConfigDict, prefix: str = "", sections: bool = False) -> dict[str, Any]:
    out = {}
    for key, value in config.items():
        if isinstance(value, (ConfigDict, Mapping)) and len(value):
            if sections:
                out[prefix + key] = value
            out |= _flatten(value, f"{prefix}{key}.", sections)
        else:
            out[prefix + key] = value.to_dict() if isinstance(value, ConfigDict) else value
    return out


def _encode(value: Any, key: str) -> Any:
    if isinstance(value, Mapping):
        return {name: _encode(item, f"{key}.{name}".strip(".")) for name, item in value.items()}
    if isinstance(value, (tuple, list)):
        items = [_encode(item, key) for item in value]
        return {TUPLE: items} if isinstance(value, tuple) else items
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise InputError(f"config key {key} expected a number, text, tuple or dict, found {type(value).__name__}")


def _decode(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {TUPLE}:
            return tuple(_decode(item) for item in value[TUPLE])
        return {key: _decode(item) for key, item in value.items()}
    return [_decode(item) for item in value] if isinstance(value, list) else value


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
