"""The frontier: every method on series it has never seen, as labels come late, in part, wrongly or never."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from adt_gym import thresholds
from adt_gym.checks import one_of
from adt_gym.data.sources import SourceSettings
from adt_gym.evaluation.compare import check_names
from adt_gym.evaluation.frontier import (
    KIND,
    NEVER,
    FrontierRow,
    over_delays,
    panel,
    parts,
    settings_of,
    title_of,
    write_rows,
)  # fmt: skip
from adt_gym.evaluation.suite import families_frame, learning, learning_delay, learning_frame, panels, ranks_frame
from adt_gym.evaluation.told import COMPOSITE_AFTER
from adt_gym.experiments.cells import run_cells
from adt_gym.experiments.scores import make_scorers
from adt_gym.experiments.servers import LEAST, Round, Scoring, Server, anomalous, check_apart, read_servers, score
from adt_gym.experiments.suite import PANELS, suite_rounds
from adt_gym.experiments.unseen import Cell, measure
from adt_gym.experiments.versions import versions
from adt_gym.experiments.workers import finish, processes
from adt_gym.folders import Folder, check_folder, own_folder
from adt_gym.metrics.composite import DEADLINE
from adt_gym.report import frontier_tables, plots, suite_tables
from adt_gym.report.progress import bar, console
from adt_gym.series import InputError, ScoredSeries
from adt_gym.settings import MAX_SEEDS, Settings, count, deadline, option, without
from adt_gym.spreadsheet import write_frame
from adt_gym.stream.feedback import Feedback, feedback_of

if TYPE_CHECKING:
    import pandas as pd

FEEDBACK = ("full", "alerts")
FILES = ("table.csv", "frontier.png", "config.json")
OF_A_SUITE = ("families.csv", "ranks.csv", "learning.csv", "learning.png")

EPISODES, EPISODES_IN_A_SUITE = 2000, 300
"""Of the training of the paper's agent: a suite trains it some two hundred times."""


@dataclass(frozen=True, kw_only=True)
class FrontierSettings(Settings):
    """Everything the frontier depends on; written to its config.json.

    Args:
        train, test: The sources of the series; without ``test`` each of ``train`` is tested by methods trained on the
            others.
        suite: A folder of families instead; see `adt_gym.experiments.suite`.
        panels, folds: How a suite is split.
        methods: The registered names of those that are measured; by default all but those that a relative stands for.
        delays: Words: whole numbers of windows, or "never".
        feedback: "full", "alerts", or both.
        label_noise: Probabilities that a label that is told is the wrong one.
        source: How all series are read and cut; its ``source`` is empty.
        seeds: How many seeds are run, from 0 on.
        scorer, epochs: Of the scores, a scorer per series and seed.
        episodes: Of the training of the paper's agent; by default ``EPISODES``, in a suite ``EPISODES_IN_A_SUITE``.
        deadline: Of the composite F1, in windows.

    Raises:
        InputError: If a word is no delay, no feedback, no panel or no method, a number out of its range, or both series
            and a suite are given, or neither.
    """

    train: tuple[str, ...] = option(
        (), help="SERIES...: .npz files with train, test and test_label, folders, other sources"
    )
    test: tuple[str, ...] = option((), help="SERIES...; without it each of --train is left out and tested in turn")
    suite: str | None = option(None, help="FOLDER of families instead, each a folder of such .npz files")
    panels: tuple[str, ...] = option(PANELS, help="of a suite: left out are units of a family, or families")
    folds: int = count(3, "of a suite: parts that the units of a family are dealt into", 2)
    methods: tuple[str, ...] = option((), help="which are measured, by their registered names; all by default")
    delays: tuple[str, ...] = option(("1", "10", "60", "300", NEVER), help="windows until a label is told, or never")
    feedback: tuple[str, ...] = option(FEEDBACK, help="whose labels are told: full (all) or alerts (flagged windows)")
    label_noise: tuple[float, ...] = option((0.0,), help="shares of the labels that are told wrongly")
    source: SourceSettings = field(metadata=without("source"))
    seeds: int = count(5, "run so many seeds, from 0 on", most=MAX_SEEDS)
    scorer: str = option("autoencoder", help="as of adt run")
    epochs: int | None = count(None, "passes of the scorer's network over its windows; 30 by default")
    episodes: int | None = count(
        None, f"of the training of the paper's agent; {EPISODES:,} by default, {EPISODES_IN_A_SUITE} in a suite"
    )
    deadline: int = deadline(DEADLINE)

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool(self.train) == bool(self.suite) or (self.suite and self.test):
            raise InputError(
                "give either series (--train, and --test if others are tested) or a suite (--suite FOLDER)"
            )
        for one in self.panels:
            one_of("--panels", one, PANELS)
        if self.episodes is None:
            object.__setattr__(self, "episodes", EPISODES_IN_A_SUITE if self.suite else EPISODES)

    @property
    def measured(self) -> tuple[str, ...]:
        """The registered names of the methods that are measured."""
        return self.methods or tuple(thresholds.registry.names(without=[thresholds.LESSER]))

    @cached_property
    def conditions(self) -> list[Feedback]:
        """All that is asked for; labels that never come are one condition, whatever else is asked for.

        Raises:
            InputError: If a word is no delay or no feedback, or a noise no probability.
        """
        delays = [delay for word in dict.fromkeys(self.delays) if (delay := _delay(word)) is not None]
        for kind in self.feedback:
            if kind not in FEEDBACK:
                raise InputError(
                    f"--feedback {kind!r}: choose {' or '.join(FEEDBACK)}; labels that never come are --delays never"
                )
        kinds, noises = dict.fromkeys(self.feedback), dict.fromkeys(self.label_noise)
        told = [feedback_of(kind, delay, noise) for kind in kinds for noise in noises for delay in delays]
        return told + ([feedback_of("none")] if NEVER in self.delays else [])


