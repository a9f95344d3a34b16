"""`adt run SOURCE`: the whole road, from a file of values to a table of methods."""

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import gymnasium as gym
import numpy as np
import typer

from adt_gym import thresholds
from adt_gym.agents.reference_dqn import EpisodeReport, ReferenceDQN
from adt_gym.data.kubernetes import kubernetes_kinds
from adt_gym.data.sources import Source, SourceSettings, Summary
from adt_gym.evaluation.compare import COLUMNS, Row, compare, evaluate, measure, write_table
from adt_gym.evaluation.detections import load_detections, save_detections
from adt_gym.evaluation.results import LearningCurve
from adt_gym.evaluation.scorers import shares_found
from adt_gym.evaluation.split import Split, choose_labelled, cut, eventful_stretch
from adt_gym.experiments.keys import data_digest
from adt_gym.experiments.versions import versions
from adt_gym.folders import Folder, own_folder
from adt_gym.metrics.composite import DEADLINE
from adt_gym.metrics.events import runs
from adt_gym.report import plots
from adt_gym.report.progress import bar, console
from adt_gym.report.tables import copying, further_tables, kinds_table, seeds_table, table
from adt_gym.scored_files import save_scored
from adt_gym.scoring import Scorer
from adt_gym.scoring.autoencoder import AutoEncoder
from adt_gym.scoring.cache import cache_key
from adt_gym.scoring.ensemble import Ensemble
from adt_gym.scripts import options
from adt_gym.scripts.compare_scorers import cached_parts, fit_and_score, make_scorer
from adt_gym.scripts.options import takes
from adt_gym.scripts.source import read
from adt_gym.series import InputError, ScoredSeries, Series
from adt_gym.spreadsheet import read_csv, write_csv
from adt_gym.thresholds.pythresh import FAST_PYTHRESH

SMOOTHED = 30
"""Episodes that the reward behind the progress bar is averaged over."""

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

OUTCOME = ".outcome.json"
"""What a finished seed came to, until the run is whole."""


@dataclass(frozen=True)
class RunSettings:
    """Everything a run depends on; written to its config.json.

    Args:
        source: The series and how they are cut.
        scorer, scaling: See `adt_gym.scoring.make`; without a scaling it is the scorer's own.
        device, epochs: Of a scorer with a network.
        labelled_windows: About how many windows of the training part the agent learns on; of many series the other
            methods learn on the same.
        episodes: Of the agent's training.
        k, hold, alpha, learning_rate, gamma: See ADT-v0 and the reference DQN; beta is 1 - alpha.
        pythresh: Whether all fast PyThresh methods get a row.
        vus: Whether the VUS is measured.
        seed: Of everything that is drawn, generated data included.
        seeds: How many seeds are run, from ``seed`` on.
        deadline: Of the composite F1, in windows.
    """

    source: SourceSettings
    scorer: str
    scaling: str | None
    device: str | None
    epochs: int
    labelled_windows: int
    episodes: int
    k: int
    hold: int
    alpha: float
    learning_rate: float
    gamma: float
    pythresh: bool
    vus: bool
    seed: int
    seeds: int
    deadline: int = DEADLINE

    @property
    def places(self) -> dict[int, str]:
        """Where in the run's folder each seed's files are: those of the first in the folder itself."""
        return {seed: f"seed-{seed}" if seed > self.seed else "" for seed in range(self.seed, self.seed + self.seeds)}

    @property
    def names(self) -> list[str]:
        """All files that the run may leave in its folder."""
        return ["seeds.csv", *((Path(place) / name).as_posix() for place in self.places.values() for name in FILES)]


@dataclass(frozen=True)
class SeedOutcome:
    """What one seed came to.

    Args:
        rows: One per method.
        kinds: By method, which share of each kind of anomaly it finds; empty where kinds are unknown.
        summary: What the source was taken for.
    """

    rows: list[Row]
    kinds: dict[str, dict[str, float]]
    summary: Summary


