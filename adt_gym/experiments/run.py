"""The whole road, from a source to a table of methods: `adt run`."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from adt_gym import thresholds
from adt_gym.data.kubernetes import kubernetes_kinds
from adt_gym.data.sources import Source, Summary
from adt_gym.evaluation.compare import (
    Measures,
    Row,
    baselines,
    check_names,
    compare,
    measure,
    where_possible,
    write_table,
)
from adt_gym.evaluation.detections import load_detections, save_detections
from adt_gym.evaluation.scorers import shares_found
from adt_gym.evaluation.split import Split, choose_labelled, cut, for_agent
from adt_gym.experiments.agent import AgentSettings, train_agent
from adt_gym.experiments.cells import Outcome, run_cells
from adt_gym.experiments.scores import Parts, ScoringSettings, cached_parts, fit_and_score, read
from adt_gym.experiments.versions import versions
from adt_gym.folders import Folder
from adt_gym.metrics.composite import DEADLINE
from adt_gym.report import plots
from adt_gym.report.progress import console
from adt_gym.report.tables import copying, further_tables, kinds_table, seeds_table, table
from adt_gym.scored_files import save_scored
from adt_gym.scoring import Scorer
from adt_gym.scoring.autoencoder import AutoEncoder
from adt_gym.scoring.ensemble import Ensemble
from adt_gym.series import ScoredSeries, Series
from adt_gym.settings import MAX_SEEDS, count, deadline, option, share
from adt_gym.spreadsheet import read_csv, write_csv
from adt_gym.thresholds.pythresh import FAST_PYTHRESH

FILES = (
    "config.json",
    "scorer.npz",
    "scores-train.npz",
    "scores-test.npz",
    "policy.npz",
    "training.csv",
    "table.csv",
    "detections.npz",
    "detections.png",
)
"""What a seed may leave."""


@dataclass(frozen=True, kw_only=True)
class RunSettings(ScoringSettings, AgentSettings):
    """Everything a run depends on; written to its config.json.

    Args:
        scorer: See `adt_gym.scoring.make`.
        labelled_windows: About how many windows of the training part the agent learns on; of many series the other
            methods learn on the same.
        episodes, learning_rate, gamma: Of the agent's training.
        pythresh: Whether all fast PyThresh methods get a row.
        vus: Whether the VUS is measured.
        seeds: How many seeds are run, from ``seed`` on.
        deadline: Of the composite F1, in windows.
        method: A registered method that alone judges, see `adt_gym.experiments.flagged`; empty for the whole road.
    """

    scorer: str = option("autoencoder", help="autoencoder, isolation, ensemble, pyod:NAME, ...")
    labelled_windows: int = count(1000, "windows of the training part that the agent learns on")
    episodes: int = count(5000, "of the agent's training")
    learning_rate: float = share(1e-3, "ten times the authors', who train ten times as long", within=True)
    gamma: float = share(0.9, "the authors' 0.99 needs more episodes to settle")
    pythresh: bool = option(False, help="a row for every fast PyThresh method too")
    vus: bool = option(False, help="measure the VUS too; takes minutes for many series")
    seeds: int = count(1, "run so many seeds, from --seed on, and print their mean", most=MAX_SEEDS)
    deadline: int = deadline(DEADLINE)
    method: str = option("", help="let this method alone judge, untold: pretrained, dspot, ...; needs no labels")

    @property
    def places(self) -> dict[int, str]:
        """Where in the run's folder each seed's files are: those of the first in the folder itself."""
        return {seed: f"seed-{seed}" if seed > self.seed else "" for seed in range(self.seed, self.seed + self.seeds)}

    @property
    def names(self) -> list[str]:
        """All files that the run may leave in its folder."""
        return ["seeds.csv", *((Path(place) / name).as_posix() for place in self.places.values() for name in FILES)]


@dataclass(frozen=True)
class Cell:
    """One seed: its settings, its source, and where scores are kept."""

    settings: RunSettings
    source: Source
    cache: Path = field(compare=False)

    def __str__(self) -> str:
        return f"seed {self.settings.seed}"


@dataclass(frozen=True)
class Measured:
    """What one seed came to, beside its files.

    Args:
        rows: One per method.
        kinds: By method, which share of each kind of anomaly it finds; empty where kinds are unknown.
    """

    rows: list[Measures]
    kinds: dict[str, dict[str, float]]


def run(settings: RunSettings, folder: Folder, cache: Path, every: bool = False) -> None:
    """Run every seed that was not finished before, print the first and the mean, and move all into the folder.

    Args:
        settings: What is run.
        folder: Where the files go.
        cache: Where scores are kept.
        every: Whether all tables are printed.
    """
    settings.make(settings.scorer)  # refuses what cannot be, or lacks a library, before anything is read
    list(rules(settings))
    check_names(thresholds.names(without=[thresholds.MACHINES]), ["adt"], seed=settings.seed)
    done: list[tuple[Outcome[Measured], Measured]] = []
    source = read(settings.source, settings.seed)
    summary = source.summary
    for seed in settings.places:
        if settings.seeds > 1:
            console.print(f"seed {seed} ({len(done) + 1} of {settings.seeds})")
        if settings.source.drawn and seed > settings.seed:
            source = read(settings.source, seed)
        cell = Cell(replace(settings, seed=seed, seeds=1), source, cache.resolve())
        (outcome,) = run_cells(folder, [cell], run_seed, jobs=0, files=True)
        assert outcome.result is not None, "in this process an error ends the run"
        done.append((outcome, outcome.result))
        if seed == settings.seed:
            show(settings, outcome.result, outcome.files, every)
    with folder.part("whole") as whole:
        for (outcome, _), place in zip(done, settings.places.values(), strict=True):
            shutil.copytree(outcome.files, whole / place, dirs_exist_ok=True)
        write_config(whole, settings, summary)
        if settings.seeds > 1:
            write_seeds(whole / "seeds.csv", {seed: whole / place for seed, place in settings.places.items()})
    folder.move_in({"whole": ""})
    if settings.seeds > 1:
        console.print(seeds_table([one.rows for _, one in done], settings.deadline))
        if every and done[0][1].kinds:
            console.print(kinds_table([one.kinds for _, one in done]))


def run_seed(cell: Cell, folder: Path) -> Measured:
    """Go the whole road with one seed, and leave its files in a folder."""
    settings = cell.settings
    split = cut(settings.source, cell.source.series)
    (scorer,) = settings.make(settings.scorer)
    train, test = scored_parts(scorer, split, cell.cache)
    labelled = choose_labelled(train, settings.labelled_windows, settings.seed)
    agent, curve = train_agent(
        for_agent(labelled, settings.labelled_windows), settings, settings.episodes, settings.seed,
        learning_rate=settings.learning_rate, gamma=settings.gamma,
    )  # fmt: skip
    methods = [thresholds.Policy(agent, hold=settings.hold, **settings.mdp), *baselines(seed=settings.seed)]
    measured = labelled, test, settings.vus, split.test, settings.deadline
    rows = compare(methods, *measured) + where_possible(rules(settings), *measured)
    if isinstance(scorer, Ensemble):
        rows += ensemble_rows(scorer, split.tested, test, settings.deadline)

    write_config(folder, settings, cell.source.summary)
    if isinstance(scorer, AutoEncoder):
        scorer.save(folder / "scorer.npz")
    save_scored(folder / "scores-train.npz", train)
    save_scored(folder / "scores-test.npz", test)
    agent.save(folder / "policy.npz")
    curve.save(folder / "training.csv")
    write_table(folder / "table.csv", rows)
    save_detections(folder / "detections.npz", {row.method: row.detections for row in rows})
    shown = plots.most_eventful(test)
    plots.detection_panels(folder / "detections.png", test[shown], {row.method: row.detections[shown] for row in rows})
    kinds = kinds_found(rows, settings, len(split.train[0])) if settings.source.drawn else {}
    return Measured([row.measures for row in rows], kinds)


def scored_parts(scorer: Scorer, split: Split, cache: Path) -> Parts:
    """Return the scores of both parts: from the cache, unless the run needs the fitted scorer itself.

    An auto-encoder is saved with the run, and an ensemble gives a row per member.
    """
    if isinstance(scorer, AutoEncoder | Ensemble):
        return fit_and_score(scorer, split)
    return cached_parts(scorer, split, cache)


def rules(settings: RunSettings) -> Iterator[thresholds.Method]:
    """Yield the registered methods that stand beside the baselines, the fast ones of PyThresh if asked for."""
    registry = thresholds.registry
    for name in registry.names(without=[thresholds.BASELINE, thresholds.MACHINES]):
        yield registry.make_for(name, seed=settings.seed)
    for name in FAST_PYTHRESH if settings.pythresh else ():
        yield thresholds.make(f"pythresh:{name}")


def ensemble_rows(
    ensemble: Ensemble, test: Sequence[tuple[Series, Series]], scored: Sequence[ScoredSeries], deadline: int
) -> list[Row]:
    """Return a row per member and per rule that combines them."""
    each, points = [ensemble.detections(*pair) for pair in test], [one for one, _ in test]
    return [
        measure(name, False, [one[name] for one in each], scored, points=points, deadline=deadline) for name in each[0]
    ]


def kinds_found(rows: Sequence[Row], settings: RunSettings, first: int) -> dict[str, dict[str, float]]:
    """Return, by method, which share of each kind of anomaly in ``kubernetes`` it finds from point ``first`` on."""
    kinds = kubernetes_kinds(settings.seed)[first:]
    return {row.method: shares_found(kinds, row.detections[0].decisions, settings.source.window) for row in rows}


def show(settings: RunSettings, measured: Measured, files: Path, every: bool) -> None:
    """Print the leading table of one seed; if all are asked for, or the VUS, the others too."""
    detections = load_detections(files / "detections.npz")
    windows = sum(len(one.decisions) for one in next(iter(detections.values())))
    title = f"{settings.source.name}: {windows:,} windows that no training saw"
    console.print(table(measured.rows, title, settings.deadline))
    if every or settings.vus:
        console.print(*further_tables(measured.rows), sep="")
        if measured.kinds:
            console.print(kinds_table([measured.kinds]))
    console.print(copying(detections), soft_wrap=True)


def write_config(folder: Path, settings: RunSettings, summary: Summary) -> None:
    """Write what a run depends on, and what its source was taken for."""
    config = {"settings": asdict(settings), "source": asdict(summary), **versions()}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def write_seeds(path: Path, folders: Mapping[int, Path]) -> None:
    """Write the rows of the seeds' tables to one CSV file, with the seed as its first column."""
    tables = {seed: read_csv(folder / "table.csv") for seed, folder in folders.items()}
    (header, _), *_ = tables.values()
    write_csv(path, ["seed", *header], [[str(seed), *row] for seed, (_, rows) in tables.items() for row in rows])
