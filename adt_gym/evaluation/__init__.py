"""Evaluation: metrics of detections, the table of methods, and how well something does on ADT-Bench."""

from adt_gym.evaluation.bench import benchmark
from adt_gym.metrics.windows import precision_recall_f1

__all__ = ["benchmark", "precision_recall_f1"]
