"""Methods: what sets the threshold of a scored series, by rule or by policy, all under names.

`adt_gym.stream.stream.Method` says what a method is; `make` makes the registered ones, `register` adds one.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from adt_gym.registry import Entry, Registry
from adt_gym.registry import load as load_as
from adt_gym.stream.stream import Method

if TYPE_CHECKING:
    from adt_gym.thresholds.policy import Policy

__all__ = ["Method", "Policy", "load", "make", "names", "register", "registry"]

_HERE = "adt_gym.thresholds"
NEEDS, SEES, PAST = "needs_labels", "sees_labels", "calibrated"
"""Tags: it learns from labelled series; it is told labels of the series it judges; it is calibrated on their past."""

BASELINE, COPIES, MACHINES, LESSER = "baseline", "copies", "machines", "lesser"
"""Tags: every table has it; it looks at nothing but labels; it learns from several machines, which `adt run` has not; a
relative that does better stands for it in the frontier, whose tables are long."""


def _entry(where: str, *tags: str, **more: Any) -> Entry:
    return Entry(f"{_HERE}.{where}", frozenset(tags), **more)


registry = Registry(
    "method",
    {
        "static": _entry("static:Static", NEEDS, BASELINE),
        "always": _entry("static:Always", BASELINE),
        "never": _entry("static:Never", BASELINE),
        "random": _entry("random:Random", NEEDS, BASELINE),
        "persistence": _entry("persistence:Persistence", SEES, BASELINE, COPIES),
        "quantile": _entry("quantile:Quantile", PAST, LESSER),
        "false_alarm_rate": _entry("quantile:FalseAlarmRate", NEEDS, LESSER),
        "rolling_quantile": _entry("quantile:RollingQuantile", PAST),
        "spot": _entry("spot:SPOT", PAST, LESSER, needs=("libspot",)),
        "dspot": _entry("dspot:DSPOT", PAST, needs=("libspot",)),
        "online_fdr": _entry("online_fdr:OnlineFDR", PAST),
        "nonparametric": _entry("nonparametric:NonParametric", PAST, LESSER),
        "pythresh": _entry("pythresh:PyThresh", PAST, member="method", needs=("pythresh",)),
        "best_pythresh": _entry("best_pythresh:BestPyThresh", NEEDS, PAST, MACHINES, needs=("pythresh",)),
        "step_control": _entry("step_control:StepControl", NEEDS, SEES, MACHINES),
        "hedge": _entry("hedge:Hedge", NEEDS, SEES, MACHINES),
        "feedback_forest": _entry("feedback_forest:FeedbackForest", NEEDS, SEES, PAST, MACHINES, needs=("sklearn",)),
        "belief": _entry("belief:Belief", NEEDS, SEES, PAST, MACHINES, LESSER, needs=("scipy", "sklearn")),
        "remembering": _entry(
            "remembering:Remembering", NEEDS, SEES, PAST, MACHINES, LESSER, needs=("scipy", "sklearn")
        ),
        "probing": _entry("probing:Probing", NEEDS, SEES, PAST, MACHINES, LESSER, needs=("scipy", "sklearn")),
        "boosting": _entry("boosting:Boosting", NEEDS, SEES, MACHINES, needs=("sklearn",)),
        "ours": _entry("ours:Ours", NEEDS, SEES, PAST, MACHINES, needs=("scipy", "sklearn")),
        "pretrained": _entry("pretrained:Pretrained", SEES, PAST, MACHINES, LESSER),
        "paper": Entry("adt_gym.agents.paper:PaperAgent", frozenset({NEEDS, SEES, MACHINES}), needs=("torch",)),
        "generalist": Entry("adt_gym.agents.generalist:Generalist", frozenset({NEEDS, SEES, MACHINES, LESSER})),
        "policy": _entry("policy:Policy", SEES, member="model"),
    },
)
names, register = registry.names, registry.register


def make(name: str, **options: Any) -> Method:
    """Return the method of that name, made with ``options``; ``pythresh:IQR`` is PyThresh's IQR.

    Raises:
        InputError: If there is no such name or it does not take such an option.
    """
    method: Method = registry.make(name, **options)
    return method


def load(path: str | Path) -> Method:
    """Read any registered method that its ``save`` wrote.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If the file is not one that ``save`` wrote, or of a method that is not registered.
    """
    method: Method = load_as("method", path)
    return method


def __getattr__(name: str) -> Any:
    if name == "Policy":
        from adt_gym.thresholds.policy import Policy

        return Policy
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
