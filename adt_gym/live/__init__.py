"""A threshold at work on live metrics: points in, alerts out, labels back, and state that survives."""
