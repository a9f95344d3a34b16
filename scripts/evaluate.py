"""`adt evaluate RUN`: a saved policy on any scored series, beside the rows it must be held against."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from adt_gym import thresholds
from adt_gym.agents.reference_dqn import ReferenceDQN
from adt_gym.agents.sb3 import load_policy
from adt_gym.envs.sources import resolve
from adt_gym.envs.thresholding import ThresholdingEnv
from adt_gym.evaluation.compare import compare, write_table
from adt_gym.files import unsealed
from adt_gym.folders import check_file, own_file
from adt_gym.metrics.composite import DEADLINE
from adt_gym.report.progress import console
from adt_gym.report.tables import copying, further_tables, table
from adt_gym.scripts import options
from adt_gym.scripts.run import baselines
from adt_gym.scripts.train import Agent, TrainSettings, read_settings
from adt_gym.series import InputError, ScoredSeries


def evaluate(
    run: Annotated[Path, typer.Argument(help="the folder of a run of `adt train`")],
    series: Annotated[str, typer.Option(help="a packaged name, an .npz file of scored series, or a folder")],
    out: Annotated[Path | None, typer.Option(help="the table; table.csv in the run by default")] = None,
    deadline: options.Deadline = DEADLINE,
    every: Annotated[bool, typer.Option("--all", help="print all tables, not only the leading one")] = False,
) -> None:
    """Evaluate a saved policy. The static threshold is fitted on the series that the policy was trained on.

    A file that adt did not write is not replaced. Nothing is unpickled: of an SB3 zip only the weights are read.
    """
    settings, path = read_settings(run), out or run / "table.csv"
    check_file(path, "evaluate")
    policy = thresholds.Policy(load(run, settings), hold=settings.hold, **settings.env_kwargs)
    test = resolve(series)
    check_fits(policy, test[0])
    methods = [policy, *baselines(settings.feedback_delay, settings.seed)]
    rows = compare(methods, resolve(settings.series), test, deadline=deadline)
    console.print(table(rows, f"{settings.agent} on {series}: {sum(map(len, test)):,} windows", deadline))
    if every:
        console.print(*further_tables(rows), sep="")
    if policy.sees_labels:
        console.print(copying(rows, settings.feedback_delay), soft_wrap=True)
    if series == settings.series:
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
    if settings.agent == Agent.REFERENCE:
        return ReferenceDQN.load(path)
    try:
        unsealed(path)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    return load_policy(path, "dqn" if settings.agent == Agent.SB3_DQN else "ppo")
