import os
import resource
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxunfold.errors import InputError
from jaxunfold.training import checkpoint


def tree(value=0.0):
    params = {"kernel": jnp.full((4, 3), value, jnp.float32), "bias": jnp.arange(3)}
    return {
        "params": params,
        "opt": optax.adam(1e-3).init(params),
        "key": jax.random.key(3),
        "empty": jnp.zeros((0, 2)),
        "half": jnp.asarray([value], jnp.bfloat16),
    }


def same(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b)):
        assert x.dtype == y.dtype
        if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            x, y = jax.random.key_data(x), jax.random.key_data(y)
        np.testing.assert_array_equal(x, y)


def test_round_trip_is_exact(tmp_path):
    stored = tree(np.pi)
    checkpoint.save(str(tmp_path), "fit", 12, stored, {"best": 0.1})
    found = checkpoint.restore(str(tmp_path), "fit", jax.eval_shape(lambda: tree()))
    assert (found.step, found.host) == (12, {"best": 0.1})
    same(found.tree, stored)


def test_nothing_there_is_none(tmp_path):
    assert checkpoint.restore(str(tmp_path), "fit", tree()) is None


def test_the_last_two_are_kept_and_stages_are_apart(tmp_path):
    for step in (1, 2, 3):
        checkpoint.save(str(tmp_path), "a", step, tree(step), {})
    checkpoint.save(str(tmp_path), "b", 9, tree(9), {})
    assert [os.path.basename(p) for p in checkpoint.paths(str(tmp_path), "a")] == ["000000002", "000000003"]
    assert checkpoint.restore(str(tmp_path), "a", tree()).step == 3
    assert sorted(os.listdir(tmp_path / "a")) == ["000000002", "000000003"]


def test_killed_while_writing_leaves_the_one_before(tmp_path, monkeypatch):
    checkpoint.save(str(tmp_path), "fit", 1, tree(1), {})
    write = checkpoint._write_arrays

    def killed(*args):
        write(*args)
        raise SystemExit  # like SIGKILL: nothing that clears up is run

    monkeypatch.setattr(checkpoint, "_write_arrays", killed)
    with pytest.raises(SystemExit):
        checkpoint.save(str(tmp_path), "fit", 2, tree(2), {})
    assert len(os.listdir(tmp_path / "fit")) == 2
    assert checkpoint.restore(str(tmp_path), "fit", tree()).step == 1
    assert len(os.listdir(tmp_path / "fit")) == 1


def array_files(path):
    for root, _, names in os.walk(os.path.join(path, "arrays")):
        yield from (os.path.join(root, name) for name in names)


def cut_host(path):
    with open(os.path.join(path, "host.json"), "w") as file:
        file.write('{"step": 2')


def cut_data(path):
    for name in array_files(path):
        os.truncate(name, 10)


def flip_a_bit(path):
    name = max(array_files(path), key=os.path.getsize)
    with open(name, "r+b") as file:
        first = file.read(1)[0]
        file.seek(0)
        file.write(bytes([first ^ 1]))


def lose_data(path):
    os.rename(os.path.join(path, "arrays"), os.path.join(path, "gone"))


@pytest.mark.parametrize("damage", [cut_host, cut_data, flip_a_bit, lose_data])
def test_a_damaged_one_is_skipped_with_a_warning(tmp_path, capsys, damage):
    checkpoint.save(str(tmp_path), "fit", 1, tree(1), {})
    path = checkpoint.save(str(tmp_path), "fit", 2, tree(2), {})
    damage(path)
    found = checkpoint.restore(str(tmp_path), "fit", tree())
    assert found.step == 1
    same(found.tree, tree(1))
    error = capsys.readouterr().err
    assert error.startswith(f"{path}: skipped, not a complete checkpoint")
    assert error.count("\n") == 1
    # The next one written takes the place of the damaged one, which is not counted as kept.
    checkpoint.save(str(tmp_path), "fit", 2, tree(2), {})
    assert checkpoint.restore(str(tmp_path), "fit", tree()).step == 2


def test_another_tree_is_refused_naming_the_leaf(tmp_path):
    checkpoint.save(str(tmp_path), "fit", 1, tree(), {})
    wider = tree() | {"params": {"kernel": jnp.zeros((4, 5)), "bias": jnp.arange(3)}}
    expected = r"leaf params/kernel: expected float32\[4, 5\], found float32\[4, 3\]"
    with pytest.raises(InputError, match=expected):
        checkpoint.restore(str(tmp_path), "fit", wider)
    with pytest.raises(InputError, match=r"leaf more: expected float32.*found none"):
        checkpoint.restore(str(tmp_path), "fit", tree() | {"more": jnp.zeros(1)})
    less = tree()
    del less["half"]
    with pytest.raises(InputError, match="leaf half: expected none, found bfloat16"):
        checkpoint.restore(str(tmp_path), "fit", less)


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot write the checkpoint.*no earlier one"):
        checkpoint.save(str(tmp_path / "file"), "fit", 1, tree(), {})


FULL = """
import resource, sys
import jax.numpy as jnp
from jaxunfold.errors import InputError
from jaxunfold.training import checkpoint
import numpy as np
noise = {"x": np.random.default_rng(0).normal(size=200_000)}
checkpoint.save(sys.argv[1], "fit", 1, noise, {})
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    checkpoint.save(sys.argv[1], "fit", 2, noise, {})
except InputError as error:
    print(error)
found = checkpoint.restore(sys.argv[1], "fit", noise)
assert found.step == 1 and np.array_equal(found.tree["x"], noise["x"])
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no limit on file sizes on this system")
def test_a_write_that_the_disk_refuses_is_one_clear_line_and_the_earlier_one_stays(tmp_path):
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "cannot write the checkpoint: File too large; the checkpoint" in done.stdout
    assert done.stdout.count("\n") == 1
    assert os.listdir(tmp_path / "fit") == ["000000001"]
