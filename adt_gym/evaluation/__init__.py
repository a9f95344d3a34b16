"""Evaluation: metrics of detections, and the table of methods."""

from adt_gym.evaluation.metrics import precision_recall_f1

__all__ = ["precision_recall_f1"]