@takes
def run(
    source: SourceSettings,
    scorer: Annotated[str, typer.Option(help="autoencoder, isolation, ensemble, pyod:NAME, ...")] = "autoencoder",
    scaling: Annotated[
        str | None, typer.Option(help="of the scores: quantile, minmax or tail; the scorer's own by default")
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; a GPU where there is one by default")] = None,
    epochs: Annotated[int, options.whole("passes of the scorer's network over its windows")] = 30,
    labelled_windows: Annotated[int, options.whole("windows of the training part that the agent learns on")] = 1000,
    episodes: Annotated[int, options.whole()] = 5000,
    k: Annotated[int, options.whole("windows the agent looks back on")] = 2,
    hold: Annotated[int, options.whole("windows it keeps a threshold for (l)")] = 1,
    alpha: Annotated[float, options.number("weight of TP, FP and FN in the reward")] = 0.9,
    learning_rate: Annotated[
        float, options.number("ten times the authors', who train ten times as long", within=True)
    ] = 1e-3,
    gamma: Annotated[float, options.number("the authors' 0.99 needs more episodes to settle")] = 0.9,
    pythresh: Annotated[bool, typer.Option("--pythresh", help="a row for every fast PyThresh method too")] = False,
    vus: Annotated[bool, typer.Option("--vus", help="measure the VUS too; takes minutes for many series")] = False,
    seed: Annotated[int, options.seed("of all that is drawn, also of the data of kubernetes")] = 0,
    seeds: Annotated[
        int, options.whole("run so many seeds, from --seed on, and print their mean", most=options.MAX_SEEDS)
    ] = 1,
    cache: Annotated[Path, typer.Option(help="where scores are kept for the next time")] = Path("runs/cache"),
    out: Annotated[Path | None, typer.Option(help="folder of the results; runs/NAME by default")] = None,
    deadline: options.Deadline = DEADLINE,
    every: Annotated[bool, typer.Option("--all", help="print all tables, not only the leading one")] = False,
) -> None:
    """Score a series, train an agent on a small labelled part, and compare it with other methods on the rest.

    In the folder only what adt run wrote there is replaced. With --seeds an interrupted run goes on where it was.
    """
    settings = RunSettings(
        source, scorer, scaling, device, epochs, labelled_windows, episodes, k, hold, alpha, learning_rate, gamma,
        pythresh, vus, seed, seeds, deadline,
    )  # fmt: skip
    folder = out or Path("runs") / settings.source.name
    with own_folder(folder, "run", settings.names, settings.source.about, given=out is not None) as own:
        run_seeds(settings, own, cache, every)
    console.print(f"scores, policy, table and picture are in {folder}", soft_wrap=True)


def run_seeds(settings: RunSettings, folder: Folder, cache: Path, every: bool = False) -> None:
    """Run every seed that was not finished before, print the first and the mean, and move all into the folder.

    Args:
        settings, folder, cache: See `run`.
        every: Whether all tables are printed.
    """
    outcomes: list[SeedOutcome] = []
    parts: dict[str, str] = {}
    source = read(settings.source, settings.seed)
    for seed, place in settings.places.items():
        if settings.seeds > 1:
            console.print(f"seed {seed} ({len(outcomes) + 1} of {settings.seeds})")
        if settings.source.drawn and seed > settings.seed:
            source = read(settings.source, seed)
        part, outcome = run_seed(replace(settings, seed=seed, seeds=1), source, folder, cache)
        outcomes.append(outcome)
        parts[part.name] = place
        if seed == settings.seed:
            show(outcome, settings, every)
    with folder.part("whole") as whole:
        write_config(whole, settings, outcomes[0].summary)
        if settings.seeds > 1:
            tables = {seed: folder.work / part / "table.csv" for seed, part in zip(settings.places, parts, strict=True)}
            write_seeds(whole / "seeds.csv", tables)
    folder.move_in({**parts, "whole": ""})
    if settings.seeds > 1:
        console.print(seeds_table([one.rows for one in outcomes], settings.deadline))
        if every and outcomes[0].kinds:
            console.print(kinds_table([one.kinds for one in outcomes]))


def write_config(folder: Path, settings: RunSettings, summary: Summary) -> None:
    """Write what a run depends on, and what its source was taken for."""
    config = {"settings": asdict(settings), "source": asdict(summary), **versions()}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def run_seed(settings: RunSettings, source: Source, folder: Folder, cache: Path) -> tuple[Path, SeedOutcome]:
    """Go the whole road with one seed, unless that was done with these settings and data; say where its files are."""
    split = cut(settings.source, source.series)
    scorer = make_scorer(
        settings.scorer,
        epochs=settings.epochs,
        device=settings.device,
        window=settings.source.window,
        scaling=settings.scaling,
        seed=settings.seed,
    )
    data = cache_key(scorer, split.for_scorer, [*split.learned, *split.tested])
    finished = folder.work / f"seed-{settings.seed}-{data_digest({'settings': asdict(settings), 'data': data})[:16]}"
    if (kept := read_outcome(finished, source.summary)) is not None:
        console.print("it was finished before")
        return finished, kept
    train, test = scored_parts(scorer, split, cache)
    labelled = choose_labelled(train, settings.labelled_windows, settings.seed)
    agent, curve = train_agent(labelled, settings)
    alpha = settings.alpha
    policy = thresholds.Policy(agent, hold=settings.hold, k=settings.k, alpha=alpha, beta=1 - alpha)
    deadline = settings.deadline
    rows = compare([policy, *baselines(seed=settings.seed)], labelled, test, settings.vus, split.test, deadline)
    rows += where_possible(
        unsupervised(settings.pythresh, settings.seed), labelled, test, settings.vus, split.test, deadline
    )
    if isinstance(scorer, Ensemble):
        rows += ensemble_rows(scorer, split.tested, test, deadline)

    kinds = kinds_found(rows, settings, len(split.train[0])) if settings.source.drawn else {}
    outcome = SeedOutcome(rows, kinds, source.summary)
    with folder.part(finished.name) as part:
        write_config(part, settings, source.summary)
        if isinstance(scorer, AutoEncoder):
            scorer.save(part / "scorer.npz")
        save_scored(part / "scores-train.npz", train)
        save_scored(part / "scores-test.npz", test)
        agent.save(part / "policy.npz")
        curve.save(part / "training.csv")
        write_table(part / "table.csv", rows)
        save_detections(part / "detections.npz", {row.method: row.detections for row in rows})
        shown = int(np.argmax([len(runs(one.labels)[0]) for one in test]))
        panels = {row.method: row.detections[shown] for row in rows if row.method in plots.PICTURED}
        plots.detection_panels(part / "detections.png", test[shown], panels)
        write_outcome(part, outcome)
    return finished, outcome


def write_outcome(folder: Path, outcome: SeedOutcome) -> None:
    """Keep what a seed came to beside its detections."""
    rows = [{column: getattr(row, column) for column in COLUMNS} for row in outcome.rows]
    (folder / OUTCOME).write_text(json.dumps({"rows": rows, "kinds": outcome.kinds}))


def read_outcome(folder: Path, summary: Summary) -> SeedOutcome | None:
    """Return what a seed came to, None where it was not finished."""
    if not folder.is_dir():
        return None
    found, detections = json.loads((folder / OUTCOME).read_text()), load_detections(folder / "detections.npz")
    rows = [Row(**row, detections=detections[row["method"]]) for row in found["rows"]]
    return SeedOutcome(rows, found["kinds"], summary)


def scored_parts(scorer: Scorer, split: Split, cache: Path) -> tuple[list[ScoredSeries], list[ScoredSeries]]:
    """Return the scores of both parts: from the cache, unless the run needs the fitted scorer itself.

    An auto-encoder is saved with the run, and an ensemble gives a row per member.
    """
    if isinstance(scorer, AutoEncoder | Ensemble):
        return fit_and_score(scorer, split)
    return cached_parts(scorer, split, cache)


def show(outcome: SeedOutcome, settings: RunSettings, every: bool) -> None:
    """Print the leading table of one seed; if all are asked for, or the VUS, the others too."""
    windows = sum(len(one.labels) for one in outcome.rows[0].detections)
    title = f"{settings.source.name}: {windows:,} windows that no training saw"
    console.print(table(outcome.rows, title, settings.deadline))
    if every or settings.vus:
        console.print(*further_tables(outcome.rows), sep="")
        if outcome.kinds:
            console.print(kinds_table([outcome.kinds]))
    console.print(copying(outcome.rows), soft_wrap=True)


def write_seeds(path: Path, tables: Mapping[int, Path]) -> None:
    """Write the rows of the seeds' tables to one CSV file, with the seed as its first column."""
    header: list[str] = []
    rows: list[list[str]] = []
    for seed, table_file in tables.items():
        header, found = read_csv(table_file)
        rows += [[str(seed), *row] for row in found]
    write_csv(path, ["seed", *header], rows)


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


def for_agent(labelled: Sequence[ScoredSeries], windows: int) -> tuple[ScoredSeries, ...]:
    """Return what the agent plays: of one series only the stretch with the most anomalies that begin in it."""
    return (eventful_stretch(labelled[0], windows),) if len(labelled) == 1 else tuple(labelled)


def train_agent(labelled: Sequence[ScoredSeries], settings: RunSettings) -> tuple[ReferenceDQN, LearningCurve]:
    """Train the reference DQN under a progress bar; return it and its learning curve."""
    alpha = settings.alpha
    env = gym.make(
        "ADT-v0", series=for_agent(labelled, settings.labelled_windows), k=settings.k, alpha=alpha, beta=1 - alpha
    )
    agent = ReferenceDQN(
        env, settings.seed, hold=settings.hold, learning_rate=settings.learning_rate, gamma=settings.gamma
    )
    reports: list[EpisodeReport] = []
    with bar("agent", settings.episodes) as advance:

        def show(report: EpisodeReport) -> None:
            reports.append(report)
            reward = np.mean([one.reward for one in reports[-SMOOTHED:]])
            advance(f"reward {reward:.0f}  epsilon {report.epsilon:.2f}")

        agent.learn(settings.episodes, show)
    points = [(one.episode, one.reward, one.epsilon, one.loss) for one in reports]
    return agent, LearningCurve(*np.array(points, dtype=float).T)


def baselines(delay: int = 1, seed: int = 0) -> list[thresholds.Method]:
    """Return what every agent must be held against, in every table.

    Args:
        delay: Of the labels that the agent sees.
        seed: Of the alarms at random.
    """
    return [
        thresholds.make("static"),
        thresholds.make("static", on="test"),
        *(thresholds.make("persistence", delay=d) for d in sorted({1, 10, delay})),
        thresholds.make("random", seed=seed),
        thresholds.make("always"),
        thresholds.make("never"),
    ]


def unsupervised(pythresh: bool, seed: int = 0) -> list[thresholds.Method]:
    """Return the methods that no one tells labels at test time, nor (but for the second) in training."""
    names = ["quantile", "false_alarm_rate", "rolling_quantile", "spot", "dspot", "online_fdr", "nonparametric"]
    names += [f"pythresh:{name}" for name in FAST_PYTHRESH if pythresh]
    return [thresholds.make(name, **({"seed": seed} if name == "online_fdr" else {})) for name in names]


def where_possible(
    methods: Sequence[thresholds.Method],
    train: Sequence[ScoredSeries],
    test: Sequence[ScoredSeries],
    volumes: bool,
    points: Sequence[Series],
    deadline: int,
) -> list[Row]:
    """Return the rows of the methods that these scores can be fitted with, and warn of the others."""
    rows = []
    for method in methods:
        try:
            rows.append(evaluate(method, train, test, volumes, points, deadline))
        except InputError as error:
            warnings.warn(f"no row for {method.name}: {error}", stacklevel=2)
    return rows
