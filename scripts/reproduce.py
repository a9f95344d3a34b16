"""`adt reproduce WHAT`: a table or figure of the paper, on packaged data or on the user's copy of the paper's data."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from adt_gym import thresholds
from adt_gym.experiments.versions import versions
from adt_gym.folders import Folder, own_folder
from adt_gym.metrics.bootstrap import Interval, bootstrap_interval, f1_interval
from adt_gym.metrics.composite import DEADLINE, composite_f1
from adt_gym.metrics.events import false_alarms_per_day, find_events
from adt_gym.metrics.robustness import mean_and_std, subset_scores, wilcoxon_p
from adt_gym.metrics.windows import precision_recall_f1
from adt_gym.report.progress import console
from adt_gym.scripts import options, paper
from adt_gym.scripts.paper import Dataset, Setting, What
from adt_gym.scripts.paper_agents import Cell, TrainedAgent, available_jobs, train_agents
from adt_gym.scripts.paper_pictures import draw
from adt_gym.scripts.paper_scores import NAMES, PLANTS, PaperScores, ScoreSettings, prepare
from adt_gym.scripts.paper_tables import further_table, leading_table, name_of, published_table, reported_table
from adt_gym.series import Detection, ScoredSeries
from adt_gym.spreadsheet import write_csv


@dataclass(frozen=True)
class ReproduceSettings:
    """Everything a reproduction depends on; written to its config.json.

    Args:
        what: The table or figure.
        scores: The data and its scores.
        seeds: How many agents per setting, with the seeds 0, 1, ...
        episodes: Of each agent's training.
        as_published: Whether the evaluation that keeps the training windows in is shown too.
        deadline: Of the composite F1, in windows.
    """

    what: What
    scores: ScoreSettings
    seeds: int
    episodes: int
    as_published: bool
    deadline: int = DEADLINE


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
        fitted = [one.fit(evaluated if getattr(one, "fits_on_test", False) else train) for one, train in self.runs]
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


def reproduce(
    what: Annotated[What, typer.Argument(help="of the paper")],
    dataset: Annotated[
        Dataset, typer.Option(help="yahoo_like is packaged; of the others you need a copy")
    ] = "yahoo_like",
    root: Annotated[Path | None, typer.Option(help="the folder of your copy")] = None,
    seeds: Annotated[int, options.whole("agents per setting", most=options.MAX_SEEDS)] = 5,
    episodes: Annotated[int, options.whole("of each agent; the paper's by default")] = paper.EPISODES,
    train_share: Annotated[
        float | None, options.number("share of the windows that agents learn on; the paper's by default", within=True)
    ] = None,
    epochs: Annotated[int, options.whole("passes of the auto-encoder; yahoo_like comes scored")] = 30,
    as_published: Annotated[
        bool, typer.Option("--as-published", help="show also what leaving the training windows in the test does")
    ] = False,
    jobs: Annotated[
        int | None, options.whole("agents trained at a time; one per processor by default", most=options.MAX_JOBS)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="folder of the results; runs/reproduce-WHAT-DATASET by default")
    ] = None,
    deadline: options.Deadline = DEADLINE,
    every: Annotated[bool, typer.Option("--all", help="print all tables, not only the leading ones")] = False,
) -> None:
    """Repeat a table or figure of the ADT paper, ours beside the paper's, with the rows that explain it.

    Trained agents are kept in the folder: the same command goes on where it was stopped.
    """
    experiment = paper.EXPERIMENTS[dataset]
    share = experiment.train_share if train_share is None else train_share
    scored = ScoreSettings(dataset, None if root is None else str(root), experiment.window, share, epochs)
    settings = ReproduceSettings(what, scored, seeds, episodes, as_published, deadline)
    folder = out or Path("runs") / f"reproduce-{what}-{dataset}"
    with own_folder(folder, "reproduce", ["config.json", "table.csv", f"{what}.png", *NAMES]) as own:
        repeat(settings, own, jobs or available_jobs(), every)
    console.print(f"table, picture, scores and agents are in {folder}", soft_wrap=True)


def repeat(settings: ReproduceSettings, folder: Folder, jobs: int, every: bool) -> None:
    """Make the scores, train the agents, measure all methods, show and write what came of it."""
    what, dataset = settings.what, settings.scores.dataset
    with folder.writing("config.json") as temporary:
        temporary.write_text(json.dumps({"settings": asdict(settings), **versions()}, indent=2) + "\n")
    scores = prepare(settings.scores, folder)
    drawn = [scores.labelled(settings.scores.train_share, seed) for seed in range(settings.seeds)]
    with folder.scratch() as work:
        cells = [
            Cell(setting, seed, settings.episodes, labelled, folder.path, work)
            for setting in paper.settings_of(what, paper.EXPERIMENTS[dataset].setting)
            for seed, labelled in enumerate(drawn)
        ]
        agents = train_agents(cells, jobs, folder)

    methods = methods_of(agents, scores)
    detections = [method.detect(scores.test) for method in methods]
    results = measure(settings, methods, detections, scores.test)
    published = None
    if settings.as_published:
        published = measure(settings, methods, [method.detect(scores.whole) for method in methods], scores.whole)
    with folder.writing("table.csv") as temporary:
        write_table(temporary, results, published)
    first = {method.name: runs[0] for method, runs in zip(methods, detections, strict=True)}
    with folder.writing(f"{what}.png") as temporary:
        draw(temporary, what, dataset, results, agents, scores.test, first)
    show(settings, scores, results, published, every)


def methods_of(agents: Sequence[TrainedAgent], scores: PaperScores) -> list[Method]:
    """Return the agents, one row per setting, and what they must be held against."""
    by_setting: dict[Setting, list[TrainedAgent]] = {}
    for agent in agents:
        by_setting.setdefault(agent.cell.setting, []).append(agent)
    names = names_of(list(by_setting))
    rows = [
        Method(
            names[setting],
            [(agent.thresholder(), agent.cell.labelled) for agent in trained],
            setting,
            float(np.mean([agent.seconds for agent in trained])),
        )
        for setting, trained in by_setting.items()
    ]
    delays = sorted({1, *(setting.hold for setting in by_setting)})
    once = [thresholds.make("persistence", delay=delay) for delay in delays]
    once += [thresholds.make("always"), thresholds.make("never")]
    drawn = [agent.cell.labelled for agent in next(iter(by_setting.values()))]
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
    pieces = [0] * len(evaluated) if settings.scores.dataset in PLANTS else None  # of the one recording
    samples = [of_subsets(runs) if over_subsets else of_seeds(runs) for runs in detections]
    results = []
    for method, runs, values in zip(methods, detections, samples, strict=True):
        (precision, recall, f1), (precision_std, recall_std, f1_std) = mean_and_std(values)
        p_value = wilcoxon_p(samples[0][:, 2], values[:, 2]) if over_subsets and method.setting is None else None
        name = method.name if method.setting is None else "adt"
        said = paper.reported(settings.what, settings.scores.dataset, name, method.setting)
        results.append(
            Result(
                method.name,
                method.runs[0][0].sees_labels,
                float(precision),
                float(recall),
                float(f1),
                composite_f1=float(np.mean([composite_f1(run, settings.deadline) for run in runs])),
                false_alarms_per_day=float(np.mean([alarms_a_day(run, evaluated) for run in runs])),
                delay_median=mean_delay(runs),
                alarms_per_1000=1000 * float(np.mean([decisions(run).mean() for run in runs])),
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
    """Return precision, recall and F1 over all windows, shape ``(runs, 3)``."""
    return np.array([precision_recall_f1(decisions(run), labels(run)) for run in runs])


def of_subsets(runs: Sequence[Sequence[Detection]]) -> NDArray[np.float64]:
    """Return precision, recall and F1 of even subsets, shape ``(subsets, 3)``: means over the runs."""
    return np.mean([subset_scores(run, paper.SUBSETS) for run in runs], axis=0)


def of_subsets_interval(runs: Sequence[Sequence[Detection]]) -> Interval:
    """Return the mean F1 of even subsets with its 95% interval over subsets and runs."""
    return bootstrap_interval(np.stack([subset_scores(run, paper.SUBSETS)[:, 2] for run in runs], axis=1))


def alarms_a_day(run: Sequence[Detection], evaluated: Sequence[ScoredSeries]) -> float:
    """Return the false alarms per day of normal time; NaN where times are unknown."""
    indexes = [one.index for one in evaluated if one.index is not None]
    return false_alarms_per_day(run, indexes) if len(indexes) == len(evaluated) else float("nan")


def mean_delay(runs: Sequence[Sequence[Detection]]) -> float:
    """Return the mean of the median delays of the runs that find an event; NaN where none does."""
    delays = [delay for run in runs if not np.isnan(delay := find_events(run).median_delay)]
    return float(np.mean(delays)) if delays else float("nan")


def agreement(one: Sequence[Detection], other: Sequence[Detection]) -> float:
    """Return the share of the windows on which two methods decide alike."""
    return float(np.mean(decisions(one) == decisions(other)))


def decisions(run: Sequence[Detection]) -> NDArray[np.bool_]:
    """Return the decisions on all windows."""
    return np.concatenate([one.decisions for one in run])


def labels(run: Sequence[Detection]) -> NDArray[np.bool_]:
    """Return the labels of all windows."""
    return np.concatenate([one.truth for one in run])


def csv_row(result: Result) -> dict[str, Any]:
    """Return what table.csv holds of a row; None is left blank."""
    row = asdict(result)
    setting, said, interval = row.pop("setting") or {}, row.pop("reported"), row.pop("interval")
    bounds = {f"f1_{end}": None if np.isnan(interval[end]) else interval[end] for end in ("low", "high")}
    columns = zip(("paper_precision", "paper_recall", "paper_f1"), said, strict=True)
    varied = {"k": setting.get("k"), "l": setting.get("hold"), "alpha": setting.get("alpha")}
    return {**row, **bounds, **dict(columns), **varied}


def write_table(path: Path, results: Sequence[Result], published: Sequence[Result] | None) -> None:
    """Write a CSV file with a row per method, with the as-published numbers in further columns if there are any."""
    rows = [csv_row(result) for result in results]
    for row, other in zip(rows, published or (), strict=False):
        row |= {f"published_{metric}": getattr(other, metric) for metric in ("precision", "recall", "f1")}
    write_csv(path, list(rows[0]), (row.values() for row in rows))


def show(
    settings: ReproduceSettings,
    scores: PaperScores,
    results: Sequence[Result],
    published: Sequence[Result] | None,
    every: bool,
) -> None:
    """Print the table, the paper's and what they mean; if asked for, all else and what the training windows change."""
    what, dataset = settings.what, settings.scores.dataset
    console.print(leading_table(settings, sum(map(len, scores.test)), results))
    agents = [row for row in results if row.setting is not None]
    if len(agents) == 1:
        copied = f"{agents[0].copied:.2%}"
        console.print(f"the agent's decision equals the label of the window before on {copied} of the windows")
    if every:
        console.print(further_table(results))
    if said := paper.rows_reported(what, dataset):
        console.print(reported_table(what, said))
    if what in paper.SAID:
        console.print(f"the paper's {name_of(what)}: {paper.SAID[what]}", soft_wrap=True, highlight=False)
    if what == "table2":
        console.print(paper.errors_note(), soft_wrap=True, highlight=False)
    if published is not None:
        console.print(published_table(sum(map(len, scores.whole)), results, published))
