"""`adt compare-scorers SOURCE`: auto-encoders, or any scorers, side by side under one static threshold each."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from adt_gym import scoring
from adt_gym.evaluation.scorers import ScorerReport, evaluate_baselines, evaluate_scorer
from adt_gym.evaluation.split import Split
from adt_gym.folders import Folder, own_folder
from adt_gym.scoring.curves import PARTS, training_curves
from adt_gym.scoring.torch_scorer import TorchScorer
from adt_gym.scoring.training import Epoch
from adt_gym.scripts import source as sources
from adt_gym.scripts.progress import bar, console
from adt_gym.scripts.tables import TEXT, new_table, number, yes_no
from adt_gym.series import ScoredSeries, Series
from adt_gym.spreadsheet import write_csv


@dataclass(frozen=True)
class CompareScorersSettings:
    """Everything the comparison depends on; written to its config.json.

    Args:
        source: The series and how they are cut.
        scorers: Names, as `adt_gym.scoring.make` takes them.
        scaling: "minmax" or "tail"; None for each scorer's own.
        epochs: Of the scorers with a network.
        seed: Of everything that is drawn.
        device: Of the scorers with a network; None for a GPU where there is one.
    """

    source: sources.SourceSettings
    scorers: tuple[str, ...]
    scaling: str | None
    epochs: int
    seed: int
    device: str | None


@dataclass(frozen=True)
class ScorerRow:
    """The report of a scorer, the time it took and the curves of its training, or that of a baseline."""

    report: ScorerReport
    seconds: float | None = None
    curve: list[Epoch] = field(default_factory=list)


def compare_scorers(
    source: Annotated[
        str,
        typer.Argument(help="yahoo_like, kubernetes, a .csv, .parquet or .npz file, a folder, or a name with --root"),
    ],
    scorer: Annotated[
        list[str] | None, typer.Option(help="repeat the option; the five auto-encoders by default")
    ] = None,
    value_columns: Annotated[list[str] | None, typer.Option(help="the metrics; repeat the option")] = None,
    time_column: str | None = None,
    label_column: Annotated[str | None, typer.Option(help="1 or true where anomalous")] = None,
    key_column: Annotated[str | None, typer.Option(help="tells several series in one file apart")] = None,
    windows: Annotated[str | None, typer.Option(help="anomalous windows in NAB's JSON format")] = None,
    delimiter: str | None = None,
    window: Annotated[int, typer.Option(help="points of a window (tau)")] = 10,
    train_anomalies: Annotated[
        int, typer.Option(help="one series: train on the shortest prefix with so many anomalous windows")
    ] = 20,
    train_until: Annotated[str | None, typer.Option(help="one series: train up to this time or row instead")] = None,
    train_share: Annotated[float | None, typer.Option(help="train on this share of each series")] = None,
    root: Annotated[str | None, typer.Option(help="the folder of a data set given by its name")] = None,
    scaling: Annotated[str | None, typer.Option(help="minmax, or tail; each scorer's own by default")] = None,
    epochs: Annotated[int, typer.Option(help="passes of the networks over their windows")] = 30,
    seed: int = 0,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; a GPU where there is one by default")] = None,
    out: Annotated[Path | None, typer.Option(help="folder of the results; runs/NAME-scorers by default")] = None,
) -> None:
    """Train scorers on the normal windows of the training part; measure each, with a static threshold, on the rest."""
    settings = CompareScorersSettings(
        sources.SourceSettings(
            source, tuple(value_columns or ()), time_column, label_column, key_column, windows, delimiter,
            window, train_anomalies, train_until, train_share, root,
        ),
        tuple(scorer or scoring.AUTOENCODERS), scaling, epochs, seed, device,
    )  # fmt: skip
    folder = out or Path("runs") / f"{settings.source.name}-scorers"
    names, about = ("config.json", "table.csv", "curves.png"), sources.source_of(settings.source)
    with own_folder(folder, "compare-scorers", names, about, given=out is not None) as own:
        _compare(settings, own)
    console.print(f"table and curves are in {folder}", soft_wrap=True)


def make_scorer(name: str, *, epochs: int, device: str | None, scaling: str | None, **settings: Any) -> scoring.Scorer:
    """Return the scorer of that name; epochs and device only reach one with a network, or an ensemble's.

    Without a scaling it is the scorer's own: "tail" for an ensemble, whose members it makes comparable.

    Raises:
        InputError: If there is no such name or it does not take such a setting.
    """
    if scaling is not None:
        settings["scaling"] = scaling
    made = scoring.make(name, **settings)
    if isinstance(made, TorchScorer):
        return scoring.make(name, epochs=epochs, device=device, **settings)
    if name == "ensemble":
        return scoring.make(name, device=device, **settings)
    return made


def _compare(settings: CompareScorersSettings, folder: Folder) -> None:
    split = sources.split(settings.source, sources.load(settings.source, settings.seed))
    rows = []
    for name in settings.scorers:
        made = make_scorer(
            name,
            epochs=settings.epochs,
            device=settings.device,
            window=settings.source.window,
            scaling=settings.scaling,
            seed=settings.seed,
        )
        started = time.perf_counter()
        train, test = fit_and_score(made, split)
        seconds = time.perf_counter() - started
        rows.append(ScorerRow(evaluate_scorer(made.label, train, test), seconds, getattr(made, "curve", [])))
    rows += baseline_rows(test)
    curves = {row.report.method: row.curve for row in rows if row.curve}
    with folder.part("whole") as whole:
        (whole / "config.json").write_text(json.dumps({"settings": asdict(settings)}, indent=2) + "\n")
        _write(whole / "table.csv", rows)
        if curves:
            training_curves(whole / "curves.png", curves)
    folder.move_in({"whole": ""})
    title = f"{settings.source.name}: {sum(map(len, test)):,} windows that no training saw"
    for table in scorer_tables(rows, title):
        console.print(table)


def baseline_rows(test: Sequence[ScoredSeries]) -> list[ScorerRow]:
    """Return the rows that stand in every table."""
    return [ScorerRow(one) for one in evaluate_baselines(test)]


def fit_and_score(scorer: scoring.Scorer, split: Split) -> tuple[list[ScoredSeries], list[ScoredSeries]]:
    """Fit the scorer and return the scores of the training part and of the test part."""
    fit_with_bar(scorer, split.for_scorer, split.test)
    return [scorer.score(one) for one in split.train], [scorer.score(one) for one in split.test]


def fit_with_bar(scorer: scoring.Scorer, train: list[Series], test: Sequence[Series] = ()) -> None:
    """Fit the scorer; one with a network under a progress bar, with its error on ``test`` in the curves."""
    if isinstance(scorer, TorchScorer):
        with bar(scorer.label, scorer.settings.epochs) as advance:
            scorer.fit(train, lambda epoch: advance(f"loss {epoch.training:.5f}"), test)
    else:
        with console.status(f"fitting {scorer.label}"):
            scorer.fit(train)


def scorer_tables(rows: Sequence[ScorerRow], title: str) -> list[Table]:
    """Return what the static rule makes of the scores and, where there are any, the ends of the curves, to print."""
    caption = "a scorer's row: one static threshold, chosen on the training part; over windows"
    columns = (*TEXT, "AUROC", "threshold", "accuracy", "P", "R", "F1", "macro F1")
    rule = new_table(columns, title, caption)
    counts = new_table(("method", "TP", "FP", "FN", "TN", "macro P", "macro R", "seconds"))
    curves = new_table(("method", *(f"{part} {what}" for what in ("MSE", "R2") for part in PARTS)), "the last epoch")
    for row in rows:
        one = row.report
        numbers = (one.auroc, one.threshold, one.accuracy, one.precision, one.recall, one.f1, one.macro_f1)
        rule.add_row(one.method, yes_no(one.saw_labels), *map(number, numbers))
        found = [f"{n:,}" for n in (one.tp, one.fp, one.fn, one.tn)]
        macro = [number(one.macro_precision), number(one.macro_recall)]
        counts.add_row(one.method, *found, *macro, number(row.seconds, 1))
        if row.curve:
            last = row.curve[-1]
            errors = [number(getattr(last, part), 5) for part in PARTS]
            curves.add_row(one.method, *errors, *(number(getattr(last, f"{part}_r2")) for part in PARTS))
    return [rule, counts, *([curves] if curves.row_count else [])]


def _write(path: Path, rows: Sequence[ScorerRow]) -> None:
    """Write one row per method: its report and, of a scorer, the last epoch of its curves and the seconds."""
    losses = [f.name for f in fields(Epoch) if f.name != "epoch"]
    header = [*(f.name for f in fields(ScorerReport)), *losses, "seconds"]
    last = [[getattr(row.curve[-1], name) if row.curve else None for name in losses] for row in rows]
    found = ([*asdict(row.report).values(), *ends, row.seconds] for row, ends in zip(rows, last, strict=True))
    write_csv(path, header, found)