def _delay(word: str) -> int | None:
    if word == NEVER:
        return None
    if not word.isdecimal() or int(word) < 1:
        raise InputError(f"--delays {word!r}: a delay is a whole number of windows, at least 1, or {NEVER!r}")
    return int(word)


def run_frontier(
    settings: FrontierSettings, out: Path, jobs: int, cache: Path, every: bool = False, ray: str | None = None
) -> list[str]:
    """Train on some series, test on others, for every delay of the labels; go on where it was interrupted.

    Methods that users registered are measured too, where the workers know them: registered by a module, or by the main
    program outside of ``if __name__ == "__main__"``.

    Args:
        settings: What is asked for.
        out: The folder of the results.
        jobs: How many cells at a time.
        cache: Where scores are kept.
        every: Whether all tables are printed.
        ray: The address of a Ray cluster that the cells run on; see `adt_gym.experiments.cells.run_cells`.

    Returns:
        What is to be told of each cell that failed.

    Raises:
        FileNotFoundError: If a path leads nowhere.
        InputError: If a series cannot be read, or there is too little to learn from.
    """
    make_scorers([settings.scorer], settings.epochs)  # refuses what cannot be before anything is written
    files = (*FILES, *OF_A_SUITE) if settings.suite else FILES
    check_folder(out, KIND, files)
    conditions, methods = tuple(settings.conditions), settings.measured
    for name in methods:
        thresholds.registry[name].load()
    if settings.suite:
        rounds = suite_rounds(settings.suite, settings.source, settings.panels, settings.folds)
    else:
        rounds = read_rounds(settings)
    check_names(methods, feedback=next(iter(conditions), None))
    with own_folder(out, KIND, files) as folder:
        write_config(folder, settings, rounds)
        cells = [
            Cell(
                tuple(scores[o] for o in one.train), tuple(scores[o] for o in one.tests), methods, conditions, seed,
                settings.episodes or EPISODES, settings.deadline, one.panel, one.family, one.fold,
            )
            for seed, scores in score_all(settings, rounds, cache, jobs).items()
            for one in rounds
        ]  # fmt: skip
        outcomes = run_cells(folder, cells, measure, jobs, ray=ray)
        done = [one.result for one in outcomes if one.result]
        if done:  # a table of before is better than none
            conclude(folder, [row for one in done for row in one.rows], settings.deadline, every)
    return [f"failed: {one.name}: {one.error}" for one in outcomes if one.error]


# The series


