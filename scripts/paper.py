"""The experiments of the paper: its settings, and the numbers it reports.

Yang, Howley and Schukat, "ADT: Agent-based Dynamic Thresholding for Anomaly Detection", ALA 2023.
"""

from dataclasses import dataclass, replace
from typing import Literal, get_args

What = Literal["table2", "table3", "table4", "figure2", "figure3", "figure4", "figure5"]
Dataset = Literal["yahoo_like", "yahoo", "swat", "wadi"]

EPISODES = 20_000
SUBSETS = 10
"""Table 3: even subsets of the test windows."""
SIGNIFICANCE = 0.05
"""Table 3: of the two-tailed Wilcoxon test."""
SMOOTHED = 30
"""Figure 4: episodes of the moving average."""

ALPHAS = (1.0, 0.9, 0.5, 0.1, 0.0)
"""Table 4; beta is 1 - alpha."""
TABLE4_HOLDS = (10, 50, 100)
FIGURE2_HOLDS = (1, 10, 20, 50, 100)
FIGURE3_KS = (2, 10, 15, 20, 50)


@dataclass(frozen=True)
class Setting:
    """What the paper varies.

    Args:
        k: Windows the agent looks back on.
        hold: l, the windows it keeps a threshold for.
        alpha: Weight of TP, FP and FN in the reward; that of TN is 1 - alpha.
    """

    k: int = 2
    hold: int = 1
    alpha: float = 0.9


@dataclass(frozen=True)
class Experiment:
    """A data set's row in Table 1.

    Args:
        reported_as: The data set of the paper whose numbers stand beside ours.
        window: tau, the points of a window.
        train_share: The share of the windows that the agent is trained on.
        setting: k, l and alpha.
    """

    reported_as: str
    window: int
    train_share: float
    setting: Setting


EXPERIMENTS: dict[Dataset, Experiment] = {
    "yahoo_like": Experiment("yahoo", 10, 0.0035, Setting()),
    "yahoo": Experiment("yahoo", 10, 0.0035, Setting()),
    "swat": Experiment("swat", 12, 0.0011, Setting(hold=10)),
    "wadi": Experiment("wadi", 10, 0.0058, Setting(hold=10)),
}


@dataclass(frozen=True)
class Reported:
    """A row of the paper: precision, recall and F1, each None where it prints none.

    Args:
        what: The table or figure: ``table2``, ...
        dataset: ``yahoo``, ``swat`` or ``wadi``.
        method: As our tables call it: ``adt``, ``static (test labels)``, ``dspot``.
        setting: Of the agent; None for the other methods.
    """

    what: What
    dataset: str
    method: str
    precision: float | None
    recall: float | None
    f1: float | None
    setting: Setting | None = None


REPORTED: tuple[Reported, ...] = ()
"""Only numbers read in the paper itself. No source at hand showed its result tables: until then ours print "-"."""


def settings_of(what: What, base: Setting) -> list[Setting]:
    """Return the settings in which a table or figure trains its agents."""
    if what == "table4":
        return [replace(base, alpha=alpha, hold=hold) for hold in TABLE4_HOLDS for alpha in ALPHAS]
    if what == "figure2":
        return [replace(base, hold=hold) for hold in FIGURE2_HOLDS]
    if what == "figure3":
        return [replace(base, k=k) for k in FIGURE3_KS]
    assert what in get_args(What)
    return [base]


def reported(what: What, dataset: Dataset, method: str, setting: Setting | None = None) -> Reported | None:
    """Return what the paper reports of a method, or None where we have no number of it."""
    wanted = (what, EXPERIMENTS[dataset].reported_as, method, setting)
    return next((one for one in REPORTED if (one.what, one.dataset, one.method, one.setting) == wanted), None)
