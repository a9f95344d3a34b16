"""`adt frontier`: every method on series it has never seen, as labels come late, in part, wrongly or never."""

import hashlib
import json
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated

import typer

import adt_gym
from adt_gym import scoring
from adt_gym.data.sources import SourceSettings
from adt_gym.evaluation.frontier import NEVER, FrontierRow, over_delays, panel, settings_of, write_rows
from adt_gym.experiments.keys import data_digest
from adt_gym.experiments.versions import versions
from adt_gym.experiments.workers import finish, processes
from adt_gym.folders import Folder, check_folder, own_folder
from adt_gym.metrics.composite import DEADLINE
from adt_gym.reading import as_dataclass, read_json
from adt_gym.report import plots
from adt_gym.report.frontier import KIND
from adt_gym.report.frontier_tables import further_tables, leading_tables
from adt_gym.report.progress import bar, console
from adt_gym.scripts.frontier_methods import measure_all
from adt_gym.scripts.frontier_series import Scoring, Server, check_apart, read_servers, score
from adt_gym.scripts.options import CACHE, CORES, Cache, Every, Jobs, takes
from adt_gym.series import InputError, ScoredSeries
from adt_gym.settings import MAX_SEEDS, Settings, count, deadline, option, without
from adt_gym.stream.feedback import Feedback, feedback_of
from adt_gym.written import CELLS

FEEDBACK = ("full", "alerts")
FILES = ("config.json", "table.csv", "frontier.png")


@dataclass(frozen=True, kw_only=True)
class FrontierSettings(Settings):
    """Everything the frontier depends on; written to its config.json.

    Args:
        train, test: The sources of the series; without ``test`` each of ``train`` is tested by methods trained on the
            others.
        delays: Words: whole numbers of windows, or "never".
        feedback: "full", "alerts", or both.
        label_noise: Probabilities that a label that is told is the wrong one.
        source: How all series are read and cut; its ``source`` is empty.
        seeds: How many seeds are run, from 0 on.
        scorer, epochs: Of the scores, a scorer per series and seed.
        episodes: Of the training of the paper's agent.
        deadline: Of the composite F1, in windows.

    Raises:
        InputError: If a word is no delay or no feedback, or a number out of its range.
    """

    train: tuple[str, ...] = option(
        help="SERIES...: .npz files with train, test and test_label, folders, other sources"
    )
    test: tuple[str, ...] = option((), help="SERIES...; without it each of --train is left out and tested in turn")
    delays: tuple[str, ...] = option(("1", "10", "60", "300", NEVER), help="windows until a label is told, or never")
    feedback: tuple[str, ...] = option(FEEDBACK, help="whose labels are told: full (all) or alerts (flagged windows)")
    label_noise: tuple[float, ...] = option((0.0,), help="shares of the labels that are told wrongly")
    source: SourceSettings = field(metadata=without("source"))
    seeds: int = count(5, "run so many seeds, from 0 on", most=MAX_SEEDS)
    scorer: str = option("autoencoder", help="as of adt run")
    epochs: int = count(30, "passes of the scorer's network over its windows")
    episodes: int = count(2000, "of the training of the paper's agent")
    deadline: int = deadline(DEADLINE)

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


@dataclass(frozen=True, eq=False)
class Cell:
    """One test series and seed: all that its rows depend on."""

    train: list[ScoredSeries]
    test: ScoredSeries
    conditions: list[Feedback]
    seed: int
    episodes: int
    deadline: int = DEADLINE

    @cached_property
    def key(self) -> str:
        """What its rows are kept under: a digest of its settings and data, and of the version of this package."""
        content = hashlib.sha256()
        for one in (*self.train, self.test):
            content.update(one.name.encode() + one.scores.tobytes() + one.labels.tobytes() + b"|")
        settings = {
            "seed": self.seed,
            "episodes": self.episodes,
            "deadline": self.deadline,
            "version": adt_gym.__version__,
        }
        return data_digest(
            {**settings, "conditions": [repr(one) for one in self.conditions], "data": content.hexdigest()}
        )[:16]


@dataclass(frozen=True)
class Outcome:
    """The rows of a cell, or why there are none."""

    rows: list[FrontierRow] = field(default_factory=list)
    error: str | None = None


@takes
def frontier(
    settings: FrontierSettings,
    jobs: Jobs = CORES,
    cache: Cache = CACHE,
    out: Annotated[Path, typer.Option(help="folder of the results; finished cells in it are kept")] = Path(
        "runs/frontier"
    ),
    every: Every = False,
) -> None:
    """Train on some series, test on others, for every delay of the labels; an interrupted run goes on where it was.

    An option takes several words: --delays 1 10 never.
    """
    scoring.make(settings.scorer)  # refuses an unknown name before anything is written
    check_folder(out, KIND, FILES)
    conditions, rounds = settings.conditions, read_rounds(settings)
    with own_folder(out, KIND, FILES) as folder:
        write_config(folder, settings, rounds)
        cells = [
            Cell(learned, tested, conditions, seed, settings.episodes, settings.deadline)
            for seed, scores in score_all(settings, rounds, cache, jobs).items()
            for learned, tested in (([scores[one] for one in others], scores[one]) for others, one in rounds)
        ]
        outcomes = {cell: kept for cell in cells if (kept := read(out, cell))}
        if outcomes:
            console.print(f"{len(outcomes)} of {len(cells)} cells were finished before")
        left = [cell for cell in cells if cell not in outcomes]
        if left:
            with processes(run_cell, min(jobs, len(left))) as workers, bar("cells", len(left)) as advance:
                for cell, outcome, _, error in finish(workers, left):
                    outcomes[cell] = outcome or Outcome(error=error)
                    write(folder, cell, outcomes[cell])
                    advance(f"{cell.test.name} seed {cell.seed}")
        conclude(folder, [row for cell in cells for row in outcomes[cell].rows], settings.deadline, every)
    if failed := [cell for cell in cells if outcomes[cell].error]:
        for cell in failed:
            what = f"failed: {cell.test.name} seed {cell.seed}: {outcomes[cell].error}"
            console.print(what, style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1)


