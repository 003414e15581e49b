"""The methods of unfolding, by name. To add one: write a file with ``build`` and put it in this dict."""

from functools import partial

from jaxunfold.methods import (
    aae,
    bayesian,
    cinn,
    einn,
    ensemble,
    fcgan,
    flow_matching,
    gan,
    ibu,
    inn,
    iterated,
    laser,
    neural_ode,
    omnifold,
    tilt,
    vae,
    vae_gan,
)

METHODS = {
    "aae": aae.build,
    "cinn": cinn.build,
    "einn": einn.build,
    "fcgan": fcgan.build,
    "flow_matching": flow_matching.build,
    "gan": gan.build,
    "ibu": ibu.build,
    "inn": inn.build,
    "neural_ode": neural_ode.build,
    "omnifold": omnifold.build,
    "tilt": tilt.build,
    "vae": vae.build,
    "vae_gan": vae_gan.build,
}
# methods made of another one find it by its name
METHODS["bayesian"] = partial(bayesian.build, dict(METHODS))
METHODS["ensemble"] = partial(ensemble.build, dict(METHODS))
BASES = dict(METHODS)
METHODS["iterated"] = partial(iterated.build, BASES)
METHODS["laser"] = partial(laser.build, BASES)
