"""Unfolding without bins on plain arrays: OmniFold."""
