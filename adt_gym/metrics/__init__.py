"""Metrics of detections: over windows, events and ranges, the composite F1, and how sure they are."""
