"""Hyper-parameters of the zoo: chosen by Optuna on training series alone, by their composite F1 on some held out."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adt_gym.checks import one_of
from adt_gym.envs import task
from adt_gym.experiments import zoo
from adt_gym.folders import check_file, own_file
from adt_gym.metrics.composite import composite_f1
from adt_gym.thresholds.policy import Policy

Suggest = Callable[[Any], dict[str, Any]]
"""From a trial of Optuna's to hyper-parameters."""

WIDTHS = {"32": [32, 32], "64": [64, 64], "128": [128, 64]}


@dataclass(frozen=True)
class Space:
    """What is tried of an algorithm.

    Args:
        fixed: What all trials have.
        suggest: What a trial has beside that.
        first: The parameters of the first trial.
    """

    fixed: dict[str, Any]
    suggest: Suggest
    first: dict[str, Any]


def _usual(trial: Any) -> dict[str, Any]:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 3e-4, 3e-3, log=True),
        "gamma": trial.suggest_categorical("gamma", [0.0, 0.5, 0.9]),
    }


def _values(trial: Any) -> dict[str, Any]:
    return {
        **_usual(trial),
        "exploration_fraction": trial.suggest_float("exploration_fraction", 0.1, 0.6),
        "exploration_final_eps": trial.suggest_float("exploration_final_eps", 0.01, 0.1, log=True),
        "target_update_interval": trial.suggest_categorical("target_update_interval", [200, 500, 1000]),
        "policy_kwargs": {"net_arch": WIDTHS[trial.suggest_categorical("widths", list(WIDTHS))]},
    }


def _quantiles(trial: Any) -> dict[str, Any]:
    found = _values(trial)
    found["policy_kwargs"]["n_quantiles"] = trial.suggest_categorical("n_quantiles", [5, 10, 25])
    return found


def _gradients(trial: Any) -> dict[str, Any]:
    return {
        **_usual(trial),
        "n_steps": trial.suggest_categorical("n_steps", [64, 128, 256]),
        "ent_coef": trial.suggest_float("ent_coef", 1e-4, 3e-2, log=True),
        "gae_lambda": trial.suggest_categorical("gae_lambda", [0.8, 0.95]),
        "n_epochs": trial.suggest_categorical("n_epochs", [5, 10]),
    }


def _memory(trial: Any) -> dict[str, Any]:
    width = trial.suggest_categorical("lstm", [16, 32])
    lstm = {"lstm_hidden_size": width, "shared_lstm": True, "enable_critic_lstm": False, "net_arch": [32]}
    return {**_gradients(trial), "policy_kwargs": lstm}


def _entropy(trial: Any) -> dict[str, Any]:
    return {
        **_usual(trial),
        "ent_coef": trial.suggest_categorical("ent_coef", ["auto", 0.01, 0.03]),
        "gradient_steps": trial.suggest_categorical("gradient_steps", [2, 4]),
        "policy_kwargs": {"net_arch": WIDTHS[trial.suggest_categorical("widths", ["32", "64"])]},
    }


_OFF = {"policy": "MlpPolicy", "n_envs": 8, "buffer_size": 50_000, "learning_starts": 1000, "train_freq": 4}
_VALUES = Space(
    {**_OFF, "batch_size": 64, "gradient_steps": 4},
    _values,
    {"learning_rate": 1e-3, "gamma": 0.5, "exploration_fraction": 0.3, "exploration_final_eps": 0.05,
     "target_update_interval": 500, "widths": "64"},
)  # fmt: skip
_ENTROPY = Space(
    {**_OFF, "batch_size": 128},
    _entropy,
    {"learning_rate": 1e-3, "gamma": 0.5, "ent_coef": "auto", "gradient_steps": 4, "widths": "64"},
)
_ON = {"n_envs": 8, "batch_size": 256}
_GRADIENTS = {"learning_rate": 1e-3, "gamma": 0.5, "n_steps": 128, "ent_coef": 1e-3, "gae_lambda": 0.95, "n_epochs": 10}

SPACES: dict[str, Space] = {
    "dqn": _VALUES,
    "qrdqn": Space(_VALUES.fixed, _quantiles, {**_VALUES.first, "n_quantiles": 10}),
    "ppo": Space({"policy": "MlpPolicy", **_ON}, _gradients, _GRADIENTS),
    "ppo_lstm": Space({"policy": "MlpLstmPolicy", **_ON}, _memory, {**_GRADIENTS, "n_epochs": 5, "lstm": 32}),
    "sac": _ENTROPY,
    "tqc": _ENTROPY,
}


def tune(algorithm: str, condition: str, trials: int, steps: int, file: Path, say: Callable[[str], None]) -> float:
    """Try hyper-parameters, write the best ones to a file of rl-zoo3's for all conditions, and return their figure.

    Every trial learns on the split "fit" and is measured by its composite F1 on "validation"; the test series are not
    read. Trial i trains from seed 1000 + i, so that what is chosen has met none of the seeds of the results.

    Args:
        algorithm: A key of `SPACES`.
        condition: Under which they are tried.
        trials: How many, the first with what `SPACES` begins with.
        steps: Of a training.
        file: What is written; it says how it was found.
        say: Is told of every trial.
    """
    import optuna
    import yaml

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space, env_id = SPACES[one_of("algorithm", algorithm, SPACES)], zoo.id_of(algorithm, condition)
    check_file(file, zoo.KIND)

    def objective(trial: Any) -> float:
        settings = {**space.fixed, **space.suggest(trial), "n_timesteps": steps}
        with tempfile.TemporaryDirectory() as folder:
            conf = Path(folder) / "trial.yml"
            conf.write_text(yaml.safe_dump({env_id: settings}))
            actor = zoo.train(algorithm, condition, 1000 + trial.number, conf, Path(folder), {"split": "fit"})
        found = task.settings_of(condition, zoo.actions_of(algorithm))
        policy = Policy(actor, context=True, memoryless=not actor.memory, **found)
        figure = composite_f1([policy.detect(one) for one in task.series_of("validation")])
        trial.set_user_attr("settings", settings)
        say(f"{algorithm} trial {trial.number}: {figure:.3f} {trial.params}")
        return figure

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0, n_startup_trials=5))
    study.enqueue_trial(space.first)
    study.optimize(objective, trials)
    best = study.best_trial
    about = (
        f"# Found by `adt zoo tune {algorithm}`: the best of {trials} trials of {steps:,} steps under {condition}.\n"
        f"# Composite F1 on the split validation: {best.value:.3f}, of the first trial {study.trials[0].value:.3f}.\n"
        "# The test series were never read.\n"
    )
    first, *others = (zoo.id_of(algorithm, one) for one in task.CONDITIONS)
    text = yaml.safe_dump({first: best.user_attrs["settings"]}, sort_keys=False).replace(":\n", ": &tuned\n", 1)
    with own_file(file, zoo.KIND) as temporary:
        temporary.write_text(about + text + "".join(f"\n{one}:\n  <<: *tuned\n" for one in others))
    return float(best.value or 0.0)
