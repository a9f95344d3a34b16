"""`adt score SOURCE`: train the scorer on the training part and write the scores of the whole series."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from adt_gym.scoring.autoencoder import AutoEncoder
from adt_gym.scripts import source as sources
from adt_gym.scripts.progress import bar, console
from adt_gym.series import Series, save_scored


def score(
    source: Annotated[
        str,
        typer.Argument(help="yahoo_like, kubernetes, a .csv, .parquet or .npz file, a folder, or a name with --root"),
    ],
    out: Annotated[Path, typer.Option(help="the .npz file to write")],
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
    epochs: int = 30,
    seed: int = 0,
) -> None:
    """Train the auto-encoder on the normal windows of the training part; write the scores of the whole series.

    `adt score yahoo_like --out adt_gym/data/yahoo_like.npz` makes the packaged scores again.
    """
    settings = sources.SourceSettings(
        source, tuple(value_columns or ()), time_column, label_column, key_column, windows, delimiter,
        window, train_anomalies, train_until, train_share, root,
    )  # fmt: skip
    series = sources.load(settings)
    scorer = AutoEncoder(window=window, epochs=epochs, seed=seed, double=True)
    train = sources.split(settings, series).train
    train_scorer(scorer, train)
    scored = [
        replace(one, meta={**one.meta, "trained_on_points": len(part)})
        for one, part in zip(map(scorer.score, series), train, strict=True)
    ]
    save_scored(out, scored)
    console.print(f"{len(scored)} scored series, {sum(map(len, scored)):,} windows, are in {out}")


def train_scorer(scorer: AutoEncoder, train: list[Series]) -> None:
    """Fit the scorer under a progress bar."""
    with bar("scorer", scorer.settings.epochs) as advance:
        scorer.fit(train, lambda epoch: advance(f"loss {epoch.training:.5f}"))