def read_rounds(settings: FrontierSettings) -> list[Round]:
    """Return who is tested, and who is learned from for that.

    Raises:
        FileNotFoundError: If a path leads nowhere.
        InputError: If a series cannot be read, is on both sides, or has fewer than two with an anomaly to learn from.
    """
    train, test = (read_servers(words, settings.source) for words in (settings.train, settings.test))
    pairs = [(train, one) for one in test] or [([o for o in train if o is not one], one) for one in train]
    for others, one in pairs:
        check_apart(others, one)
        if len(told := anomalous(others)) < LEAST:
            raise InputError(
                f"series {one.name!r} would be tested by methods trained on {len(told)} series with an anomaly; "
                "give at least two to learn from (--train)"
            )
    return [Round(tuple(others), (one,)) for others, one in pairs]


def score_all(
    settings: FrontierSettings, rounds: Sequence[Round], cache: Path, jobs: int
) -> dict[int, dict[Server, ScoredSeries]]:
    """Return by seed the scores of every server.

    Raises:
        ChildProcessError: If workers died over one, as for want of memory.
        InputError: If the scorer does not take the settings or the series.
    """
    servers = dict.fromkeys(server for one in rounds for server in (*one.train, *one.tests))
    tasks = [
        Scoring(server, settings.scorer, settings.epochs, seed, cache.resolve(), settings.source.window)
        for seed in range(settings.seeds)
        for server in servers
    ]
    scores: dict[int, dict[Server, ScoredSeries]] = {seed: {} for seed in range(settings.seeds)}
    with processes(score, min(jobs, len(tasks))) as workers, bar("scores", len(tasks)) as advance:
        for task, scored, _, error in finish(workers, tasks):
            if error:
                raise ChildProcessError(f"series {task.server.name!r} could not be scored: {error}")
            scores[task.seed][task.server] = replace(scored, name=task.server.title)
            advance(f"{task.server.name} seed {task.seed}")
    return scores


# The folder


def write_config(folder: Folder, settings: FrontierSettings, rounds: Sequence[Round]) -> None:
    """Write config.json, with what the sources were taken for."""
    servers = [server for one in rounds for server in (*one.train, *one.tests)]
    taken = [asdict(one) for one in {server.summary.source: server.summary for server in servers}.values()]
    content = {"kind": KIND, "settings": asdict(settings), "sources": taken, **versions()}
    with folder.writing("config.json") as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n")


def conclude(folder: Folder, rows: Sequence[FrontierRow], deadline: int = DEADLINE, every: bool = False) -> None:
    """Write the tables, print the leading ones or all, draw the pictures, say where all is."""
    with folder.writing("table.csv") as temporary:
        table = write_rows(temporary, rows)
    suite = bool(table["panel"].any())
    if suite:
        write_suite(folder, table)
    curves = {}
    for part, here in parts(table):
        settings = settings_of(here)
        for feedback, noise in settings:
            rows_here, title = panel(here, feedback, noise), title_of(feedback, noise, part)
            tables = suite_tables if suite else frontier_tables
            console.print(*tables.leading_tables(rows_here, title, deadline), sep="")
            if every:
                console.print(*tables.further_tables(rows_here, title), sep="")
            if noise == min(noise for _, noise in settings):
                curves[title] = over_delays(rows_here, "composite_f1" if suite else "f1").mean
    if curves:
        with folder.writing("frontier.png") as temporary:
            plots.frontier_curves(temporary, curves, "composite F1" if suite else "F1")
    unmeasured = table[table["f1"].isna()].drop_duplicates(["method", "series", "seed", "delay"])
    for one in unmeasured.itertuples():
        what = f"no figures for {one.method}, delay {one.delay}, on {one.series}, seed {one.seed}: {one.detail}"
        console.print(what, style="yellow", markup=False, soft_wrap=True)
    wrote = (*FILES, *OF_A_SUITE) if suite else FILES
    console.print(f"{folder.path} holds {', '.join(wrote)}, cells", soft_wrap=True)


def write_suite(folder: Folder, table: "pd.DataFrame") -> None:
    """Write what a suite has beside its table."""
    for name, frame in (
        ("families.csv", families_frame), ("ranks.csv", ranks_frame), ("learning.csv", learning_frame)
    ):  # fmt: skip
        with folder.writing(name) as temporary:
            write_frame(temporary, frame(table))
    curves = {}
    for part, feedback, noise, rows in panels(table):
        delay = learning_delay(rows)
        title = f"{title_of(feedback, noise, part)}, delay {delay}"
        curves[title] = learning(rows, COMPOSITE_AFTER, delay).mean
    with folder.writing("learning.png") as temporary:
        plots.learning_curves(temporary, curves)
