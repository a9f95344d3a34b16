"""`adt score SOURCE`: train the scorer on the training part and write the scores of the whole series."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from adt_gym.evaluation.scorers import evaluate_scorer
from adt_gym.folders import check_file, own_file
from adt_gym.scoring.cache import cached_scores
from adt_gym.scoring.curves import training_curves
from adt_gym.scripts import source as sources
from adt_gym.scripts.compare_scorers import ScorerRow, baseline_rows, fit_with_bar, make_scorer, scorer_tables
from adt_gym.scripts.progress import console
from adt_gym.series import InputError, Series, save_scored


def score(
    source: Annotated[
        str,
        typer.Argument(help="yahoo_like, kubernetes, a .csv, .parquet or .npz file, a folder, or a name with --root"),
    ],
    out: Annotated[Path, typer.Option(help="the .npz file to write; one that adt did not write is not replaced")],
    value_columns: Annotated[list[str] | None, typer.Option(help="the metrics; repeat the option")] = None,
    time_column: str | None = None,
    label_column: str | None = None,
    key_column: str | None = None,
    windows: Annotated[str | None, typer.Option(help="anomalous windows in NAB's JSON format")] = None,
    delimiter: str | None = None,
    window: Annotated[int, typer.Option(help="points of a window (tau)")] = 10,
    train_anomalies: int = 20,
    train_until: str | None = None,
    train_share: Annotated[float | None, typer.Option(help="train on this share of each series")] = None,
    root: Annotated[str | None, typer.Option(help="the folder of a data set given by its name")] = None,
    scorer: Annotated[str, typer.Option(help="autoencoder, dense, lstm, isolation, pyod:NAME, ...")] = "autoencoder",
    scaling: Annotated[str | None, typer.Option(help="minmax, or tail; the scorer's own by default")] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; a GPU where there is one by default")] = None,
    epochs: Annotated[int, typer.Option(min=1, help="passes of the scorer's network over its windows")] = 30,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    cache: Annotated[Path, typer.Option(help="where scores are kept for the next time")] = Path("runs/cache"),
) -> None:
    """Train a scorer on the normal windows of the training part; write the scores of the whole series.

    Prints what one static threshold makes of them on the rest. With the same data and settings the scores come from
    the cache. `adt score yahoo_like --out yahoo_like.npz` makes the packaged scores again.
    """
    settings = sources.SourceSettings(
        source, tuple(value_columns or ()), time_column, label_column, key_column, windows, delimiter,
        window, train_anomalies, train_until, train_share, root,
    )  # fmt: skip
    if out.suffix != ".npz":
        raise InputError(f"{out}: scored series are kept in .npz files; give the file that ending")
    picture = out.with_suffix(".curves.png")
    for path in (out, picture):
        check_file(path)
    split = sources.split(settings, sources.load(settings, seed))
    double = {"double": True} if scorer == "autoencoder" else {}
    made = make_scorer(scorer, epochs=epochs, device=device, window=window, scaling=scaling, seed=seed, **double)
    started = time.perf_counter()
    whole = [joined(first, second) for first, second in zip(split.train, split.test, strict=True)]
    kept, found = cached_scores(
        cache, made, split.for_scorer, whole, lambda: fit_with_bar(made, split.for_scorer, split.test)
    )
    seconds = time.perf_counter() - started
    cuts = [len(first) for first in split.train]
    scored = [replace(one, meta={**one.meta, "trained_on_points": cut}) for one, cut in zip(kept, cuts, strict=True)]
    with own_file(out, "score") as temporary:
        save_scored(temporary, scored)
    train = [one[: cut - window + 1] for one, cut in zip(scored, cuts, strict=True)]
    test = [one[cut:] for one, cut in zip(scored, cuts, strict=True)]
    curve = getattr(made, "curve", [])
    rows = [ScorerRow(evaluate_scorer(made.label, train, test), seconds, curve), *baseline_rows(test)]
    for table in scorer_tables(rows, f"{settings.name}: {sum(map(len, test)):,} windows that no training saw"):
        console.print(table)
    if curve:
        with own_file(picture, "score") as temporary:
            training_curves(temporary, {made.label: curve})
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
