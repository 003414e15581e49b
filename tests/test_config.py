"""Configs: loaded by path, changed with type checks, and kept as JSON without loss."""

import pytest
from ml_collections import ConfigDict

from jaxunfold import config as cfg
from jaxunfold.errors import InputError

TEXT = """
from ml_collections import ConfigDict

def get_config(arg=""):
    if arg not in ("", "smoke"):
        raise ValueError(f"unknown argument {arg!r}")
    config = ConfigDict()
    config.method = "cinn"
    config.epochs = 1 if arg == "smoke" else 40
    config.seed = 0
    config.data = None
    config.model = ConfigDict({"num_blocks": 10, "hidden": (128, 128), "dropout": 0.1, "spline": True})
    config.tree = ConfigDict({"resonances": {"ll": ("e-", "e+")}, "names": ["a", 1, (2.5, None)]})
    return config
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "cinn.py"
    path.write_text(TEXT)
    return str(path)


@pytest.fixture
def config(path):
    return cfg.load(path)


def test_load_with_argument(path, config):
    assert config.epochs == 40
    assert cfg.load(f"{path}:smoke").epochs == 1
    assert cfg.name_of(path) == "cinn"
    assert cfg.name_of(f"{path}:smoke") == "cinn-smoke"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def get_config(:\n", ["syntax error in line 1"]),
        ("x = 1\n", ["expected a function get_config"]),
        ("import nothing_of_this_name\n", ["cannot be loaded", "nothing_of_this_name"]),
        ("def get_config():\n    return 3\n", ["expected to return a ConfigDict, found int"]),
        ("def get_config():\n    return {}['a']\n", ["failed", "KeyError"]),
    ],
)
def test_bad_config_file(tmp_path, text, words):
    (tmp_path / "bad.py").write_text(text)
    with pytest.raises(InputError) as info:
        cfg.load(tmp_path / "bad.py")
    assert "\n" not in str(info.value)
    for word in ["bad.py", *words]:
        assert word in str(info.value)


def test_no_such_config_names_the_nearest(path):
    with pytest.raises(InputError, match=r"cin.py: no such config, did you mean .*cinn.py\?"):
        cfg.load(path.replace("cinn", "cin"))
    with pytest.raises(InputError, match=r"no such config$"):
        cfg.load("/nowhere/at/all.py")


def test_bad_argument(path, tmp_path):
    with pytest.raises(InputError, match=r"get_config\('smok'\) failed \(ValueError: unknown argument"):
        cfg.load(f"{path}:smok")
    (tmp_path / "plain.py").write_text("def get_config():\n    return {'a': 1}\n")
    assert cfg.load(tmp_path / "plain.py").a == 1
    with pytest.raises(InputError, match="takes no argument, found 'x'"):
        cfg.load(f"{tmp_path}/plain.py:x")


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("epochs", "3", 3),
        ("epochs", "1e3", 1000),
        ("model.dropout", "1", 1.0),
        ("model.dropout", "2e-3", 0.002),
        ("model.spline", "False", False),
        ("model.spline", "true", True),
        ("model.hidden", "(64, 32, 16)", (64, 32, 16)),
        ("model.hidden", "[64]", (64,)),
        ("method", "fcgan", "fcgan"),
        ("method", "'fcgan'", "fcgan"),
        ("method", "3", "3"),
        ("data", "runs/a=b.h5", "runs/a=b.h5"),
        ("data", "12", 12),
        ("tree.names", "['b']", ["b"]),
        ("tree.resonances.ll", "('mu-', 'mu+')", ("mu-", "mu+")),
    ],
)
def test_override(path, config, key, text, value):
    new = cfg.load(path, [(key, text)])
    found = new
    for part in key.split("."):
        found = found[part]
    assert found == value
    assert type(found) is type(value)
    assert [line.split(":")[0] for line in cfg.diff(config, new)] == ([] if text == "true" else [key])


def test_override_section(config):
    new = cfg.override(config, [("model", "{'num_blocks': 2, 'dropout': 0}")])
    assert (new.model.num_blocks, new.model.dropout, new.model.spline) == (2, 0.0, True)
    assert config.model.num_blocks == 10  # the original is left alone


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("epoch", "3", r"no key epoch, did you mean epochs\?"),
        ("model.num_block", "3", r"no key model.num_block, did you mean model.num_blocks\?"),
        ("num_blocks", "3", r"no key num_blocks, did you mean model.num_blocks\?"),
        ("epochs.deep", "3", "no key epochs.deep"),
        ("zzzzzz", "3", "no key zzzzzz$"),
        ("epochs", "2.5", r"epochs expected int \(as 40\), found float 2.5"),
        ("epochs", "True", "epochs expected int .*, found bool True"),
        ("epochs", "many", "epochs expected int .*, found str 'many'"),
        ("epochs", "inf", "epochs expected int"),
        ("model.dropout", "None", "model.dropout expected float .*, found NoneType None"),
        ("model.spline", "1", "model.spline expected bool .*, found int 1"),
        ("model.hidden", "64", "model.hidden expected tuple"),
        ("model.hidden", "(64, 'x')", r"model.hidden\[1\] expected int"),
        ("model", "3", "model expected one of its keys"),
        ("model", "{'num_block': 3}", r"no key model.num_block, did you mean num_blocks\?"),
    ],
)
def test_bad_override(config, key, text, message):
    with pytest.raises(InputError, match=message):
        cfg.override(config, [(key, text)])


def test_json_round_trip_keeps_tuples(config):
    text = cfg.to_json(config)
    back = cfg.from_json(text)
    assert back == config
    assert back.model.hidden == (128, 128)
    assert back.tree.names == ["a", 1, (2.5, None)]
    assert cfg.to_json(back) == text
    assert cfg.diff(config, back) == []


def test_json_errors():
    with pytest.raises(InputError, match=r"config key a.b expected a number, .* found object"):
        cfg.to_json(ConfigDict({"a": {"b": object()}}))
    with pytest.raises(InputError, match=r"runs/x/config.json: expected JSON"):
        cfg.from_json('{"a": ', "runs/x/config.json")
    with pytest.raises(InputError, match="expected a JSON object, found list"):
        cfg.from_json("[]")


def test_diff_names_keys(config):
    other = cfg.override(config, [("model.num_blocks", "4"), ("seed", "1")])
    del other["data"]
    found = cfg.diff(config, other)
    assert "model.num_blocks: 10 here, 4 there" in found
    assert "data: None here, nothing there" in found
    assert len(found) == 3
    assert len(cfg.diff(config, other, ignore=("seed", "data"))) == 1
