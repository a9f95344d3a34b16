"""The experiments of the paper: its settings, and the numbers it reports.

Yang, Howley and Schukat, "ADT: Agent-based Dynamic Thresholding for Anomaly Detection", ALA 2023, arXiv 2312.01488. All
numbers here were read in its Tables 1 to 4 and in the text around its figures.
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
        deviations: Of the three, as the paper prints them; none where it prints none.
    """

    what: What
    dataset: str
    method: str
    precision: float | None
    recall: float | None
    f1: float | None
    setting: Setting | None = None
    deviations: tuple[str, str, str] | tuple[()] = ()


STATIC, DSPOT, ADT = "static (test labels)", "dspot", "adt"
YAHOO, PLANT = Setting(), Setting(hold=10)
LESS = ("<0.01", "<0.01", "<0.01")

REPORTED: tuple[Reported, ...] = (
    Reported("table2", "yahoo", STATIC, 0.02543, 0.20611, 0.04528),
    Reported("table2", "yahoo", DSPOT, 0.09781, 0.14796, 0.11777),
    Reported("table2", "yahoo", ADT, 0.95206, 0.95175, 0.95191, YAHOO),
    Reported("table2", "swat", STATIC, 0.98188, 0.63257, 0.76943),
    Reported("table2", "swat", DSPOT, 0.98347, 0.63913, 0.77476),
    Reported("table2", "swat", ADT, 0.99936, 0.99873, 0.99905, PLANT),
    Reported("table2", "wadi", STATIC, 0.51784, 0.25890, 0.34521),
    Reported("table2", "wadi", DSPOT, 0.06680, 0.65170, 0.12117),
    Reported("table2", "wadi", ADT, 0.99870, 0.99739, 0.99804, PLANT),
    Reported("table3", "yahoo", STATIC, 0.081, 0.250, 0.098, deviations=("0.01", "0.02", "0.01")),
    Reported("table3", "yahoo", DSPOT, 0.165, 0.132, 0.100, deviations=("0.06", "0.01", "0.02")),
    Reported("table3", "yahoo", ADT, 0.946, 0.945, 0.945, YAHOO, LESS),
    Reported("table3", "swat", STATIC, 0.574, 0.191, 0.252, deviations=("0.16", "0.07", "0.09")),
    Reported("table3", "swat", DSPOT, 0.543, 0.198, 0.257, deviations=("0.16", "0.08", "0.10")),
    Reported("table3", "swat", ADT, 0.999, 0.997, 0.998, PLANT, LESS),
    Reported("table3", "wadi", STATIC, 0.428, 0.299, 0.305, deviations=("0.20", "0.18", "0.16")),
    Reported("table3", "wadi", DSPOT, 0.142, 0.326, 0.131, deviations=("0.07", "0.17", "0.05")),
    Reported("table3", "wadi", ADT, 0.999, 0.999, 0.999, PLANT, LESS),
    # Table 4 names no data set; its cell of l = 10 and alpha = 0.9 is SWaT's F1 in Table 2.
    *(
        Reported("table4", "swat", ADT, None, None, f1, Setting(hold=hold, alpha=alpha))
        for alpha, row in zip(
            ALPHAS,
            (
                (0.99936, 0.45512, 0.45512),
                (0.99905, 0.99905, 0.99907),
                (0.99905, 0.99905, 0.99905),
                (0.99905, 0.95373, 0.87527),
                (0.88679, 0.05085, 0.05989),
            ),
            strict=True,
        )
        for hold, f1 in zip(TABLE4_HOLDS, row, strict=True)
    ),
)
"""Only numbers read in the paper itself."""

SAID: dict[What, str] = {
    "figure2": "F1 about 0.999 for every l of 1, 10, 20, 50 and 100",
    "figure3": "SWaT, k of 2, 10, 15, 20 and 50: recall high throughout, precision and F1 falling with k",
    "figure5": "a stretch of SWaT with anomalies at 11,399 to 12,373 and 15,369 to 16,100: ADT's accuracy there 0.9994",
}
"""What the paper says of figures that bear no numbers."""


def errors(one: Reported) -> tuple[float, float]:
    """Return false positives and false negatives per true positive, which is all that precision and recall tell.

    P = TP / (TP + FP) and R = TP / (TP + FN), so FP / TP = 1 / P - 1 and FN / TP = 1 / R - 1.
    """
    assert one.precision is not None
    assert one.recall is not None
    return 1 / one.precision - 1, 1 / one.recall - 1


def errors_note() -> str:
    """Say which errors the agents of the paper's Table 2 make."""
    parts = []
    for one in REPORTED:
        if (one.what, one.method) == ("table2", ADT):
            false_positives, false_negatives = errors(one)
            ratio = false_negatives / false_positives
            parts.append(f"{one.dataset} {false_positives:.6f} : {false_negatives:.6f} = 1 : {ratio:.2f}")
    return f"the paper's adt, FP : FN = (1/P - 1) : (1/R - 1): {'; '.join(parts)}"


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


def rows_reported(what: What, dataset: Dataset) -> list[Reported]:
    """Return all rows that a table or figure of the paper has on a data set."""
    named = EXPERIMENTS[dataset].reported_as
    return [one for one in REPORTED if (one.what, one.dataset) == (what, named)]


def reported(what: What, dataset: Dataset, method: str, setting: Setting | None = None) -> Reported | None:
    """Return what the paper reports of a method, or None where we have no number of it."""
    wanted = (what, EXPERIMENTS[dataset].reported_as, method, setting)
    return next((one for one in REPORTED if (one.what, one.dataset, one.method, one.setting) == wanted), None)
