"""`adt figures`: all static pictures of the project, from what the other commands left."""

import shutil
from pathlib import Path
from typing import Annotated, Any

import gymnasium as gym
import numpy as np
import typer

from adt_gym.agents.reference_dqn import ReferenceDQN
from adt_gym.checks import share, whole
from adt_gym.evaluation.results import RunResults, read_run
from adt_gym.files import visible
from adt_gym.folders import check_file, own_file
from adt_gym.metrics.events import runs as runs_of
from adt_gym.report import plots
from adt_gym.report.progress import console
from adt_gym.scripts.run import run as make_run

AFTER_EVENT = 40
"""Windows after the start of the first event at which the frame of ADT-v0 is taken."""


def figures(
    run: Annotated[Path, typer.Option(help="folder of an adt run on yahoo_like; made if it is not there")] = Path(
        "runs/yahoo_like"
    ),
    reproduced: Annotated[Path, typer.Option(help="where the folders of adt reproduce and adt frontier are")] = Path(
        "runs"
    ),
    benchmarks: Annotated[Path, typer.Option(help="where adt benchmark left its pictures")] = Path("benchmarks"),
    out: Annotated[Path, typer.Option(help="where all pictures go")] = Path("docs/figures"),
) -> None:
    """Make all static pictures: of a run on yahoo_like, of ADT-v0, and of what other commands left.

    A picture that adt did not make is not replaced.
    """
    repeated = visible(reproduced, "reproduce-*/*.png")
    copies = {path: out / f"{path.parent.name.removeprefix('reproduce-')}.png" for path in repeated}
    copies |= {path: out / f"{path.parent.name}.png" for path in visible(reproduced, "frontier*/frontier.png")}
    copies |= {path: out / f"benchmark-{path.name}" for path in visible(benchmarks, "*.png")}
    drawn = [out / "detections.png", out / "adt-v0.png"]
    for path in (*drawn, *copies.values()):
        check_file(path, "figures")
    if not run.exists():
        make_run("yahoo_like", out=run)
    results = read_run(run)
    shown = int(np.argmax([len(runs_of(one.truth)[0]) for one in results.test]))
    panels = {method: each[shown] for method, each in results.detections.items() if method in plots.PICTURED}
    with own_file(drawn[0], "figures") as temporary:
        plots.detection_panels(temporary, results.test[shown], panels)
    with own_file(drawn[1], "figures") as temporary:
        draw_frame(temporary, results, ReferenceDQN.load(run / "policy.npz"), shown)
    for source, target in copies.items():
        with own_file(target, "figures") as temporary:
            shutil.copyfile(source, temporary)
    for path in (*drawn, *copies.values()):
        console.print(str(path), soft_wrap=True)


def draw_frame(path: Path, results: RunResults, agent: ReferenceDQN, shown: int) -> None:
    """Let the agent play until it is within the first event of a series that has one, and keep what ADT-v0 shows."""
    from matplotlib.image import imsave

    series, settings = results.test[shown], results.settings
    starts, _ = runs_of(series.truth)
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
