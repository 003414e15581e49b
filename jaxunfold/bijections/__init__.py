"""Invertible maps of ONE event [d], each a tuple of pure functions: couplings, splines, chains; callers vmap."""
