"""All static pictures of the project, from what commands left."""

import shutil
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from adt_gym.agents.reference_dqn import ReferenceDQN
from adt_gym.checks import share, whole
from adt_gym.data.sources import SourceSettings
from adt_gym.evaluation.results import RunResults, read_run
from adt_gym.experiments.run import RunSettings
from adt_gym.experiments.run import run as make_run
from adt_gym.files import visible
from adt_gym.folders import check_file, own_file, own_folder
from adt_gym.metrics.events import runs
from adt_gym.report import plots

AFTER_EVENT = 40
"""Windows after the start of the first event at which the frame of ADT-v0 is taken."""


def make_figures(run: Path, reproduced: Path, benchmarks: Path, out: Path, cache: Path) -> list[Path]:
    """Make all pictures and return where they are.

    Args:
        run: The folder of a run on yahoo_like; made if it is not there.
        reproduced: Where the folders of reproductions and frontiers are.
        benchmarks: Where benchmarks left their pictures.
        out: Where all go.
        cache: Where scores are kept.

    Raises:
        FileExistsError: If a picture would replace what we did not make.
    """
    repeated = visible(reproduced, "reproduce-*/*.png")
    copies = {path: out / f"{path.parent.name.removeprefix('reproduce-')}.png" for path in repeated}
    copies |= {path: out / f"{path.parent.name}.png" for path in visible(reproduced, "frontier*/frontier.png")}
    copies |= {path: out / f"benchmark-{path.name}" for path in visible(benchmarks, "*.png")}
    drawn = [out / "detections.png", out / "adt-v0.png"]
    for path in (*drawn, *copies.values()):
        check_file(path, "figures")
    if not run.exists():
        settings = RunSettings(source=SourceSettings("yahoo_like"))
        with own_folder(run, "run", settings.names, settings.source.about) as folder:
            make_run(settings, folder, cache)
    results = read_run(run)
    shown = plots.most_eventful(results.test)
    with own_file(drawn[0], "figures") as temporary:
        panels = {method: each[shown] for method, each in results.detections.items()}
        plots.detection_panels(temporary, results.test[shown], panels)
    with own_file(drawn[1], "figures") as temporary:
        draw_frame(temporary, results, ReferenceDQN.load(run / "policy.npz"), shown)
    for source, target in copies.items():
        with own_file(target, "figures") as temporary:
            shutil.copyfile(source, temporary)
    return [*drawn, *copies.values()]


def draw_frame(path: Path, results: RunResults, agent: ReferenceDQN, shown: int) -> None:
    """Let the agent play until it is within the first event of a series that has one, and keep what ADT-v0 shows."""
    from matplotlib.image import imsave

    series, settings = results.test[shown], results.settings
    starts, _ = runs(series.truth)
    k, hold = (whole(name, settings.get(name)) for name in ("k", "hold"))
    alpha = share("alpha", settings.get("alpha"))
    options: dict[str, Any] = {"k": k, "alpha": alpha, "beta": 1 - alpha, "hold": hold, "render_mode": "rgb_array"}
    env = gym.make("ADT-v0", series=series, **options)
    observation, _ = env.reset(seed=0)
    window = k
    while window < min(starts[0] + AFTER_EVENT, len(series)):
        observation, *_ = env.step(agent.predict(observation, deterministic=True)[0])
        window += hold
    picture = np.asarray(env.render())
    env.close()
    imsave(path, picture)
