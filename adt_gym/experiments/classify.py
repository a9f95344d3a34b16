"""The deep Q-learning classifier of samples, and beside it what a user would pick instead: `adt classify`."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from adt_gym.agents.reference_dqn import EpisodeReport
from adt_gym.agents.samples_dqn import SamplesDQN, SamplesSettings, make_sb3_dqn
from adt_gym.checks import whole
from adt_gym.data.columns import Columns
from adt_gym.data.samples import samples_and_columns
from adt_gym.data.sources import Summary as Taken
from adt_gym.data.sources import source_of
from adt_gym.experiments.versions import versions
from adt_gym.extras import require
from adt_gym.folders import Folder, own_folder, run_name
from adt_gym.reading import as_dataclass, read_json
from adt_gym.report.progress import bar, console
from adt_gym.report.samples import draw_confusion, draw_precision_recall, samples_table
from adt_gym.report.source import show as show_source
from adt_gym.samples import evaluation as classification
from adt_gym.samples.env import reward_table
from adt_gym.samples.evaluation import Summary, Verdicts
from adt_gym.samples.samples import GENERATORS, Samples, Split, Standardiser
from adt_gym.series import InputError
from adt_gym.settings import MAX_SEEDS, Settings, argument, count, option, seed, share

CHECKPOINT_EVERY = 10
"""Episodes."""

PRESET_REWARDS = {"blobs": "imbalanced"}
"""The reward of a source where none is given; "symmetric" for all others."""

FILES = ("config.json", "table.csv", "confusion.png", "precision_recall.png")
SEED_FILES = ("standardiser.json", "checkpoint.pt", "policy.npz")

MAY_CHANGE = {"episodes", "seeds", "sb3"}
"""What a resumed run may be asked for anew: it trains on, takes more seeds, or adds a row."""


@dataclass(frozen=True, kw_only=True)
class ClassifySettings(Settings):
    """Everything a run depends on; written to its config.json.

    Args:
        source: A packaged set or the path of a CSV or Parquet file.
        label_column, features: See `adt_gym.data.samples.read_samples`.
        split, train_share: See `adt_gym.samples.samples.Samples.split`.
        reward, shuffle, episode_samples: See ADT-Samples-v0; a reward may be four numbers apart by commas, and is by
            default the preset that suits the source.
        episodes: Of the training.
        gamma, double: See the agent's settings.
        seed, seeds: The first seed and their number. A seed settles a packaged set, the split and every method.
        sb3: Whether SB3's DQN is trained too.

    Raises:
        InputError: If a setting is out of its range, or means nothing for the source.
    """

    source: str = argument("kubernetes_samples, blobs, or a CSV or Parquet file")
    label_column: str | None = option(None, help="1 or true where anomalous")
    features: tuple[str, ...] = option((), help="the columns the agent sees; repeat the option")
    split: Split = option("stratified", help="or chronological: train on the first rows")
    train_share: float = share(0.7, "share of the rows to train on", within=True)
    reward: str | tuple[float, ...] | None = option(
        None, help="symmetric, imbalanced, or four numbers for TP,TN,FP,FN: 1,0.1,-0.5,-1"
    )
    shuffle: bool = option(True, "--shuffle/--stream", help="or train in the order of the rows")
    episode_samples: int | None = count(None, "samples of an episode; all by default")
    episodes: int = count(100, "of the training")
    gamma: float = share(SamplesSettings.gamma, "discount factor")
    double: bool = option(False, help="double Q-learning")
    seed: int = seed("the first seed")
    seeds: int = count(1, "how many; above 1 the table holds mean and standard deviation", most=MAX_SEEDS)
    sb3: bool = option(False, help="train SB3's DQN too")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "reward", parse_reward(self.reward, self.source))
        _ = self.rewards  # refuses what is no reward
        if self.source in GENERATORS and (self.label_column or self.features):
            raise InputError(f"{self.source} has its own columns; leave --label-column and --features out")

    @property
    def rewards(self) -> NDArray[np.float64]:
        """The rewards by label and action, shape ``(2, 2)``."""
        return reward_table(self.reward or "")

    @property
    def names(self) -> list[str]:
        """All files that the run leaves in its folder."""
        return [*FILES, *(f"{place_of(seed)}/{name}" for seed in self.all_seeds for name in SEED_FILES)]

    @property
    def all_seeds(self) -> range:
        """Every seed that is run."""
        return range(self.seed, self.seed + self.seeds)

    @property
    def name(self) -> str:
        """What the run is called."""
        return run_name(self.source)


CONFIG = "the config.json of a run of adt classify"


@dataclass(frozen=True)
class Kept:
    """What a run that is resumed wants of its config.json."""

    settings: dict[str, Any]


@dataclass(frozen=True)
class SeedResult:
    """What every method made of the test part of one seed."""

    test: Samples
    verdicts: list[Verdicts]
    advantage_error: float
    """Of the DQN, on the test part; see `advantage_error`."""
    trained: int
    """Episodes that were trained now: 0 where the checkpoint had them all."""


def classify(settings: ClassifySettings, out: Path | None = None, resume: bool = False) -> Path:
    """Train a DQN to call each sample normal or anomalous, and compare it with other methods on a held-out part.

    Args:
        settings: What is run.
        out: The folder of the results; by default one that is called after the source.
        resume: Whether the run in the folder goes on from its last checkpoint.

    Returns:
        The folder.

    Raises:
        FileNotFoundError: If there is no such table, or no run to resume.
        InputError: If the table cannot be used, or the run to resume had other settings.
    """
    if settings.sb3:
        require("--sb3", "stable_baselines3")
    folder = out or Path("runs") / f"classify-{settings.name}"
    read, columns = load(settings, settings.seed)
    made = {s: load(settings, s)[0] if settings.source in GENERATORS else read for s in settings.all_seeds}
    splits = {s: samples.split(settings.split, settings.train_share, s) for s, samples in made.items()}
    summary = summary_of(settings, read, columns)
    with own_folder(folder, "classify", settings.names, source_of(settings.source), given=out is not None) as own:
        prepare_folder(own, settings, summary, resume)
        show_source(summary)
        results = [run_seed(settings, s, *splits[s], own, resume) for s in splits]
        rows = summarise(results)
        with own.writing("table.csv") as temporary:
            classification.write_table(temporary, rows, deviations=settings.seeds > 1)
        show(settings, results, rows, own)
    if not any(result.trained for result in results):
        what = f"this run had already finished its {settings.episodes} episodes: nothing was trained"
        console.print(what, soft_wrap=True)
    return folder


def parse_reward(reward: Any, source: str) -> Any:
    """Return the preset's name or the four numbers that words stand for."""
    if reward is None:
        return PRESET_REWARDS.get(source, "symmetric")
    if not isinstance(reward, str) or "," not in reward:
        return reward
    try:
        return tuple(float(number) for number in reward.split(","))
    except ValueError:
        raise InputError(f"reward {reward!r} is neither a preset nor four numbers for TP,TN,FP,FN") from None


