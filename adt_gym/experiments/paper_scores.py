"""The scores on which the paper's experiments are repeated: what is learned on, and what alone is evaluated."""

import json
from dataclasses import asdict, dataclass, fields, replace

import numpy as np

from adt_gym import data
from adt_gym.envs.sources import resolve
from adt_gym.evaluation.split import draw_labelled, split_by_share
from adt_gym.experiments.paper import Dataset
from adt_gym.experiments.scores import fit
from adt_gym.folders import Folder
from adt_gym.reading import read_json
from adt_gym.scored_files import load_scored, save_scored
from adt_gym.scoring.autoencoder import AutoEncoder
from adt_gym.series import NO_PAST, InputError, ScoredSeries, Series

PLANTS = ("swat", "wadi")
"""They come as a recording of normal operation and one of attacks."""

SCORER_SHARE = 0.25
"""Of every series of Yahoo, which has no recording of normal operation: the scorer learns on this part of it."""


@dataclass(frozen=True)
class ScoreSettings:
    """What the scores depend on.

    Args:
        dataset: Its name.
        root: The folder of the user's copy; None for yahoo_like.
        window: tau, the points of a window.
        train_share: The share of the windows that agents are trained on.
        epochs: Of the auto-encoder; yahoo_like comes scored.
    """

    dataset: Dataset
    root: str | None
    window: int
    train_share: float
    epochs: int


@dataclass(frozen=True, eq=False)
class PaperScores:
    """Scored series.

    Args:
        train: What the scorer learned on; a method that needs no labels learns on it too.
        pool: What the labelled windows are drawn from.
        test: What is evaluated. It shares no point with ``train`` or ``pool``.
        whole: ``test`` and ``pool`` in one piece, as the authors' public code evaluates them.
    """

    train: list[ScoredSeries]
    pool: list[ScoredSeries]
    test: list[ScoredSeries]
    whole: list[ScoredSeries]

    def labelled(self, share: float, seed: int) -> list[ScoredSeries]:
        """Draw about a share of all windows, in whole series, for an agent and the static threshold to learn on."""
        return draw_labelled(self.pool, round(share * sum(map(len, self.whole))), seed)


SCORES = "scores"
"""Where in the folder of an experiment its scores are kept."""

NAMES = [f"{SCORES}/{name}" for name in ("settings.json", *(f"{one.name}.npz" for one in fields(PaperScores)))]
"""The files there."""


def prepare(settings: ScoreSettings, folder: Folder) -> PaperScores:
    """Return the scores: the packaged ones, those in ``folder`` if they were made with the same settings, or new ones.

    Raises:
        InputError: If the data do not suit the experiment.
        FileNotFoundError: If they are not there.
    """
    if settings.dataset == "yahoo_like":
        return _packaged(settings)
    kept, names = folder.path / SCORES, [f.name for f in fields(PaperScores)]
    what = "the settings of kept scores: delete its folder to have them made again"
    if (kept / "settings.json").is_file() and read_json(kept / "settings.json", what) == asdict(settings):
        return PaperScores(**{name: load_scored(kept / f"{name}.npz") for name in names})
    series = _load(settings)
    scorer = AutoEncoder(window=settings.window, epochs=settings.epochs)
    scores = (_of_plant if settings.dataset in PLANTS else _of_many)(scorer, series, settings)
    with folder.part(SCORES) as part:
        for name in names:
            save_scored(part / f"{name}.npz", getattr(scores, name))
        (part / "settings.json").write_text(json.dumps(asdict(settings)))
    folder.move_in({SCORES: SCORES})
    return scores


def _load(settings: ScoreSettings) -> list[Series]:
    name, root = settings.dataset, settings.root
    if root is None:
        raise InputError(f"{name} may not be passed on: say where your copy is (--root FOLDER)")
    if name == "yahoo":
        return data.load(name, root=root, benchmark="A1")
    series = data.load(name, root=root)
    if [one.part for one in series] != ["train", "test"]:
        raise InputError(f"{root}: give the folder that holds the normal operation and the attacks of {name}")
    return series


def _packaged(settings: ScoreSettings) -> PaperScores:
    """Cut the packaged scores where the training of their scorer ended."""
    if settings.root is not None:
        raise InputError("yahoo_like is packaged: leave --root out, or choose --dataset yahoo")
    whole = list(resolve(settings.dataset))
    return _cut(whole, [one.meta["trained_on_points"] for one in whole], settings.window)


def _of_many(scorer: AutoEncoder, series: list[Series], settings: ScoreSettings) -> PaperScores:
    """Learn on the first part of every series, evaluate the rest of each."""
    train = split_by_share(series, SCORER_SHARE, settings.window).train
    fit(scorer, train)
    whole = [replace(scorer.score(*pair), past=NO_PAST) for pair in zip(series, train, strict=True)]
    return _cut(whole, list(map(len, train)), settings.window)


def _cut(whole: list[ScoredSeries], rows: list[int], window: int) -> PaperScores:
    """Cut every series before a row; windows that cross the cut are in neither part."""
    train = [one[: row - window + 1] for one, row in zip(whole, rows, strict=True)]
    return PaperScores(train, train, [one[row:] for one, row in zip(whole, rows, strict=True)], whole)


def _of_plant(scorer: AutoEncoder, series: list[Series], settings: ScoreSettings) -> PaperScores:
    """Learn normality on the normal operation; cut the windows around the first attack out of the evaluation."""
    normal, attacked = series
    fit(scorer, [normal])
    whole = scorer.score(attacked, normal)
    count = max(round(settings.train_share * len(whole)), 1)
    start = max(int(np.argmax(whole.truth)) - count // 2, 0)
    overlap = settings.window - 1  # windows that share a point with the outermost of the training windows
    before, after = slice(0, max(start - overlap, 0)), slice(start + count + overlap, len(whole))
    test = [whole[part] for part in (before, after) if part.start < part.stop]
    if not any(one.truth.any() for one in test):
        raise InputError(f"{settings.dataset}: no attack is left to evaluate beside the {count} training windows")
    return PaperScores([scorer.score(normal, normal)], [whole[start : start + count]], test, [whole])
