"""Agents that learn to set thresholds in ADT-v0."""
