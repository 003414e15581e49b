"""Latent space refinement on plain arrays: classifier weights, pulled back to the latent space and sampled there."""