def load(settings: ClassifySettings, seed: int) -> tuple[Samples, Columns | None]:
    """Return the samples, a packaged set made anew for every seed, and what the columns of a table were taken for."""
    if settings.source in GENERATORS:
        return GENERATORS[settings.source](seed), None
    path = Path(settings.source)
    if not path.suffix:
        known = ", ".join(GENERATORS)
        raise InputError(f"unknown source {settings.source!r}; give {known} or the path of a .csv or .parquet file")
    return samples_and_columns(path, settings.label_column, list(settings.features) or None)


def summary_of(settings: ClassifySettings, samples: Samples, columns: Columns | None) -> Taken:
    """Return what the source was taken for."""
    taken = columns or Columns(metrics=samples.columns)
    share = float(samples.labels.mean())
    return Taken(settings.source, 1, len(samples), share, 0, 0, "those of the data set", taken)


def place_of(seed: int) -> str:
    """Return where in the run's folder the files of a seed are."""
    return f"seed-{seed}"


def prepare_folder(folder: Folder, settings: ClassifySettings, summary: Taken, resume: bool) -> None:
    """Write config.json; check that a run to resume had these settings, or remove what is left of the one before.

    Raises:
        FileNotFoundError: If there is no run to resume.
        InputError: If the run to resume had other settings.
    """
    config = folder.path / "config.json"
    given = as_json(settings)
    if not resume:
        folder.remove("seed-")
    else:
        if not config.is_file():
            raise FileNotFoundError(f"no run to resume in {folder.path}: it holds no config.json")
        kept = as_dataclass(Kept, read_json(config, CONFIG), f"{config} is not {CONFIG}", others=True)
        before = kept.settings
        for name in sorted(set(given) - MAY_CHANGE):
            if before.get(name) != given[name]:
                raise InputError(
                    f"the run in {folder.path} had {name}={before.get(name)!r}, not {given[name]!r}; "
                    "resume it with the same settings or choose another --out"
                )
        if (played := whole("episodes", before.get("episodes"))) > given["episodes"]:
            raise InputError(f"the run in {folder.path} had {played} episodes; resume it with no fewer")
    with folder.writing(config.name) as temporary:
        temporary.write_text(json.dumps({"settings": given, "source": asdict(summary), **versions()}, indent=2) + "\n")


