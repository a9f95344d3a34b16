"""`adt sweep`: train and evaluate the agent at every point of a grid, on local processes or on Ray."""

import hashlib
import json
import os
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, make_dataclass, replace
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, get_type_hints

import gymnasium as gym
import typer
from rich.table import Table

from adt_gym import thresholds
from adt_gym.agents.reference_dqn import Hyperparameters, ReferenceDQN
from adt_gym.checks import MAX_SEED, share, whole
from adt_gym.envs.sources import DEFAULT, resolve
from adt_gym.evaluation.compare import COLUMNS, Row, compare
from adt_gym.evaluation.split import choose_labelled
from adt_gym.experiments.grid import METRICS, Grid, Value, as_text, digest, heat_map, parse_grid, points, summarise
from adt_gym.experiments.versions import versions
from adt_gym.experiments.workers import finish, processes, ray_tasks
from adt_gym.folders import Folder, own_folder
from adt_gym.mdp.mdp import ThresholdingMDP
from adt_gym.metrics.composite import DEADLINE
from adt_gym.reading import as_dataclass, read_json
from adt_gym.report.progress import bar, console
from adt_gym.report.tables import COMPOSITE, caption_of, composite_note, new_table, number, yes_no
from adt_gym.scripts import options
from adt_gym.series import InputError, ScoredSeries, varies
from adt_gym.spreadsheet import write_frame
from adt_gym.written import CELLS

if TYPE_CHECKING:
    import pandas as pd

LABELLED_WINDOWS = 1000
"""About how many windows of the training part the agent and the static threshold learn on, as in `adt run`."""


PRINTED = ("composite_f1", "f1", "precision", "recall", "training_seconds")
"""Of ``METRICS``, what the summary on the terminal has room for."""
FILES = ("config.json", "table.parquet", "table.csv")

AGENT = "adt"
"""What its rows are called."""


@dataclass(frozen=True)
class Cell:
    """One point of the grid; what the grid does not name is as in `adt run`.

    Args:
        series: What `adt_gym.envs.sources.resolve` takes: a packaged set or series, or a file or folder of scores.
        k, alpha: See ADT-v0; beta is 1 - alpha.
        episodes: Of the training.
        seed: Of everything that is drawn.
        hyperparameters: Of the reference DQN.
    """

    series: str = DEFAULT
    k: int = 2
    alpha: float = 0.9
    episodes: int = 5000
    seed: int = 0
    hyperparameters: Hyperparameters = field(default=Hyperparameters(learning_rate=1e-3, gamma=0.9))

    def __post_init__(self) -> None:
        whole("k", self.k)
        whole("episodes", self.episodes)
        whole("seed", self.seed, 0, MAX_SEED)
        share("alpha", self.alpha)

    @classmethod
    def at(cls, point: dict[str, Any]) -> "Cell":
        """Return the cell of one point of the grid."""
        own = {name: value for name, value in point.items() if name in SETTINGS}
        rest = {name: value for name, value in point.items() if name not in SETTINGS}
        return cls(**own, hyperparameters=replace(cls().hyperparameters, **rest))

    @property
    def settings(self) -> dict[str, Value]:
        """All settings by the names that the grid has for them."""
        own: dict[str, Value] = {name: getattr(self, name) for name in SETTINGS}
        return own | asdict(self.hyperparameters)

    @property
    def key(self) -> str:
        """What its results are kept under: a digest of its settings and of the data that they name."""
        return digest({**self.settings, "data": fingerprint(self.series)})


SETTINGS = tuple(f.name for f in fields(Cell) if f.name != "hyperparameters")
KINDS = {name: kind for name, kind in get_type_hints(Cell).items() if name in SETTINGS} | get_type_hints(
    Hyperparameters
)


class Parts(NamedTuple):
    """The scored windows to learn from and those to evaluate on."""

    train: list[ScoredSeries]
    test: list[ScoredSeries]


@dataclass(frozen=True)
class Outcome:
    """What became of a cell.

    Args:
        rows: The table of the methods, without their detections; empty if the cell failed.
        training_seconds: Of the agent.
        deaths: How many workers died over it.
        error: Why it failed.
    """

    rows: list[Row] = field(default_factory=list)
    training_seconds: float = float("nan")
    deaths: int = 0
    error: str | None = None


Measured = make_dataclass("Measured", [(f.name, f.type) for f in fields(Row) if f.name in COLUMNS], frozen=True)
"""A row of a table as it is kept: without the detections."""


@dataclass(frozen=True)
class Record:
    """What is kept of a cell."""

    hash: str
    rows: list[Measured]  # type: ignore[valid-type]
    training_seconds: float
    deaths: int
    error: str | None


