"""Scorers under one static threshold each: side by side, or one whose scores are kept."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np

from adt_gym import scoring
from adt_gym.evaluation.scorers import ScorerReport, ScorerRow, evaluate_baselines, evaluate_scorer
from adt_gym.evaluation.split import cut, cut_unlabelled, parts
from adt_gym.experiments.scores import ScoringSettings, cached_parts, fit, fit_and_score, read
from adt_gym.experiments.shares import Scoring
from adt_gym.folders import Folder, own_file
from adt_gym.report.curves import training_curves
from adt_gym.report.progress import console
from adt_gym.report.scorer_tables import scorer_tables
from adt_gym.scored_files import save_scored
from adt_gym.scoring.cache import cached_scores, score_here
from adt_gym.scoring.training import Epoch
from adt_gym.series import NO_PAST, ScoredSeries
from adt_gym.settings import option
from adt_gym.spreadsheet import write_csv

FILES = ("config.json", "table.csv", "curves.png")


@dataclass(frozen=True, kw_only=True)
class CompareScorersSettings(ScoringSettings):
    """Everything the comparison depends on; written to its config.json.

    Args:
        scorers: Names, as `adt_gym.scoring.make` takes them.
    """

    scorers: tuple[str, ...] = option(
        scoring.AUTOENCODERS, "--scorer", help="repeat the option; the five auto-encoders by default"
    )


@dataclass(frozen=True, kw_only=True)
class ScoreSettings(ScoringSettings):
    """What the scores that `adt score` writes depend on: the scorer's name, and the rest."""

    scorer: str = option("autoencoder", help="autoencoder, dense, lstm, isolation, pyod:NAME, ...")


def compare_scorers(settings: CompareScorersSettings, folder: Folder, every: bool = False) -> None:
    """Train scorers on the normal windows of the training part; measure each, with a static threshold, on the rest.

    Args:
        settings: What is compared.
        folder: Where table, curves and settings go.
        every: Whether all tables are printed.
    """
    scorers = settings.make(*settings.scorers) + simple_scorers(settings, settings.scorers)
    source = read(settings.source, settings.seed)
    split = cut(settings.source, source.series)
    rows, scored = [], []
    for scorer in scorers:
        started = time.perf_counter()
        scored.append(fit_and_score(scorer, split))
        seconds = time.perf_counter() - started
        rows.append(ScorerRow(evaluate_scorer(scorer.label, *scored[-1]), seconds, scorer.curve))
    (train, test), *_ = scored  # random raises as many alarms as the first scorer's threshold
    rows += map(ScorerRow, evaluate_baselines(train, test, seed=settings.seed))
    config = {"settings": asdict(settings), "source": asdict(source.summary)}
    curves = {row.report.method: row.curve for row in rows if row.curve}
    with folder.part("whole") as whole:
        (whole / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        _write(whole / "table.csv", rows)
        if curves:
            training_curves(whole / "curves.png", curves)
    folder.move_in({"whole": ""})
    console.print(*scorer_tables(rows, _title(settings, test), every), sep="")


def score(
    settings: ScoreSettings, out: Path, cache: Path, every: bool = False, scoring_of: Scoring = score_here
) -> None:
    """Train a scorer on the normal windows of the training part; write the scores of the whole series.

    Where labels are known, print what one static threshold makes of them on the rest.

    Args:
        settings: What is scored.
        out: The file, and beside it, of a network, the picture of its training.
        cache: Where scores are kept.
        every: Whether all tables are printed.
        scoring_of: How series are scored once the scorer is fitted.
    """
    window = settings.source.window
    (scorer,) = settings.make(settings.scorer, **{"double": True} if settings.scorer == "autoencoder" else {})
    source = read(settings.source, settings.seed, labelled=False)
    labelled = source.summary.anomalous is not None
    split = (cut if labelled else cut_unlabelled)(settings.source, source.series)
    started = time.perf_counter()
    whole = list(zip(parts(source.series)[1], split.pasts, strict=True))
    kept, found = cached_scores(
        cache, scorer, split.for_scorer, whole, lambda: fit(scorer, split.for_scorer, split.tested), scoring_of
    )
    seconds = time.perf_counter() - started
    # Windows that cross the cut are in neither part; where there are gaps in time, there are fewer windows than points.
    ends = [
        int(np.searchsorted(one.window_starts(window), len(first) - window, side="right")) + window - 1
        for (one, _), first in zip(whole, split.train, strict=True)
    ]
    scored = [
        replace(one, meta={**one.meta, "trained_on_points": end}, past=one.past if past is not first else NO_PAST)
        for one, end, (first, past) in zip(kept, ends, split.learned, strict=True)
    ]  # a first part that has no history is no past of itself
    with own_file(out, "score") as temporary:
        save_scored(temporary, scored)
    curve = scorer.curve
    if labelled:
        train = [one[: end - window + 1] for one, end in zip(scored, ends, strict=True)]
        test = [one[end:] for one, end in zip(scored, ends, strict=True)]
        rows = [ScorerRow(evaluate_scorer(scorer.label, train, test), seconds, curve)]
        for simple in simple_scorers(settings, [settings.scorer]):
            started = time.perf_counter()
            report = evaluate_scorer(simple.label, *cached_parts(simple, split, cache, scoring_of))
            rows.append(ScorerRow(report, time.perf_counter() - started))
        rows += map(ScorerRow, evaluate_baselines(train, test, seed=settings.seed))
        console.print(*scorer_tables(rows, _title(settings, test), every), sep="")
    else:
        console.print("no labels are known, so nothing says what the scores are worth", soft_wrap=True)
    if curve:
        with own_file(curves_beside(out), "score") as temporary:
            training_curves(temporary, {scorer.label: curve})
    if found:
        console.print(f"the scores come from the cache in {cache}", soft_wrap=True)
    console.print(f"{len(scored)} scored series, {sum(map(len, scored)):,} windows, are in {out}", soft_wrap=True)


def curves_beside(out: Path) -> Path:
    """Return where the picture of a training goes, beside the scores."""
    return out.with_suffix(".curves.png")


def simple_scorers(settings: ScoringSettings, but: Sequence[str]) -> list[scoring.Scorer]:
    """Return the scorers that any other one must be held against, without those that are there already."""
    return replace(settings, epochs=None, device=None).make(*(name for name in scoring.SIMPLE if name not in but))


def _title(settings: ScoringSettings, test: Sequence[ScoredSeries]) -> str:
    return f"{settings.source.name}: {sum(map(len, test)):,} windows that no training saw"


def _write(path: Path, rows: Sequence[ScorerRow]) -> None:
    """Write one row per method: its report and, of a scorer, the last epoch of its curves and the seconds."""
    losses = [f.name for f in fields(Epoch) if f.name != "epoch"]
    header = [*(f.name for f in fields(ScorerReport)), *losses, "seconds"]
    last = [[getattr(row.curve[-1], name) if row.curve else None for name in losses] for row in rows]
    found = ([*asdict(row.report).values(), *ends, row.seconds] for row, ends in zip(rows, last, strict=True))
    write_csv(path, header, found)
