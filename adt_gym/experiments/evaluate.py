"""A saved policy on any scored series, beside the rows it must be held against: `adt evaluate`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adt_gym import thresholds
from adt_gym.agents.reference_dqn import ReferenceDQN
from adt_gym.agents.sb3 import load_policy
from adt_gym.checks import InputError
from adt_gym.envs.sources import resolve
from adt_gym.envs.thresholding import ThresholdingEnv
from adt_gym.evaluation.compare import baselines, compare, write_table
from adt_gym.experiments.train import TrainSettings, read_settings
from adt_gym.files import unsealed
from adt_gym.folders import check_file, own_file
from adt_gym.metrics.composite import DEADLINE
from adt_gym.report.progress import console
from adt_gym.report.tables import copying, further_tables, table
from adt_gym.series import ScoredSeries
from adt_gym.settings import Settings, deadline, option


@dataclass(frozen=True, kw_only=True)
class EvaluateSettings(Settings):
    """What a policy is evaluated on.

    Args:
        series: What ADT-v0 takes: a packaged name, an ``.npz`` file of scored series or a folder of them.
        deadline: Of the composite F1, in windows.
    """

    series: str = option(help="a packaged name, an .npz file of scored series, or a folder")
    deadline: int = deadline(DEADLINE)


def evaluate(run: Path, on: EvaluateSettings, path: Path, every: bool = False) -> None:
    """Evaluate the policy of a training, print the table and write it.

    Args:
        run: The folder of the training; the static threshold is fitted on its series.
        on: What it is evaluated on.
        path: The table.
        every: Whether all tables are printed.

    Raises:
        FileNotFoundError: If there is no training, or it has not finished.
        InputError: If a file is damaged or of another training.
    """
    settings = read_settings(run)
    check_file(path, "evaluate")
    policy = thresholds.Policy(load(run, settings), hold=settings.hold, **settings.env_kwargs)
    test = resolve(on.series)
    check_fits(policy, test[0])
    methods = [policy, *baselines(settings.feedback_delay, settings.seed)]
    rows = compare(methods, resolve(settings.series), test, deadline=on.deadline)
    console.print(table(rows, f"{settings.agent} on {on.series}: {sum(map(len, test)):,} windows", on.deadline))
    if every:
        console.print(*further_tables(rows), sep="")
    if policy.sees_labels:
        detections = {row.method: row.detections for row in rows}
        console.print(copying(detections, settings.feedback_delay), soft_wrap=True)
    if on.series == settings.series:
        console.print("these are the series that the policy was trained on", soft_wrap=True)
    with own_file(path, "evaluate") as temporary:
        write_table(temporary, rows)
    console.print(f"the table is in {path}", soft_wrap=True)


def check_fits(policy: thresholds.Policy, series: ScoredSeries) -> None:
    """Refuse a policy that cannot have been trained with these settings.

    Raises:
        InputError: If it takes other observations than they make.
    """
    (made,) = ThresholdingEnv(series, **policy.env_kwargs).observation_space.shape or (0,)
    try:
        policy.model.predict(np.zeros((1, made), dtype=np.float32), deterministic=True)
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"the policy does not take the {made} numbers that are observed with the settings of its config.json: one "
            "of the two files is of another training; train anew"
        ) from error


def load(run: Path, settings: TrainSettings) -> Any:
    """Return the policy of a run, of whichever agent.

    Raises:
        FileNotFoundError: If the training has not finished.
        InputError: If the file does not hold a policy.
    """
    path = run / settings.policy_file
    if not path.is_file():
        raise FileNotFoundError(f"no policy in {run}: finish its training first (adt train --resume)")
    if settings.agent == "reference":
        return ReferenceDQN.load(path)
    try:
        unsealed(path)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    return load_policy(path, "dqn" if settings.agent == "sb3-dqn" else "ppo")