def run_seed(
    settings: ClassifySettings, seed: int, train: Samples, test: Samples, folder: Folder, resume: bool
) -> SeedResult:
    """Train the agents of one seed, write policy and scaling, and judge the test part with every method."""
    env = gym.make(
        "ADT-Samples-v0",
        features=train,
        reward=settings.reward,
        shuffle=settings.shuffle,
        episode_samples=settings.episode_samples,
    )
    scale, place = Standardiser.fit(train), place_of(seed)
    write_scaling(folder, f"{place}/standardiser.json", scale, resume)
    agent, trained = train_agent(env, settings, seed, folder, resume)
    with folder.writing(f"{place}/policy.npz") as temporary:
        agent.save(temporary)
    values = agent.q_values(scale(test))
    verdicts = [Verdicts("dqn", values.argmax(axis=1) == 1, values[:, 1] - values[:, 0])]
    if settings.sb3:
        verdicts.append(sb3_verdicts(env, agent.settings, settings.episodes, seed, scale(test)))
    verdicts += classification.classical_verdicts(train, test, seed)
    return SeedResult(test, verdicts, advantage_error(values, settings.rewards, test.labels), trained)


def write_scaling(folder: Folder, name: str, scale: Standardiser, resume: bool) -> None:
    """Write the scaling that the policy needs; a resumed run must find the one it had."""
    path, given = folder.path / name, as_json(scale)
    if resume and path.is_file() and read_json(path, "the scaling of a policy") != given:
        raise InputError(f"the training part is not the one of {path}: the table has changed; start a new run")
    with folder.writing(name) as temporary:
        temporary.write_text(json.dumps(given, indent=2) + "\n")


def advantage_error(values: np.ndarray, rewards: np.ndarray, labels: np.ndarray) -> float:
    """Return by how much Q(anomalous) - Q(normal) misses the difference of the two rewards, as a root mean square.

    That difference is what the verdict rests on, and its true value is the same for every gamma: whatever comes next
    comes after both actions alike.

    Args:
        values: Q of both actions, shape ``(n, 2)``.
        rewards: By label and action, shape ``(2, 2)``.
        labels: Shape ``(n,)``.
    """
    missed = np.diff(values)[:, 0] - np.diff(rewards)[labels.astype(int), 0]
    return float(np.sqrt(np.mean(missed**2)))


