"""Options for XLA: those it does not know are left out, those it knows change numbers by rounding alone."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxunfold import compilation


def test_an_unknown_option_is_left_out():
    assert compilation.options({"xla_no_such_option": True}) is None
    assert jax.jit(jnp.sin, compiler_options=compilation.options({"xla_no_such_option": True}))(0.0) == 0.0


def test_the_numbers_stay():
    x = np.linspace(0.1, 2.0, 100, dtype=np.float32)
    expected = np.sin(x) * np.exp(x)
    for wanted in (compilation.ONCE, compilation.LONG):
        options = compilation.options(wanted)
        assert options in (None, wanted)
        found = jax.jit(lambda x: jnp.sin(x) * jnp.exp(x), compiler_options=options)(x)
        np.testing.assert_allclose(found, expected, rtol=1e-5)
