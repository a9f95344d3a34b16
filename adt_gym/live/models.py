"""Making what judges a series: its members, each a scorer and a method at work."""

import io
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from adt_gym import scoring, thresholds
from adt_gym.checks import InputError, shown
from adt_gym.live.config import Config
from adt_gym.reading import open_npz, read_json
from adt_gym.registry import as_bytes, from_bytes
from adt_gym.scored_files import load_scored
from adt_gym.scoring.base import normal_windows
from adt_gym.series import Series
from adt_gym.stream.monitor import Monitor
from adt_gym.stream.stream import Method

SCALING = "tail"
"""By the series' own past: what `pretrained` has learned on."""


class Member(NamedTuple):
    """One that judges: a scorer of that name and seed."""

    scorer: str
    seed: int


class Models:
    """What judges the series of a config.

    Args:
        config: Names it.

    Raises:
        FileNotFoundError: If the run that it names is none.
        InputError: If the method needs labelled series and there is no run, or the run is not one that can judge.
    """

    def __init__(self, config: Config):
        self._model = config.model
        self._run = config.path_if_named(config.model.run)
        given = self._model
        self.members = [Member(name, seed) for name in given.scorers for seed in given.seeds]
        self._shared: Any = None
        if self._run is not None:
            if not self._run.is_dir():
                raise FileNotFoundError(
                    f"model.run: {self._run} is no folder; name one that adt run or adt train wrote"
                )
            if (self._run / "scorer.npz").is_file():
                self._shared = scoring.load(self._run / "scorer.npz")
                self.members = [Member(self._shared.name, self._shared.settings.seed)]
        self.window = given.window if self._shared is None else self._shared.settings.window
        self.method  # noqa: B018  what cannot be is said at once
        if self._shared is None:
            for member in self.members:
                self._scorer(member)

    @cached_property
    def method(self) -> Method:
        """The method, which all series share: what it knows of one is in that one's session."""
        given = self._model
        if given.method == "policy":
            if self._run is None:
                raise InputError('model.method "policy" needs model.run: a folder that adt run or adt train wrote')
            return _policy(self._run)
        known = {"feedback": given.feedback, "delay": given.label_delay, "seed": given.seeds[0]}
        for name in given.method_options:
            if not thresholds.registry.takes(given.method, name):
                raise InputError(f"model.method_options: {given.method} has no option {shown(name)}")
        method: Method = thresholds.registry.make_for(given.method, **{**known, **given.method_options})
        if thresholds.NEEDS not in thresholds.registry[given.method].tags:
            return method
        if self._run is None or not (self._run / "scores-train.npz").is_file():
            raise InputError(
                f"model.method: {given.method} learns from labelled series; name as model.run a folder of adt run, on "
                "whose training scores it does, or take pretrained, which needs none"
            )
        return method.fit(load_scored(self._run / "scores-train.npz"))

    def fit(self, past: Series) -> list[Monitor]:
        """Return the members for a series with such a past; what is labelled in it is not learned from.

        Raises:
            InputError: If a scorer cannot learn from it.
        """
        return [Monitor(scorer, self.method, past, history=0) for scorer in self.scorers(past)]

    def scorers(self, past: Series) -> list[Any]:
        """Return the scorers of the members, fitted on a past.

        Raises:
            InputError: If one cannot learn from it.
        """
        if self._shared is not None:
            return [self._shared]
        return [self._scorer(member).fit([past]) for member in self.members]

    def _scorer(self, member: Member) -> Any:
        options = self._model.scorer_options.get(member.scorer, {})
        given = {"window": self._model.window, "scaling": SCALING, "seed": member.seed}
        return scoring.make(member.scorer, **{**given, **options})

    def windows(self, past: Series) -> int:
        """Return how many windows of a past can be learned from."""
        if len(past) < self.window:
            return 0
        try:
            return len(normal_windows(past, self.window))
        except InputError:  # all span gaps
            return 0


def packed(scorer: Any, past: Series) -> tuple[bytes, bytes]:
    """Return a scorer and a past as bytes, without pickle."""
    file = io.BytesIO()
    arrays = {name: getattr(past, name) for name in ("values", "index", "breaks")}
    np.savez_compressed(file, allow_pickle=False, columns=np.array(past.columns), name=np.array(past.name), **arrays)
    return as_bytes(scorer), file.getvalue()


def unpacked(scorer: bytes, past: bytes) -> tuple[Any, Series]:
    """Return what `packed` took.

    Raises:
        InputError: If it is damaged.
    """
    with TemporaryDirectory() as folder:
        Path(folder, "past.npz").write_bytes(past)
        with open_npz(Path(folder, "past.npz"), "the past of a series") as arrays:
            series = Series(
                arrays["values"], None, str(arrays["name"]), arrays["index"], tuple(arrays["columns"].tolist()),
                arrays["breaks"],
            )  # fmt: skip
    return from_bytes("scorer", scorer), series


def _policy(run: Path) -> Method:
    """Return the policy of a folder of `adt run` or `adt train`."""
    from adt_gym.agents.reference_dqn import ReferenceDQN
    from adt_gym.experiments.evaluate import load as load_trained
    from adt_gym.experiments.train import read_settings

    if (run / "scorer.npz").is_file():
        kept = read_json(run / "config.json", "the config.json of a run")["settings"]
        return thresholds.Policy(
            ReferenceDQN.load(run / "policy.npz"), hold=kept["hold"], k=kept["k"], alpha=kept["alpha"]
        )
    settings = read_settings(run)
    return thresholds.Policy(load_trained(run, settings), hold=settings.hold, **settings.env_kwargs)


def usual(past: Series) -> tuple[np.ndarray, np.ndarray]:
    """Return shape ``(m,)`` each: the median of every column of a past, and the median distance from it."""
    median = np.median(past.values, axis=0)
    return median, np.median(np.abs(past.values - median), axis=0)


def strangest(
    window: Sequence[Sequence[float]], columns: Sequence[str], median: np.ndarray, spread: np.ndarray, most: int = 5
) -> list[dict[str, Any]]:
    """Return the columns that stand out the most in the points of a window, each where it does so the most.

    How far is told in median distances from the median; where a column hardly ever moved, any movement is infinitely
    strange: it stands first, with a distance of None.
    """
    points = np.asarray(window, np.float64)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        far = np.nan_to_num(np.abs(points - median) / spread, nan=0.0, posinf=np.inf)
    at = far.argmax(axis=0)
    far = far.max(axis=0)
    return [
        {
            "name": columns[i],
            "value": float(points[at[i], i]),
            "usual": float(median[i]),
            "distance": float(far[i]) if np.isfinite(far[i]) else None,
        }
        for i in np.argsort(-far, kind="stable")[:most]
    ]
