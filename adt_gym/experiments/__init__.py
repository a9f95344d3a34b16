"""Experiments: many runs of the same thing, kept as they finish and gone on with where they stopped."""
