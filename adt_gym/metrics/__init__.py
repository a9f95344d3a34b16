"""Metrics of detections: over windows, events and ranges, the composite F1, and how sure they are.

What stands in the registry is a column of the table.csv of `adt run`, `evaluate` and `sweep`: a function that takes an
`adt_gym.metrics.evaluated.Evaluated` and returns a number, NaN where it cannot be told.
"""

from adt_gym.registry import Entry, Registry

__all__ = ["SLOW", "names", "register", "registry"]

SLOW = "slow"
"""Tag: takes minutes, and is measured only if asked for."""

_NEEDS = {"aeon": ("range_f1", "vus_pr", "vus_roc"), "scipy": ("f1_low", "f1_high")}


def _column(name: str, *tags: str) -> Entry:
    needs = tuple(library for library, by in _NEEDS.items() if name in by)
    return Entry(f"adt_gym.metrics.columns:{name}", frozenset(tags), needs=needs)


registry = Registry(
    "metric",
    {
        **{name: _column(name) for name in ("precision", "recall", "f1")},
        "composite_f1": _column("composite"),
        **{
            name: _column(name)
            for name in (
                *("f1_low", "f1_high", "alarms_per_1000", "false_alarms_per_day", "false_alarms_per_1000"),
                *("event_recall", "event_f1", "delay_median", "delay_p95", "missed_events", "alarm_segments_per_day"),
                *("point_precision", "point_recall", "point_f1", "range_f1"),
            )
        },
        "vus_pr": _column("vus_pr", SLOW),
        "vus_roc": _column("vus_roc", SLOW),
        "F1 (point-adjusted, inflated)": _column("f1_point_adjusted"),
    },
)
names, register = registry.names, registry.register
