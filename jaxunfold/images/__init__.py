"""Sparse binary images, as of jets' Lund planes: generators of them, and translation between two kinds of them."""
