"""`adt frontier`: every method on series it has never seen, as labels come late, in part, wrongly or never."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated

import typer

import adt_gym
from adt_gym import plots, scoring
from adt_gym.evaluation.frontier import NEVER, FrontierRow, goals, over_delays, panel, settings_of, write_rows
from adt_gym.evaluation.grid import digest
from adt_gym.feedback import Feedback
from adt_gym.folders import Folder, check_folder, own_folder
from adt_gym.frontier_report import KIND
from adt_gym.scripts.frontier_methods import measure_all
from adt_gym.scripts.frontier_series import Scoring, Server, check_apart, read_servers, score
from adt_gym.scripts.frontier_tables import events_table, f1_table, goals_table
from adt_gym.scripts.progress import bar, console
from adt_gym.scripts.versions import versions
from adt_gym.scripts.workers import finish, processes
from adt_gym.series import InputError, ScoredSeries
from adt_gym.written import CELLS

FEEDBACK = ("full", "alerts")
FILES = ("config.json", "table.csv", "frontier.png")


@dataclass(frozen=True)
class FrontierSettings:
    """Everything the frontier depends on; written to its config.json.

    Args:
        train, test: The sources of the series; without ``test`` each of ``train`` is tested by methods trained on the
            others.
        delays: Words: whole numbers of windows, or "never".
        feedback: "full", "alerts", or both.
        label_noise: Probabilities that a label that is told is the wrong one.
        seeds: How many seeds are run, from 0 on.
        scorer, epochs: Of the scores, a scorer per series and seed.
        episodes: Of the training of the paper's agent.
    """

    train: tuple[str, ...]
    test: tuple[str, ...]
    delays: tuple[str, ...]
    feedback: tuple[str, ...]
    label_noise: tuple[float, ...]
    seeds: int
    scorer: str
    epochs: int
    episodes: int

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
        told = [Feedback(kind, delay, noise) for kind in kinds for noise in noises for delay in delays]
        return told + ([Feedback("none")] if NEVER in self.delays else [])


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

    @cached_property
    def key(self) -> str:
        """What its rows are kept under: a digest of its settings and data, and of the version of this package."""
        content = hashlib.sha256()
        for one in (*self.train, self.test):
            content.update(one.name.encode() + one.scores.tobytes() + one.labels.tobytes() + b"|")
        settings = {"seed": self.seed, "episodes": self.episodes, "version": adt_gym.__version__}
        return digest({**settings, "conditions": [asdict(one) for one in self.conditions], "data": content.hexdigest()})


@dataclass(frozen=True)
class Outcome:
    """The rows of a cell, or why there are none."""

    rows: list[FrontierRow] = field(default_factory=list)
    error: str | None = None


def frontier(
    train: Annotated[
        list[str], typer.Option(help="SERIES...: .npz files with train, test and test_label, folders, other sources")
    ],
    test: Annotated[
        list[str] | None, typer.Option(help="SERIES...; without it each of --train is left out and tested in turn")
    ] = None,
    delays: Annotated[
        list[str] | None, typer.Option(help="windows until a label is told, or never", show_default="1 10 60 300 never")
    ] = None,
    feedback: Annotated[
        list[str] | None,
        typer.Option(help="whose labels are told: full (all) or alerts (flagged windows)", show_default="full alerts"),
    ] = None,
    label_noise: Annotated[
        list[float] | None, typer.Option(help="shares of the labels that are told wrongly", show_default="0")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="run so many seeds, from 0 on")] = 5,
    scorer: Annotated[str, typer.Option(help="as of adt run")] = "autoencoder",
    epochs: Annotated[int, typer.Option(min=1, help="passes of the scorer's network over its windows")] = 30,
    episodes: Annotated[int, typer.Option(min=1, help="of the training of the paper's agent")] = 2000,
    jobs: Annotated[int, typer.Option(min=1, help="cells at a time")] = os.cpu_count() or 1,
    cache: Annotated[Path, typer.Option(help="where scores are kept for the next time")] = Path("runs/cache"),
    out: Annotated[Path, typer.Option(help="folder of the results; finished cells in it are kept")] = Path(
        "runs/frontier"
    ),
) -> None:
    """Train on some series, test on others, for every delay of the labels; an interrupted run goes on where it was.

    An option takes several words: --delays 1 10 never.
    """
    settings = FrontierSettings(
        tuple(train), tuple(test or ()), tuple(delays or ("1", "10", "60", "300", NEVER)),
        tuple(feedback or FEEDBACK), tuple(label_noise or (0.0,)), seeds, scorer, epochs, episodes,
    )  # fmt: skip
    scoring.make(scorer)  # refuses an unknown name before anything is written
    check_folder(out, KIND, FILES)
    conditions, rounds = settings.conditions, read_rounds(settings)
    with own_folder(out, KIND, FILES) as folder:
        with folder.writing("config.json") as temporary:
            content = {"kind": KIND, "settings": asdict(settings), **versions()}
            temporary.write_text(json.dumps(content, indent=2) + "\n")
        cells = [
            Cell(learned, tested, conditions, seed, episodes)
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
        conclude(folder, [row for cell in cells for row in outcomes[cell].rows])
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
    train, test = read_servers(settings.train), read_servers(settings.test)
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
        Scoring(server, settings.scorer, settings.epochs, seed, cache.resolve())
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
            return Outcome(measure_all(cell.train, cell.test, cell.conditions, cell.seed, cell.episodes))
    except Exception as error:
        return Outcome(error=f"{type(error).__name__}: {error}")


# The folder


def write(folder: Folder, cell: Cell, outcome: Outcome) -> None:
    """Keep what became of a cell."""
    with folder.writing(f"{CELLS}{cell.key}.json") as temporary:
        temporary.write_text(json.dumps(asdict(outcome), indent=2) + "\n")


def read(folder: Path, cell: Cell) -> Outcome | None:
    """Return what became of a cell that was finished with these settings and data, else None."""
    try:
        kept = Outcome(**json.loads((folder / CELLS / f"{cell.key}.json").read_text()))
        return None if kept.error else replace(kept, rows=[FrontierRow(**row) for row in kept.rows])  # type: ignore[arg-type]
    except (FileNotFoundError, ValueError, TypeError):
        return None


def conclude(folder: Folder, rows: Sequence[FrontierRow]) -> None:
    """Write and print the tables, draw the picture, say where all is."""
    with folder.writing("table.csv") as temporary:
        table = write_rows(temporary, rows)
    if rows:
        settings = settings_of(table)
        for feedback, noise in settings:
            for make in (f1_table, events_table):
                console.print(make(panel(table, feedback, noise), feedback, noise))
        console.print(goals_table(goals(table)))
        least = min(noise for _, noise in settings)
        curves = {kind: over_delays(panel(table, kind, noise)).mean for kind, noise in settings if noise == least}
        with folder.writing("frontier.png") as temporary:
            plots.frontier_curves(temporary, curves)
    unmeasured = table[table["f1"].isna()].drop_duplicates(["method", "series", "seed", "delay"])
    for one in unmeasured.itertuples():
        what = f"no figures for {one.method}, delay {one.delay}, on {one.series}, seed {one.seed}: {one.detail}"
        console.print(what, style="yellow", markup=False, soft_wrap=True)
    console.print(f"{folder.path} holds table.csv, frontier.png, config.json, cells", soft_wrap=True)
