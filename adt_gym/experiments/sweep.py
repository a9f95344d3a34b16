"""A cell of a sweep: the agent trained and measured, beside the rules, at one point of a grid of settings."""

from dataclasses import asdict, dataclass, field, fields, replace
from functools import lru_cache
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple, get_type_hints

import gymnasium as gym

from adt_gym import thresholds
from adt_gym.agents.reference_dqn import Hyperparameters, ReferenceDQN
from adt_gym.checks import MAX_SEED, share, whole
from adt_gym.envs.sources import DEFAULT, resolve
from adt_gym.evaluation.compare import Measures, compare
from adt_gym.evaluation.split import choose_labelled
from adt_gym.experiments.grid import Grid, Value, points
from adt_gym.experiments.keys import data_digest
from adt_gym.mdp.mdp import ThresholdingMDP
from adt_gym.series import InputError, ScoredSeries, varies

LABELLED_WINDOWS = 1000
"""About how many windows of the training part the agent and the static threshold learn on, as in `adt run`."""

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
        data: A digest of what ``series`` names.
    """

    series: str = DEFAULT
    k: int = 2
    alpha: float = 0.9
    episodes: int = 5000
    seed: int = 0
    hyperparameters: Hyperparameters = field(default=Hyperparameters(learning_rate=1e-3, gamma=0.9))
    data: str = ""

    def __post_init__(self) -> None:
        whole("k", self.k)
        whole("episodes", self.episodes)
        whole("seed", self.seed, 0, MAX_SEED)
        share("alpha", self.alpha)

    @property
    def settings(self) -> dict[str, Value]:
        """All settings by the names that the grid has for them."""
        own: dict[str, Value] = {name: getattr(self, name) for name in SETTINGS}
        return own | asdict(self.hyperparameters)


SETTINGS = tuple(f.name for f in fields(Cell) if f.name not in ("hyperparameters", "data"))
KINDS = {name: kind for name, kind in get_type_hints(Cell).items() if name in SETTINGS} | get_type_hints(
    Hyperparameters
)


class Parts(NamedTuple):
    """The scored windows to learn from and those to evaluate on."""

    train: list[ScoredSeries]
    test: list[ScoredSeries]


@dataclass(frozen=True)
class Measured:
    """What came of a cell: the figures of each method, and how long the agent was trained, in seconds."""

    rows: list[Measures]
    training_seconds: float


def cells_of(grid: Grid) -> list[Cell]:
    """Return the cells of all points of a grid.

    Raises:
        InputError: If one of them could not be trained with.
        FileNotFoundError: If a path leads nowhere.
    """
    cells = [_at(point) for point in points(grid)]
    for series, k, alpha in dict.fromkeys((cell.series, cell.k, cell.alpha) for cell in cells):
        for part in load(series):
            ThresholdingMDP(part, k, alpha, 1 - alpha)
    return [replace(cell, data=fingerprint(cell.series)) for cell in cells]


def _at(point: dict[str, Any]) -> Cell:
    own = {name: value for name, value in point.items() if name in SETTINGS}
    rest = {name: value for name, value in point.items() if name not in SETTINGS}
    return Cell(**own, hyperparameters=replace(Cell().hyperparameters, **rest))


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
    return data_digest(load(series))


def train_and_evaluate(cell: Cell) -> Measured:
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
    return Measured([row.measures for row in compare([policy, *rules], labelled, test)], seconds)