def sweep(
    words: Annotated[
        list[str] | None,
        typer.Argument(help="settings and their values: k=2,10 alpha=0.9,0.5 seed=0:10; with --ray also its address"),
    ] = None,
    grid: Annotated[list[str] | None, typer.Option(help="the same; all words behind it belong to it")] = None,
    jobs: Annotated[int, options.whole("cells at a time; a running cluster decides for itself", most=1024)] = (
        os.cpu_count() or 1
    ),
    ray: Annotated[
        bool, typer.Option("--ray", help="on Ray: at the address (auto, host:port, ray://host:port), or started here")
    ] = False,
    out: Annotated[Path, typer.Option(help="folder of the results; finished cells in it are kept")] = Path(
        "runs/sweep"
    ),
) -> None:
    """Train and evaluate the agent at every point of a grid; a sweep that was interrupted goes on where it was.

    Settings are series, k, alpha, episodes, seed and every hyper-parameter of the reference DQN.
    """
    given = [*(grid or ()), *(words or ())]
    addresses = [word for word in given if ray and "=" not in word]
    if len(addresses) > 1:
        raise InputError(f"--ray takes one address, got {' and '.join(addresses)}")
    values = parse_grid([word for word in given if word not in addresses], KINDS)
    if "series" in values:
        values["series"] = tuple(located(str(name)) for name in values["series"])
    cells = [Cell.at(point) for point in points(values)]
    check(cells)
    with own_folder(out, "sweep", [*FILES, *pictures(values)]) as folder:
        with folder.writing("config.json") as temporary:
            temporary.write_text(json.dumps({"grid": values, **versions()}, indent=2) + "\n")
        outcomes = {cell: kept for cell in cells if (kept := read(folder.path, cell))}
        if outcomes:
            console.print(f"{len(outcomes)} of {len(cells)} cells were finished before")
        left = [cell for cell in cells if cell not in outcomes]
        if left:
            pool = ray_tasks(run_cell, jobs, *addresses) if ray else processes(run_cell, min(jobs, len(left)))
            with pool as workers, bar("cells", len(left)) as advance:
                for cell, result, deaths, error in finish(workers, left):
                    outcomes[cell] = replace(result or Outcome(error=error), deaths=deaths)
                    write(folder, cell, outcomes[cell])
                    advance(described(cell, values))
        failed = conclude(folder, values, {cell: outcomes[cell] for cell in cells})
    if failed:
        raise typer.Exit(1)


# A cell


def located(series: str) -> str:
    """Return a path as an absolute one, because workers may run elsewhere; a name as it is."""
    path = Path(series)
    return str(path.resolve()) if path.suffix == ".npz" or path.is_dir() else series


@lru_cache(maxsize=64)
def load(series: str) -> Parts:
    """Cut scored series where the training part of their scorer ends: no window crosses the cut.

    Raises:
        InputError: If a name is unknown, a series does not say where its training part ends, or there is nothing
            to learn from.
        FileNotFoundError: If a path leads nowhere.
    """
    train, test = [], []
    for one in resolve(series):
        try:
            row, window = one.meta["trained_on_points"], one.meta["window"]
        except KeyError as missing:
            raise InputError(
                f"series {one.name!r}: its meta holds no {missing}, so its training part is unknown; "
                "make the scores with `adt score`"
            ) from None
        train.append(one[: row - window + 1])
        test.append(one[row:])
    if not any(varies(one.truth) for one in train):
        raise InputError(f"series {series!r}: its training part holds no anomalous or no normal window to learn from")
    return Parts(train, test)


@lru_cache(maxsize=64)
def fingerprint(series: str) -> str:
    """Return a digest of what a cell learns from and is measured on."""
    content = hashlib.sha256()
    for part in load(series):
        for one in part:
            content.update(one.scores.tobytes() + one.truth.tobytes() + b"|")
    return content.hexdigest()


def check(cells: Sequence[Cell]) -> None:
    """Refuse what no cell could be trained with, before any is."""
    for series, k, alpha in dict.fromkeys((cell.series, cell.k, cell.alpha) for cell in cells):
        for part in load(series):
            ThresholdingMDP(part, k, alpha, 1 - alpha)


def train_and_evaluate(cell: Cell) -> Outcome:
    """Train the agent on the training part; measure it, and what it must be held against, on the rest."""
    train, test = load(cell.series)
    labelled = choose_labelled(train, LABELLED_WINDOWS, cell.seed)
    mdp: dict[str, Any] = {"k": cell.k, "alpha": cell.alpha, "beta": 1 - cell.alpha}
    agent = ReferenceDQN(gym.make("ADT-v0", series=tuple(labelled), **mdp), cell.seed, **asdict(cell.hyperparameters))
    started = perf_counter()
    agent.learn(cell.episodes)
    seconds = perf_counter() - started
    policy = thresholds.Policy(agent, name=AGENT, hold=cell.hyperparameters.hold, **mdp)
    rules = [thresholds.make(name) for name in ("static", "persistence", "always", "never")]
    rules.append(thresholds.make("random", seed=cell.seed))
    rows = compare([policy, *rules], labelled, test)
    return Outcome([replace(row, detections=[]) for row in rows], seconds)


def run_cell(cell: Cell) -> Outcome:
    """Do the same in a worker, where an error is an outcome: it would come again, so it is not retried."""
    try:
        return train_and_evaluate(cell)
    except Exception as error:
        return Outcome(error=f"{type(error).__name__}: {error}")


# The folder