# The series

Round = tuple[list[Server], Server]
"""The servers to learn from, and one that none of them is."""


def read_rounds(settings: FrontierSettings) -> list[Round]:
    """Return who is tested, and who is learned from for that.

    Raises:
        FileNotFoundError: If a path leads nowhere.
        InputError: If a series cannot be read, is on both sides, or has fewer than two with an anomaly to learn from.
    """
    train, test = (read_servers(words, settings.source) for words in (settings.train, settings.test))
    rounds = [(train, one) for one in test] or [([o for o in train if o is not one], one) for one in train]
    for others, one in rounds:
        check_apart(others, one)
        anomalous = [o.name for o in others if o.judged.labels is not None and o.judged.labels.any()]
        if len(anomalous) < 2:
            raise InputError(
                f"series {one.name!r} would be tested by methods trained on {len(anomalous)} series with an anomaly; "
                "give at least two to learn from (--train)"
            )
    return rounds


def score_all(
    settings: FrontierSettings, rounds: Sequence[Round], cache: Path, jobs: int
) -> dict[int, dict[Server, ScoredSeries]]:
    """Return by seed the scores of every server.

    Raises:
        ChildProcessError: If workers died over one, as for want of memory.
        InputError: If the scorer does not take the settings or the series.
    """
    servers = dict.fromkeys(server for others, one in rounds for server in (*others, one))
    tasks = [
        Scoring(server, settings.scorer, settings.epochs, seed, cache.resolve(), settings.source)
        for seed in range(settings.seeds)
        for server in servers
    ]
    scores: dict[int, dict[Server, ScoredSeries]] = {seed: {} for seed in range(settings.seeds)}
    with processes(score, min(jobs, len(tasks))) as workers, bar("scores", len(tasks)) as advance:
        for task, scored, _, error in finish(workers, tasks):
            if error:
                raise ChildProcessError(f"series {task.server.name!r} could not be scored: {error}")
            scores[task.seed][task.server] = scored
            advance(f"{task.server.name} seed {task.seed}")
    return scores


# A cell


def run_cell(cell: Cell) -> Outcome:
    """Measure all methods in a worker, where an error is an outcome: it would come again, so it is not retried."""
    import sklearn.ensemble  # noqa: F401 - the limit reaches only the libraries that are loaded
    from threadpoolctl import threadpool_limits

    try:
        with threadpool_limits(1):
            return Outcome(measure_all(cell.train, cell.test, cell.conditions, cell.seed, cell.episodes, cell.deadline))
    except Exception as error:
        return Outcome(error=f"{type(error).__name__}: {error}")


# The folder


def write_config(folder: Folder, settings: FrontierSettings, rounds: Sequence[Round]) -> None:
    """Write config.json, with what the sources were taken for."""
    servers = [server for others, one in rounds for server in (*others, one)]
    taken = [asdict(one) for one in {server.summary.source: server.summary for server in servers}.values()]
    content = {"kind": KIND, "settings": asdict(settings), "sources": taken, **versions()}
    with folder.writing("config.json") as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n")


def write(folder: Folder, cell: Cell, outcome: Outcome) -> None:
    """Keep what became of a cell."""
    with folder.writing(f"{CELLS}{cell.key}.json") as temporary:
        temporary.write_text(json.dumps(asdict(outcome), indent=2) + "\n")


def read(folder: Path, cell: Cell) -> Outcome | None:
    """Return what became of a cell that was finished with these settings and data, else None."""
    path = folder / "cells" / f"{cell.key}.json"
    try:
        kept = as_dataclass(Outcome, read_json(path, "a cell of a frontier", nan=True), f"{path} is damaged")
    except FileNotFoundError:
        return None
    except InputError as error:
        warnings.warn(f"a cell is measured again: {error}", stacklevel=2)
        return None
    return None if kept.error else kept


def conclude(folder: Folder, rows: Sequence[FrontierRow], deadline: int = DEADLINE, every: bool = False) -> None:
    """Write the table, print the leading tables or all, draw the picture, say where all is."""
    with folder.writing("table.csv") as temporary:
        table = write_rows(temporary, rows)
    if rows:
        settings = settings_of(table)
        for feedback, noise in settings:
            rows_here = panel(table, feedback, noise)
            console.print(*leading_tables(rows_here, feedback, noise, deadline), sep="")
            if every:
                console.print(*further_tables(rows_here, feedback, noise), sep="")
        least = min(noise for _, noise in settings)
        curves = {kind: over_delays(panel(table, kind, noise)).mean for kind, noise in settings if noise == least}
        with folder.writing("frontier.png") as temporary:
            plots.frontier_curves(temporary, curves)
    unmeasured = table[table["f1"].isna()].drop_duplicates(["method", "series", "seed", "delay"])
    for one in unmeasured.itertuples():
        what = f"no figures for {one.method}, delay {one.delay}, on {one.series}, seed {one.seed}: {one.detail}"
        console.print(what, style="yellow", markup=False, soft_wrap=True)
    console.print(f"{folder.path} holds table.csv, frontier.png, config.json, cells", soft_wrap=True)
