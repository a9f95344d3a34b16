"""One method on one source, labelled or not: what it flags, `adt run --method`."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from adt_gym import thresholds
from adt_gym.evaluation.compare import columns, measure
from adt_gym.evaluation.detections import save_detections
from adt_gym.evaluation.split import Split, cut, cut_unlabelled
from adt_gym.experiments.run import RunSettings
from adt_gym.experiments.scores import cached_parts, read
from adt_gym.experiments.servers import SCALING
from adt_gym.experiments.versions import versions
from adt_gym.folders import Folder
from adt_gym.metrics.events import runs
from adt_gym.report.progress import console
from adt_gym.report.tables import new_table, table
from adt_gym.scored_files import save_scored
from adt_gym.series import Detection, InputError, ScoredSeries
from adt_gym.spreadsheet import write_csv

FILES = ("config.json", "scores-test.npz", "detections.npz", "alarms.csv", "table.csv")
COLUMNS = ("series", "first", "last", "windows", "highest score")
SHOWN = 20
"""Alarms that are printed, the strongest."""


def flag(settings: RunSettings, folder: Folder, cache: Path) -> None:
    """Score a source, let one method judge what follows on its past, and say what it flags; no label is told to it.

    Scores are scaled by "tail" unless another scaling is asked for, as those that `pretrained` learned on. Where there
    are labels the method is measured by them, and one that learns from labelled series learns on the part before.

    Args:
        settings: What is run.
        folder: Where the files go.
        cache: Where scores are kept.

    Raises:
        FileNotFoundError: If a path leads nowhere.
        InputError: If the source cannot be read, or the method needs labels that there are not.
    """
    entry = thresholds.registry[settings.method]
    method = thresholds.registry.make_for(settings.method, feedback="none", seed=settings.seed)
    (scorer,) = replace(settings, scaling=settings.scaling or SCALING).make(settings.scorer)
    source = read(settings.source, settings.seed, labelled=False)
    labelled = source.summary.anomalous is not None
    if not labelled and thresholds.NEEDS in entry.tags:
        blind = thresholds.names(thresholds.PAST, without=[thresholds.NEEDS])
        raise InputError(
            f"{settings.method} learns from labelled series, and {source.summary.source} has no labels; give some "
            f"(label_column=), or take a method that needs none: {', '.join(blind)}"
        )
    split: Split = (cut if labelled else cut_unlabelled)(settings.source, source.series)
    train, test = cached_parts(scorer, split, cache)
    method.fit(train)
    detections = [method.detect(one) for one in test]
    alarms = list(alarms_of(test, detections))
    with folder.writing("alarms.csv") as temporary:
        write_csv(temporary, list(COLUMNS), alarms)
    with folder.writing("scores-test.npz") as temporary:
        save_scored(temporary, test)
    with folder.writing("detections.npz") as temporary:
        save_detections(temporary, {method.name: detections})
    with folder.writing("config.json") as temporary:
        config = {"settings": asdict(settings), "source": asdict(source.summary), **versions()}
        temporary.write_text(json.dumps(config, indent=2) + "\n")
    if labelled:
        row = measure(method.name, method.sees_labels, detections, test, deadline=settings.deadline)
        with folder.writing("table.csv") as temporary:
            write_csv(temporary, columns(), [[row.cells[one] for one in columns()]])
        console.print(table([row.measures], f"{settings.source.name}: no label was told", settings.deadline))
    show(method.name, alarms, detections)


def alarms_of(test: Sequence[ScoredSeries], detections: Sequence[Detection]) -> Iterator[list[str]]:
    """Yield a row of ``COLUMNS`` for each run of flagged windows: times where they are known, else windows from 0."""
    for series, detection in zip(test, detections, strict=True):
        for start, stop in zip(*runs(detection.decisions), strict=True):
            ends = (start, stop - 1) if series.index is None else series.index[[start, stop - 1]]
            highest = float(series.scores[start:stop].max())
            yield [series.name, *map(str, ends), str(stop - start), f"{highest:.6g}"]


def show(method: str, alarms: Sequence[Sequence[str]], detections: Sequence[Detection]) -> None:
    """Print how much was flagged, and the alarms with the highest scores."""
    flagged, windows = (sum(int(f(one.decisions)) for one in detections) for f in (np.sum, len))
    what = f"{method} would have flagged {flagged:,} of {windows:,} windows, in {len(alarms):,} alarms"
    console.print(what, markup=False, soft_wrap=True)
    strongest = sorted(alarms, key=lambda one: -float(one[-1]))[:SHOWN]
    if alarms:
        note = "" if len(alarms) <= SHOWN else f"the {SHOWN} with the highest scores; all are in alarms.csv"
        console.print(new_table(COLUMNS, strongest, "Alarms", note))