def train_agent(
    env: gym.Env[Any, Any], settings: ClassifySettings, seed: int, folder: Folder, resume: bool
) -> tuple[SamplesDQN, int]:
    """Train under a progress bar, from the checkpoint if asked to; return the agent and the episodes trained now."""
    checkpoint = f"{place_of(seed)}/checkpoint.pt"
    if resume and (folder.path / checkpoint).is_file():
        agent = SamplesDQN.resume(folder.path / checkpoint, env)
    else:
        agent = SamplesDQN(env, seed, gamma=settings.gamma, double=settings.double)
    begun = agent.episodes
    with bar(f"dqn, seed {seed}", settings.episodes - begun) as advance:

        def show_episode(report: EpisodeReport) -> None:
            advance(f"reward {report.reward / report.transitions:.2f}  epsilon {report.epsilon:.2f}")

        while agent.episodes < settings.episodes:
            agent.learn(min(CHECKPOINT_EVERY, settings.episodes - agent.episodes), show_episode)
            with folder.writing(checkpoint) as temporary:
                agent.save_checkpoint(temporary)
    return agent, agent.episodes - begun


def sb3_verdicts(
    env: gym.Env[Any, Any], settings: SamplesSettings, episodes: int, seed: int, test: np.ndarray
) -> Verdicts:
    """Train SB3's DQN for as many samples; it always starts anew, because its own files need unpickling."""
    import torch

    model = make_sb3_dqn(env, settings, seed)
    unwrapped: Any = env.unwrapped
    length = min(unwrapped.episode_samples or len(unwrapped.samples), len(unwrapped.samples))
    with console.status(f"sb3-dqn, seed {seed}"):
        model.learn(episodes * length)
    with torch.inference_mode():
        values = model.q_net(torch.from_numpy(test)).numpy()
    return Verdicts("sb3-dqn", values.argmax(axis=1) == 1, values[:, 1] - values[:, 0])


def summarise(results: Sequence[SeedResult]) -> list[Summary]:
    """Return a row per method, in the order in which they judged."""
    by_method = zip(*(result.verdicts for result in results), strict=True)
    labels = [result.test.labels for result in results]
    return [
        classification.summarise([classification.score(v, y) for v, y in zip(verdicts, labels, strict=True)])
        for verdicts in by_method
    ]


def show(settings: ClassifySettings, results: Sequence[SeedResult], rows: Sequence[Summary], folder: Folder) -> None:
    """Print the report of the DQN and the table, draw the pictures."""
    decisions = np.concatenate([result.verdicts[0].decisions for result in results])
    labels = np.concatenate([result.test.labels for result in results])
    first, parts = results[0], f"the test parts of {settings.seeds} seeds together"
    on = f"{settings.name}: {'the test part' if settings.seeds == 1 else parts}"
    console.print(f"dqn on {on}\n", style="bold", highlight=False)
    console.print(classification.report(decisions, labels), highlight=False)
    over = f"seed {settings.seed}" if settings.seeds == 1 else f"mean ± deviation over {settings.seeds} seeds"
    title = f"{settings.name}, {settings.split} split, gamma {settings.gamma:g}, {over}"
    console.print(samples_table(rows, title, settings.seeds > 1))
    error = np.mean([result.advantage_error for result in results])
    console.print(
        f"dqn: Q(anomalous) - Q(normal) misses the difference of the two rewards by {error:.3f} "
        "(root mean square over the test part)\n",
        soft_wrap=True,
        highlight=False,
    )
    with folder.writing("confusion.png") as temporary:
        draw_confusion(temporary, decisions, labels, f"dqn on {on}")
    title = f"{settings.name}, test part of seed {settings.seed} ({len(first.test)} samples)"
    with folder.writing("precision_recall.png") as temporary:
        draw_precision_recall(temporary, first.verdicts, first.test.labels, title)


def as_json(value: Any) -> Any:
    """Return a dataclass as JSON would give it back."""
    return json.loads(json.dumps(asdict(value)))
