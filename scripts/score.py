"""`adt score SOURCE`: train the scorer on the training part and write the scores of the whole series."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from adt_gym.data.sources import SourceSettings
from adt_gym.evaluation.scorers import evaluate_scorer
from adt_gym.evaluation.split import cut, parts
from adt_gym.folders import check_file, own_file
from adt_gym.report.curves import training_curves
from adt_gym.report.progress import console
from adt_gym.scored_files import save_scored
from adt_gym.scoring.cache import cached_scores
from adt_gym.scripts import options
from adt_gym.scripts.compare_scorers import (
    ScorerRow,
    baseline_rows,
    fit_with_bar,
    make_scorer,
    scorer_tables,
    simple_rows,
)
from adt_gym.scripts.options import takes
from adt_gym.scripts.source import read
from adt_gym.series import NO_PAST, InputError


@takes
def score(
    source: SourceSettings,
    out: Annotated[Path, typer.Option(help="the .npz file to write; one that adt did not write is not replaced")],
    scorer: Annotated[str, typer.Option(help="autoencoder, dense, lstm, isolation, pyod:NAME, ...")] = "autoencoder",
    scaling: Annotated[str | None, typer.Option(help="quantile, minmax or tail; the scorer's own by default")] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; a GPU where there is one by default")] = None,
    epochs: Annotated[int, options.whole("passes of the scorer's network over its windows")] = 30,
    seed: Annotated[int, options.seed()] = 0,
    cache: Annotated[Path, typer.Option(help="where scores are kept for the next time")] = Path("runs/cache"),
    every: Annotated[bool, typer.Option("--all", help="print all tables, not only the leading one")] = False,
) -> None:
    """Train a scorer on the normal windows of the training part; write the scores of the whole series.

    Prints what one static threshold makes of them on the rest. With the same data and settings the scores come from
    the cache. `adt score yahoo_like --out yahoo_like.npz` makes the packaged scores again.
    """
    if out.suffix != ".npz":
        raise InputError(f"{out}: scored series are kept in .npz files; give the file that ending")
    picture = out.with_suffix(".curves.png")
    for path in (out, picture):
        check_file(path, "score")
    window = source.window
    series = read(source, seed).series
    split = cut(source, series)
    double = {"double": True} if scorer == "autoencoder" else {}
    made = make_scorer(scorer, epochs=epochs, device=device, window=window, scaling=scaling, seed=seed, **double)
    started = time.perf_counter()
    whole = list(zip(parts(series)[1], split.pasts, strict=True))
    kept, found = cached_scores(
        cache, made, split.for_scorer, whole, lambda: fit_with_bar(made, split.for_scorer, split.tested)
    )
    seconds = time.perf_counter() - started
    # Windows that cross the cut are in neither part; where there are gaps in time, there are fewer windows than points.
    cuts = [
        int(np.searchsorted(one.window_starts(window), len(first) - window, side="right")) + window - 1
        for (one, _), first in zip(whole, split.train, strict=True)
    ]
    scored = [
        replace(one, meta={**one.meta, "trained_on_points": cut}, past=one.past if past is not first else NO_PAST)
        for one, cut, (first, past) in zip(kept, cuts, split.learned, strict=True)
    ]  # a first part that has no history is no past of itself
    with own_file(out, "score") as temporary:
        save_scored(temporary, scored)
    train = [one[: cut - window + 1] for one, cut in zip(scored, cuts, strict=True)]
    test = [one[cut:] for one, cut in zip(scored, cuts, strict=True)]
    curve = getattr(made, "curve", [])
    rows = [ScorerRow(evaluate_scorer(made.label, train, test), seconds, curve)]
    rows += [one for one in simple_rows(split, window, scaling, seed, cache) if one.report.method != made.label]
    rows += baseline_rows(train, test, seed)
    for table in scorer_tables(rows, f"{source.name}: {sum(map(len, test)):,} windows that no training saw", every):
        console.print(table)
    if curve:
        with own_file(picture, "score") as temporary:
            training_curves(temporary, {made.label: curve})
    if found:
        console.print(f"the scores come from the cache in {cache}", soft_wrap=True)
    console.print(f"{len(scored)} scored series, {sum(map(len, scored)):,} windows, are in {out}", soft_wrap=True)