def swept(grid: Grid) -> list[str]:
    """Return the settings of more than one value, without the seed."""
    return [name for name, values in grid.items() if len(values) > 1 and name != "seed"]


def pictures(grid: Grid) -> dict[str, tuple[str, str]]:
    """Return the files of the heat maps, and the settings along x and y of each."""
    return {f"heat-{y}-{x}.png": (x, y) for y, x in combinations(swept(grid), 2)}


def write(folder: Folder, cell: Cell, outcome: Outcome) -> None:
    """Keep what became of a cell."""
    rows = [{column: getattr(row, column) for column in COLUMNS} for row in outcome.rows]
    record = {"hash": cell.key, "settings": cell.settings, **vars(outcome), "rows": rows}
    with folder.writing(f"{CELLS}{cell.key}.json") as temporary:
        temporary.write_text(json.dumps(record, indent=2) + "\n")


def read(folder: Path, cell: Cell) -> Outcome | None:
    """Return what became of a cell that was finished with these settings and data, else None."""
    path = folder / "cells" / f"{cell.key}.json"
    try:
        kept = as_dataclass(Record, read_json(path, "a cell of a sweep", nan=True), f"{path} is damaged", others=True)
    except FileNotFoundError:
        return None
    except InputError as error:
        warnings.warn(f"a cell is measured again: {error}", stacklevel=2)
        return None
    rows = [Row(**vars(row), detections=[]) for row in kept.rows]
    return Outcome(rows, kept.training_seconds, kept.deaths) if kept.hash == cell.key and kept.error is None else None


# What it comes to


def conclude(folder: Folder, grid: Grid, outcomes: dict[Cell, Outcome]) -> int:
    """Write the table, print its summary, draw the heat maps, say where all is; return how many cells failed."""
    table = tabulate(outcomes)
    with folder.writing("table.parquet") as temporary:
        table.to_parquet(temporary, index=False)
    with folder.writing("table.csv") as temporary:
        write_frame(temporary, table)
    summary = summarise(table, swept(grid), AGENT)
    console.print(printed(summary))
    for name, (x, y) in pictures(grid).items():
        with folder.writing(name) as temporary:
            heat_map(temporary, summary, grid, x, y, AGENT)

    failed = {cell: outcome for cell, outcome in outcomes.items() if outcome.error}
    for cell, outcome in failed.items():
        console.print("failed:", described(cell, grid), outcome.error, style="red", markup=False, soft_wrap=True)
    if deaths := sum(outcome.deaths for outcome in outcomes.values()):
        console.print(f"workers that died: {deaths}; each cost its own cell, which was started again")
    found = [*FILES, "cells", *pictures(grid)]
    console.print(f"{folder.path} holds {', '.join(found)}", soft_wrap=True)
    return len(failed)


def tabulate(outcomes: dict[Cell, Outcome]) -> "pd.DataFrame":
    """Return a row per cell and method; of a failed cell one without measurements."""
    import pandas as pd

    rows = []
    for cell, outcome in outcomes.items():
        settings = {name: as_text(value) for name, value in cell.settings.items()}
        ends = {"deaths": outcome.deaths, "error": outcome.error}
        for row in outcome.rows:
            seconds = outcome.training_seconds if row.method == AGENT else None
            measured = {column: getattr(row, column) for column in COLUMNS}
            rows.append({**settings, **measured, "training_seconds": seconds, **ends})
        if outcome.error:
            rows.append({**settings, "method": AGENT, "saw_labels": True, **ends})
    table = pd.DataFrame(rows, columns=[*Cell().settings, *COLUMNS, "training_seconds", "deaths", "error"])
    return table.astype(dict.fromkeys(METRICS, float) | {"seconds": float, "error": "string"})


def printed(summary: "pd.DataFrame") -> Table:
    """Return the summary as a table to print."""
    settings = list(summary.columns[: summary.columns.get_loc("method")])
    series = summary["series"].unique()
    if len(series) == 1:
        settings.remove("series")
    title = f"{series[0] if len(series) == 1 else 'sweep'}: mean ± standard deviation over seeds"
    caption = caption_of("the rules below the agent do not depend on its settings", composite_note(DEADLINE))
    columns = ("method", *settings, "saw\nlabels", "seeds", COMPOSITE, "F1", "P", "R", "train s")
    cells = [
        (
            row["method"],
            *(str(row[name]) for name in settings),
            yes_no(row["saw_labels"]),
            str(row["seeds"]),
            *(_with_deviation(row[metric], row[f"{metric}_std"], metric) for metric in PRINTED),
        )
        for row in summary.to_dict("records")
    ]
    return new_table(columns, cells, title, caption)


def _with_deviation(mean: float, deviation: float, metric: str) -> str:
    digits = 1 if metric == "training_seconds" else 3
    shown = number(mean, digits)
    deviates = metric in ("composite_f1", "f1") and deviation == deviation
    return shown + (f" ±{number(deviation, digits)}" if deviates else "")


def described(cell: Cell, grid: Grid) -> str:
    """Return the settings of a cell that the grid names."""
    return " ".join(f"{name}={as_text(cell.settings[name])}" for name in grid)
