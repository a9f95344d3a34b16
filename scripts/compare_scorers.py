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
from adt_gym.data.sources import SourceSettings
from adt_gym.evaluation.scorers import ScorerReport, evaluate_baselines, evaluate_scorer
from adt_gym.evaluation.split import Split, cut
from adt_gym.folders import Folder, own_folder
from adt_gym.metrics.composite import DEADLINE
from adt_gym.report.curves import PARTS, training_curves
from adt_gym.report.progress import bar, console
from adt_gym.report.tables import COMPOSITE, TEXT, caption_of, composite_note, new_table, number, reasons_note, yes_no
from adt_gym.scoring.cache import cached_scores
from adt_gym.scoring.ensemble import Ensemble
from adt_gym.scoring.torch_scorer import TorchScorer
from adt_gym.scoring.training import Epoch
from adt_gym.scripts import options
from adt_gym.scripts.options import takes
from adt_gym.scripts.source import read
from adt_gym.series import ScoredSeries, Series
from adt_gym.spreadsheet import write_csv


@dataclass(frozen=True)
class CompareScorersSettings:
    """Everything the comparison depends on; written to its config.json.

    Args:
        source: The series and how they are cut.
        scorers: Names, as `adt_gym.scoring.make` takes them.
        scaling: "quantile", "minmax" or "tail"; None for each scorer's own.
        epochs: Of the scorers with a network.
        seed: Of everything that is drawn.
        device: Of the scorers with a network; None for a GPU where there is one.
    """

    source: SourceSettings
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


@takes
def compare_scorers(
    source: SourceSettings,
    scorer: Annotated[
        list[str] | None, typer.Option(help="repeat the option; the five auto-encoders by default")
    ] = None,
    scaling: Annotated[str | None, typer.Option(help="quantile, minmax or tail; each scorer's own by default")] = None,
    epochs: Annotated[int, options.whole("passes of the networks over their windows")] = 30,
    seed: Annotated[int, options.seed()] = 0,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; a GPU where there is one by default")] = None,
    out: Annotated[Path | None, typer.Option(help="folder of the results; runs/NAME-scorers by default")] = None,
    every: Annotated[bool, typer.Option("--all", help="print all tables, not only the leading one")] = False,
) -> None:
    """Train scorers on the normal windows of the training part; measure each, with a static threshold, on the rest."""
    settings = CompareScorersSettings(
        source, tuple(scorer or scoring.AUTOENCODERS), scaling, epochs, seed, device,
    )  # fmt: skip
    folder = out or Path("runs") / f"{settings.source.name}-scorers"
    names, about = ("config.json", "table.csv", "curves.png"), settings.source.about
    with own_folder(folder, "compare-scorers", names, about, given=out is not None) as own:
        _compare(settings, own, every)
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
    if isinstance(made, Ensemble):
        networks = [one for one in made.settings.members if isinstance(scoring.make(one), TorchScorer)]
        return scoring.make(name, device=device, options={one: {"epochs": epochs} for one in networks}, **settings)
    return made


