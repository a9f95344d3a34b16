"""The rows of a reproduced table: the agents, and what they must be held against, measured as the paper does."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adt_gym import thresholds
from adt_gym.experiments import paper
from adt_gym.experiments.cells import Outcome, results
from adt_gym.experiments.paper import Dataset, Setting, What
from adt_gym.experiments.paper_agents import Cell, Trained, thresholder
from adt_gym.experiments.paper_scores import PLANTS, PaperScores, ScoreSettings
from adt_gym.metrics import columns
from adt_gym.metrics.bootstrap import Interval, bootstrap_interval, f1_interval
from adt_gym.metrics.composite import DEADLINE
from adt_gym.metrics.evaluated import Evaluated
from adt_gym.metrics.robustness import mean_and_std, subset_scores, wilcoxon_p
from adt_gym.series import Detection, ScoredSeries
from adt_gym.settings import MAX_SEEDS, Settings, argument, count, deadline, option, share


@dataclass(frozen=True)
class ReproduceSettings(Settings):
    """Everything a reproduction depends on; written to its config.json.

    Args:
        what: The table or figure.
        dataset: The name of the data.
        root: The folder of the user's copy; None for yahoo_like.
        seeds: How many agents per setting, with the seeds 0, 1, ...
        episodes: Of each agent's training.
        train_share: The share of the windows that agents are trained on; None for the paper's.
        epochs: Of the auto-encoder; yahoo_like comes scored.
        as_published: Whether the evaluation that keeps the training windows in is shown too.
        deadline: Of the composite F1, in windows.
    """

    what: What = argument("of the paper")
    dataset: Dataset = option("yahoo_like", help="yahoo_like is packaged; of the others you need a copy")
    root: str | None = option(None, help="the folder of your copy")
    seeds: int = count(5, "agents per setting", most=MAX_SEEDS)
    episodes: int = count(paper.EPISODES, "of each agent; the paper's by default")
    train_share: float | None = share(
        None, "share of the windows that agents learn on; the paper's by default", within=True
    )
    epochs: int = count(30, "passes of the auto-encoder; yahoo_like comes scored")
    as_published: bool = option(False, help="show also what leaving the training windows in the test does")
    deadline: int = deadline(DEADLINE)

    @property
    def scores(self) -> ScoreSettings:
        """The data and its scores."""
        experiment = paper.EXPERIMENTS[self.dataset]
        part = experiment.train_share if self.train_share is None else self.train_share
        return ScoreSettings(self.dataset, self.root, experiment.window, part, self.epochs)


@dataclass(frozen=True)
class Method:
    """A row of the table before it is measured.

    Args:
        name: What the table calls it.
        runs: Per seed the thresholder and what it is fitted on; one run where nothing depends on the seed.
        setting: Of an agent.
        seconds: An agent's mean training time, in seconds of a processor.
    """

    name: str
    runs: list[tuple[thresholds.Method, list[ScoredSeries]]]
    setting: Setting | None = None
    seconds: float | None = None

    def detect(self, evaluated: Sequence[ScoredSeries]) -> list[list[Detection]]:
        """Return the detections of each run; a method defined by the test labels is fitted on what is evaluated."""
        fitted = [one.fit(evaluated if one.hindsight else train) for one, train in self.runs]
        return [[one.detect(series) for series in evaluated] for one in fitted]


@dataclass(frozen=True)
class Result:
    """A row of the table.

    Args:
        method: Its name.
        saw_labels: Whether it saw labels of what it was tested on, at test time.
        precision, recall, f1: Means over seeds or, in Table 3, over subsets.
        composite_f1, false_alarms_per_day, delay_median, alarms_per_1000: See `adt_gym.evaluation.compare.Row`; means
            over seeds, over all windows.
        precision_std, recall_std, f1_std: The sample standard deviations of precision, recall and F1.
        interval: The 95% interval of ``f1`` over series and seeds or, in Table 3, over subsets and seeds.
        copied: The share of the windows on which it decided as persistence(1).
        p_value: Table 3: of the Wilcoxon test of its F1 against the agent's, over subsets.
        seconds: An agent's mean training time, in seconds of a processor.
        setting: An agent's.
        reported: The paper's precision, recall and F1.
    """

    method: str
    saw_labels: bool
    precision: float
    recall: float
    f1: float
    composite_f1: float
    false_alarms_per_day: float
    delay_median: float
    alarms_per_1000: float
    precision_std: float
    recall_std: float
    f1_std: float
    interval: Interval
    copied: float
    p_value: float | None
    seconds: float | None
    setting: Setting | None
    reported: tuple[float | None, float | None, float | None]


def methods_of(cells: Sequence[Cell], agents: Sequence[Outcome[Trained]], scores: PaperScores) -> list[Method]:
    """Return the agents, one row per setting, and what they must be held against."""
    by_setting: dict[Setting, list[tuple[Cell, Outcome[Trained], Trained]]] = {}
    for cell, agent, trained in zip(cells, agents, results(agents), strict=True):
        by_setting.setdefault(cell.setting, []).append((cell, agent, trained))
    names = names_of(list(by_setting))
    rows = [
        Method(
            names[setting],
            [(thresholder(cell, agent.files), cell.labelled) for cell, agent, _ in found],
            setting,
            float(np.mean([trained.seconds for *_, trained in found])),
        )
        for setting, found in by_setting.items()
    ]
    delays = sorted({1, *(setting.hold for setting in by_setting)})
    once = [thresholds.make("persistence", delay=delay) for delay in delays]
    once += [thresholds.make("always"), thresholds.make("never")]
    drawn = [cell.labelled for cell, *_ in next(iter(by_setting.values()))]
    rows += [Method(one.name, [(one, scores.train)]) for one in once]
    rows.append(Method("static", [(thresholds.make("static"), labelled) for labelled in drawn]))
    random = [(thresholds.make("random", seed=seed), labelled) for seed, labelled in enumerate(drawn)]
    rows.append(Method("random", random))
    best = thresholds.make("static", on="test")
    rows.append(Method(best.name, [(best, scores.train)]))
    rows += [Method(name, [(thresholds.make(name), scores.train)]) for name in ("dspot", "online_fdr")]
    return rows


def names_of(settings: Sequence[Setting]) -> dict[Setting, str]:
    """Name the agents by what differs among their settings."""
    symbols = {"k": "k", "hold": "l", "alpha": "alpha"}
    varied = [name for name in symbols if len({getattr(setting, name) for setting in settings}) > 1]
    return {
        setting: " ".join(["adt", *(f"{symbols[name]}={getattr(setting, name):g}" for name in varied)])
        for setting in settings
    }


def measure(
    settings: ReproduceSettings,
    methods: Sequence[Method],
    detections: Sequence[list[list[Detection]]],
    evaluated: Sequence[ScoredSeries],
) -> list[Result]:
    """Return a row per method; ``detections`` holds its runs over the series ``evaluated``."""
    copy = next(runs[0] for method, runs in zip(methods, detections, strict=True) if method.name == "persistence(1)")
    over_subsets = settings.what == "table3"
    pieces = [0] * len(evaluated) if settings.dataset in PLANTS else None  # of the one recording
    samples = [of_subsets(runs) if over_subsets else of_seeds(runs) for runs in detections]
    results = []
    for method, runs, values in zip(methods, detections, samples, strict=True):
        (precision, recall, f1), (precision_std, recall_std, f1_std) = mean_and_std(values)
        p_value = wilcoxon_p(samples[0][:, 2], values[:, 2]) if over_subsets and method.setting is None else None
        name = method.name if method.setting is None else "adt"
        said = paper.reported(settings.what, settings.dataset, name, method.setting)
        given = [Evaluated(run, evaluated, deadline=settings.deadline) for run in runs]
        delays = [one.events.median_delay for one in given if one.events.found]
        results.append(
            Result(
                method.name,
                method.runs[0][0].sees_labels,
                float(precision),
                float(recall),
                float(f1),
                composite_f1=float(np.mean(list(map(columns.composite, given)))),
                false_alarms_per_day=float(np.mean(list(map(columns.false_alarms_per_day, given)))),
                delay_median=float(np.mean(delays)) if delays else float("nan"),
                alarms_per_1000=float(np.mean(list(map(columns.alarms_per_1000, given)))),
                precision_std=float(precision_std),
                recall_std=float(recall_std),
                f1_std=float(f1_std),
                interval=of_subsets_interval(runs) if over_subsets else f1_interval(runs, pieces),
                copied=float(np.mean([agreement(run, copy) for run in runs])),
                p_value=p_value,
                seconds=method.seconds,
                setting=method.setting,
                reported=(said.precision, said.recall, said.f1) if said else (None, None, None),
            )
        )
    return results


def of_seeds(runs: Sequence[Sequence[Detection]]) -> NDArray[np.float64]:
    """Return precision, recall and F1 over all windows, shape ``(runs, 3)``: each run is one subset."""
    return np.concatenate([subset_scores(run, 1) for run in runs])


def of_subsets(runs: Sequence[Sequence[Detection]]) -> NDArray[np.float64]:
    """Return precision, recall and F1 of even subsets, shape ``(subsets, 3)``: means over the runs."""
    return np.mean([subset_scores(run, paper.SUBSETS) for run in runs], axis=0)


def of_subsets_interval(runs: Sequence[Sequence[Detection]]) -> Interval:
    """Return the mean F1 of even subsets with its 95% interval over subsets and runs."""
    return bootstrap_interval(np.stack([subset_scores(run, paper.SUBSETS)[:, 2] for run in runs], axis=1))


def agreement(one: Sequence[Detection], other: Sequence[Detection]) -> float:
    """Return the share of the windows on which two methods decide alike."""
    pairs = zip(one, other, strict=True)
    return float(np.mean(np.concatenate([a.decisions == b.decisions for a, b in pairs])))
