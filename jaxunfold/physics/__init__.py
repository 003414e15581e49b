"""Kinematics as pure jnp functions: four-vectors, observables, truth coordinates."""
