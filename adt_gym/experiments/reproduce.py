"""A table or figure of the paper, on packaged data or on the user's copy of the paper's data: `adt reproduce`."""

import json
from dataclasses import asdict

from adt_gym.experiments import paper
from adt_gym.experiments.cells import results, run_cells
from adt_gym.experiments.paper_agents import Cell, train
from adt_gym.experiments.paper_results import ReproduceSettings, measure, methods_of
from adt_gym.experiments.paper_scores import prepare
from adt_gym.experiments.versions import versions
from adt_gym.folders import Folder
from adt_gym.report.paper_pictures import draw
from adt_gym.report.paper_tables import show, write_table


def reproduce(settings: ReproduceSettings, folder: Folder, jobs: int, every: bool = False) -> None:
    """Make the scores, train the agents, measure all methods, show and write what came of it.

    Args:
        settings: What is reproduced.
        folder: Where all is kept.
        jobs: How many agents are trained at a time.
        every: Whether all tables are printed.

    Raises:
        InputError: If the data do not suit the experiment.
        ChildProcessError: If an agent could not be trained.
    """
    what, dataset, share = settings.what, settings.dataset, settings.scores.train_share
    with folder.writing("config.json") as temporary:
        of_scores = asdict(settings.scores)
        others = {name: value for name, value in asdict(settings).items() if name not in of_scores}
        config = {"settings": {**others, "scores": of_scores}, **versions()}
        temporary.write_text(json.dumps(config, indent=2) + "\n")
    scores = prepare(settings.scores, folder)
    drawn = [scores.labelled(share, seed) for seed in range(settings.seeds)]
    cells = [
        Cell(setting, seed, settings.episodes, labelled)
        for setting in paper.settings_of(what, paper.EXPERIMENTS[dataset].setting)
        for seed, labelled in enumerate(drawn)
    ]
    agents = run_cells(folder, cells, train, jobs, title="agents", files=True)
    methods = methods_of(cells, agents, scores)
    detections = [method.detect(scores.test) for method in methods]
    rows = measure(settings, methods, detections, scores.test)
    published = None
    if settings.as_published:
        published = measure(settings, methods, [method.detect(scores.whole) for method in methods], scores.whole)
    with folder.writing("table.csv") as temporary:
        write_table(temporary, rows, published)
    first = {method.name: runs[0] for method, runs in zip(methods, detections, strict=True)}
    with folder.writing(f"{what}.png") as temporary:
        draw(temporary, settings, rows, cells, results(agents), scores.test, first)
    show(settings, scores, rows, published, every)
