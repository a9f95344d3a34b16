"""Reading a source, and scoring its parts: what every experiment that starts at a user's file does first."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adt_gym import scoring
from adt_gym.data.sources import Source, SourceSettings, load
from adt_gym.evaluation.split import Split
from adt_gym.experiments.shares import Scoring
from adt_gym.report.progress import bar, console
from adt_gym.report.source import show
from adt_gym.scoring.cache import cached_scores, score_here
from adt_gym.scoring.ensemble import Ensemble
from adt_gym.scoring.torch_scorer import TorchScorer
from adt_gym.series import InputError, ScoredSeries, Series
from adt_gym.settings import Settings, count, option, seed

Parts = tuple[list[ScoredSeries], list[ScoredSeries]]
"""The scores of the training part and of the test part."""


@dataclass(frozen=True, kw_only=True)
class ScoringSettings(Settings):
    """What scores depend on.

    Args:
        source: The series and how they are cut.
        scaling: "quantile", "minmax" or "tail"; None for the scorer's own.
        device, epochs: Of a scorer with a network; None for the scorer's own.
        seed: Of everything that is drawn, generated data included.
    """

    source: SourceSettings
    scaling: str | None = option(None, help="of the scores: quantile, minmax or tail; the scorer's own by default")
    device: str | None = option(None, help="cpu or cuda; a GPU where there is one by default")
    epochs: int | None = count(None, "passes of the scorer's network over its windows; 30 by default")
    seed: int = seed("of all that is drawn, also of the data of kubernetes")

    def make(self, *names: str, **options: Any) -> list[scoring.Scorer]:
        """Return the scorers of those names with these settings; see `make_scorers`."""
        shared = {"scaling": self.scaling, "window": self.source.window, "seed": self.seed}
        return make_scorers(names, self.epochs, self.device, **shared, **options)


def make_scorers(
    names: Sequence[str], epochs: int | None = None, device: str | None = None, **options: Any
) -> list[scoring.Scorer]:
    """Return the scorers of those names; epochs and device are for those with a network, or an ensemble's members.

    Raises:
        InputError: If there is no such name, it does not take such an option, or none has a network to train.
    """
    options = {key: value for key, value in options.items() if value is not None}
    asked: dict[str, Any] = {"epochs": epochs, "device": device}
    network = {key: value for key, value in asked.items() if value is not None}
    made, used = [], not network
    for name in names:
        scorer = scoring.make(name, **options)
        members = scorer.settings.members if isinstance(scorer, Ensemble) else ()
        inner = [one for one in members if isinstance(scoring.make(one), TorchScorer)]
        if isinstance(scorer, TorchScorer):
            scorer = scoring.make(name, **network, **options)
        elif inner:
            passes = {} if epochs is None else {"options": {one: {"epochs": epochs} for one in inner}}
            scorer = scoring.make(name, device=device, **passes, **options)
        used |= bool(inner) or isinstance(scorer, TorchScorer)
        made.append(scorer)
    if not used:
        given = " and ".join(f"{key}=" for key in network)
        raise InputError(f"scorer {', '.join(names)} has no network: leave {given} out")
    return made


def read(settings: SourceSettings, seed: int = 0, labelled: bool = True) -> Source:
    """Return a source, after printing what it was taken for.

    Args:
        settings, seed: See `adt_gym.data.sources.load`.
        labelled: Whether a source without labels is refused.

    Raises:
        InputError: If it cannot be read, or has no labels and must have some.
    """
    source = load(settings, seed)
    show(source.summary)
    if labelled:
        source.require_labels()
    return source


def fit_and_score(scorer: scoring.Scorer, split: Split) -> Parts:
    """Fit the scorer and return the scores of both parts."""
    fit(scorer, split.for_scorer, split.tested)
    learned, tested = ([scorer.score(*one) for one in part] for part in (split.learned, split.tested))
    return learned, tested


def cached_parts(scorer: scoring.Scorer, split: Split, cache: Path, score: Scoring = score_here) -> Parts:
    """Return the scores of both parts, from the cache where they are there."""
    scored, _ = cached_scores(
        cache, scorer, split.for_scorer, [*split.learned, *split.tested],
        lambda: fit(scorer, split.for_scorer, split.tested), score,
    )  # fmt: skip
    return scored[: len(split.train)], scored[len(split.train) :]


def fit(scorer: scoring.Scorer, train: list[Series], test: Sequence[tuple[Series, Series | None]] = ()) -> None:
    """Fit the scorer; one with a network under a progress bar, with its error on ``test`` in the curves."""
    if isinstance(scorer, TorchScorer):
        with bar(scorer.label, scorer.settings.epochs) as advance:
            scorer.fit(train, lambda epoch: advance(f"loss {epoch.training:.5f}"), test)
    else:
        with console.status(f"fitting {scorer.label}"):
            scorer.fit(train)
