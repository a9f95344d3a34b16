"""`adt score SOURCE`: train the scorer on the training part and write the scores of the whole series."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from adt_gym.evaluation.scorers import evaluate_scorer
from adt_gym.scoring.cache import cached_scores
from adt_gym.scoring.curves import training_curves
from adt_gym.scripts import cutting
from adt_gym.scripts import source as sources
from adt_gym.scripts.compare_scorers import ScorerRow, baseline_rows, fit_with_bar, make_scorer, scorer_tables
from adt_gym.scripts.options import takes
from adt_gym.scripts.progress import console
from adt_gym.series import InputError, Series, save_scored


@takes(sources.SourceSettings, "source")
def score(
    source: sources.SourceSettings,
    out: Annotated[Path, typer.Option(help="the .npz file to write")],
    scorer: Annotated[str, typer.Option(help="autoencoder, dense, lstm, isolation, pyod:NAME, ...")] = "autoencoder",
    scaling: Annotated[str | None, typer.Option(help="minmax, or tail; the scorer's own by default")] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; a GPU where there is one by default")] = None,
    epochs: Annotated[int, typer.Option(min=1, help="passes of the scorer's network over its windows")] = 30,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    cache: Annotated[Path, typer.Option(help="where scores are kept for the next time")] = Path("runs/cache"),
) -> None:
    """Train a scorer on the normal windows of the training part; write the scores of the whole series.

    Prints what one static threshold makes of them on the rest. With the same data and settings the scores come from
    the cache. `adt score yahoo_like --out adt_gym/data/yahoo_like.npz` makes the packaged scores again.
    """
    if out.suffix != ".npz":
        raise InputError(f"{out}: scored series are kept in .npz files; give the file that ending")
    window = source.window
    series = sources.load(source, seed).series
    split, whole_split = cutting.split(source, series), cutting.split_in_time(source, series)
    double = {"double": True} if scorer == "autoencoder" else {}
    made = make_scorer(scorer, epochs=epochs, device=device, window=window, scaling=scaling, seed=seed, **double)
    started = time.perf_counter()
    pairs = list(zip(whole_split.train, whole_split.test, strict=True))
    scoring = [cutting.InPieces.of(joined(first, second), source) for first, second in pairs]
    kept, found = cached_scores(
        cache,
        made,
        split.for_scorer,
        [one for each in scoring for one in each.pieces],
        lambda: fit_with_bar(made, split.for_scorer, split.test),
    )
    seconds = time.perf_counter() - started
    cuts = [each.first_window(len(first)) for each, (first, _) in zip(scoring, pairs, strict=True)]
    rest = iter(kept)
    wholes = [each.joined([next(rest) for _ in each.pieces]) for each in scoring]
    scored = [replace(one, meta={**one.meta, "trained_on_points": cut}) for one, cut in zip(wholes, cuts, strict=True)]
    save_scored(out, scored)
    train = [one[: cut - window + 1] for one, cut in zip(scored, cuts, strict=True)]
    test = [one[cut:] for one, cut in zip(scored, cuts, strict=True)]
    curve = getattr(made, "curve", [])
    rows = [ScorerRow(evaluate_scorer(made.label, train, test), seconds, curve), *baseline_rows(test)]
    for table in scorer_tables(rows, f"{source.name}: {sum(map(len, test)):,} windows that no training saw"):
        console.print(table)
    if curve:
        training_curves(out.with_suffix(".curves.png"), {made.label: curve})
    if found:
        console.print(f"the scores come from the cache in {cache}", soft_wrap=True)
    console.print(f"{len(scored)} scored series, {sum(map(len, scored)):,} windows, are in {out}", soft_wrap=True)


def joined(first: Series, second: Series) -> Series:
    """Put the two parts of a series together again."""
    return Series(
        np.concatenate([first.values, second.values]),
        None if first.labels is None or second.labels is None else np.concatenate([first.labels, second.labels]),
        first.name,
        None if first.index is None or second.index is None else np.concatenate([first.index, second.index]),
        first.columns,
    )