def _compare(settings: CompareScorersSettings, folder: Folder, every: bool) -> None:
    source = read(settings.source, settings.seed)
    split = cut(settings.source, source.series)
    rows, scored = [], []
    for name in (*settings.scorers, *(one for one in scoring.SIMPLE if one not in settings.scorers)):
        made = make_scorer(
            name,
            epochs=settings.epochs,
            device=settings.device,
            window=settings.source.window,
            scaling=settings.scaling,
            seed=settings.seed,
        )
        started = time.perf_counter()
        parts = fit_and_score(made, split)
        seconds = time.perf_counter() - started
        rows.append(ScorerRow(evaluate_scorer(made.label, *parts), seconds, getattr(made, "curve", [])))
        scored.append(parts)
    (train, test), *_ = scored  # random raises as many alarms as the first scorer's threshold
    rows += baseline_rows(train, test, settings.seed)
    config = {"settings": asdict(settings), "source": asdict(source.summary)}
    curves = {row.report.method: row.curve for row in rows if row.curve}
    with folder.part("whole") as whole:
        (whole / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        _write(whole / "table.csv", rows)
        if curves:
            training_curves(whole / "curves.png", curves)
    folder.move_in({"whole": ""})
    title = f"{settings.source.name}: {sum(map(len, test)):,} windows that no training saw"
    for table in scorer_tables(rows, title, every):
        console.print(table)


def baseline_rows(train: Sequence[ScoredSeries], test: Sequence[ScoredSeries], seed: int) -> list[ScorerRow]:
    """Return the rows that stand in every table."""
    return [ScorerRow(one) for one in evaluate_baselines(train, test, seed=seed)]


def fit_and_score(scorer: scoring.Scorer, split: Split) -> tuple[list[ScoredSeries], list[ScoredSeries]]:
    """Fit the scorer and return the scores of the training part and of the test part."""
    fit_with_bar(scorer, split.for_scorer, split.tested)
    train, test = ([scorer.score(one, past) for one, past in part] for part in (split.learned, split.tested))
    return train, test


def cached_parts(scorer: scoring.Scorer, split: Split, cache: Path) -> tuple[list[ScoredSeries], list[ScoredSeries]]:
    """Return the scores of the training part and of the test part, from the cache where they are there."""
    tested = split.tested
    scored, _ = cached_scores(
        cache, scorer, split.for_scorer, [*split.learned, *tested],
        lambda: fit_with_bar(scorer, split.for_scorer, tested),
    )  # fmt: skip
    return scored[: len(split.train)], scored[len(split.train) :]


def simple_rows(split: Split, window: int, scaling: str | None, seed: int, cache: Path) -> list[ScorerRow]:
    """Return the rows of the scorers that any other one must be held against."""
    rows = []
    for name in scoring.SIMPLE:
        made = make_scorer(name, epochs=1, device=None, window=window, scaling=scaling, seed=seed)
        started = time.perf_counter()
        parts = cached_parts(made, split, cache)
        rows.append(ScorerRow(evaluate_scorer(made.label, *parts), time.perf_counter() - started))
    return rows


def fit_with_bar(
    scorer: scoring.Scorer, train: list[Series], test: Sequence[tuple[Series, Series | None]] = ()
) -> None:
    """Fit the scorer; one with a network under a progress bar, with its error on ``test`` in the curves."""
    if isinstance(scorer, TorchScorer):
        with bar(scorer.label, scorer.settings.epochs) as advance:
            scorer.fit(train, lambda epoch: advance(f"loss {epoch.training:.5f}"), test)
    else:
        with console.status(f"fitting {scorer.label}"):
            scorer.fit(train)


def scorer_tables(rows: Sequence[ScorerRow], title: str, every: bool = False) -> list[Table]:
    """Return what the static rule makes of the scores; if asked for all, counts and the ends of the curves too."""
    tables = [_rule_table(rows, title)]
    if every:
        tables.append(_counts_table(rows))
        tables += [_curves_table(rows)] if any(row.curve for row in rows) else []
    return tables


def _rule_table(rows: Sequence[ScorerRow], title: str) -> Table:
    columns = (*TEXT, COMPOSITE, "F1", "P", "R", "false\na day", "delay", "AUROC", "threshold", "accuracy")
    caption = caption_of(
        "a scorer's row: one static threshold, chosen on the training part; over windows",
        composite_note(DEADLINE),
        reasons_note(row.report for row in rows),
    )
    cells = [
        (
            one.method,
            yes_no(one.saw_labels),
            *map(number, (one.composite_f1, one.f1, one.precision, one.recall)),
            number(one.false_alarms_per_day, 2),
            number(one.delay_median, 0),
            *map(number, (one.auroc, one.threshold, one.accuracy)),
        )
        for one in (row.report for row in rows)
    ]
    return new_table(columns, cells, title, caption)


def _counts_table(rows: Sequence[ScorerRow]) -> Table:
    cells = [
        (
            one.method,
            *(f"{count:,}" for count in (one.tp, one.fp, one.fn, one.tn)),
            *map(number, (one.macro_precision, one.macro_recall, one.macro_f1)),
            number(row.seconds, 1),
        )
        for row in rows
        for one in (row.report,)
    ]
    columns = ("method", "TP", "FP", "FN", "TN", "macro P", "macro R", "macro F1", "seconds")
    return new_table(columns, cells, "counts of windows, and means of both classes")


def _curves_table(rows: Sequence[ScorerRow]) -> Table:
    cells = [
        (
            row.report.method,
            *(number(getattr(row.curve[-1], part), 5) for part in PARTS),
            *(number(getattr(row.curve[-1], f"{part}_r2")) for part in PARTS),
        )
        for row in rows
        if row.curve
    ]
    return new_table(
        ("method", *(f"{part}\n{what}" for what in ("MSE", "R2") for part in PARTS)), cells, "the last epoch"
    )


def _write(path: Path, rows: Sequence[ScorerRow]) -> None:
    """Write one row per method: its report and, of a scorer, the last epoch of its curves and the seconds."""
    losses = [f.name for f in fields(Epoch) if f.name != "epoch"]
    header = [*(f.name for f in fields(ScorerReport)), *losses, "seconds"]
    last = [[getattr(row.curve[-1], name) if row.curve else None for name in losses] for row in rows]
    found = ([*asdict(row.report).values(), *ends, row.seconds] for row, ends in zip(rows, last, strict=True))
    write_csv(path, header, found)
