"""Losses as pure functions of arrays; the caller reduces and weighs them."""
