"""Evaluation: metrics of detections, and the table of methods."""

from adt_gym.metrics.windows import precision_recall_f1

__all__ = ["precision_recall_f1"]
