import pytest
from frontiers import FAST, LEARNERS, Quick, stand_in
from inline import in_this_process

from adt_gym.experiments import cells
from adt_gym.experiments import frontier as module
from adt_gym.report.progress import console
from adt_gym.thresholds.best_pythresh import BestPyThresh
from adt_gym.thresholds.evidence import Evidence


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parallel workers come with a width of their own, too narrow for the tables."""
    monkeypatch.setattr(console, "width", 110)


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only two PyThresh methods to choose from."""
    stand_in(monkeypatch, "best_pythresh", BestPyThresh, methods=FAST)


@pytest.fixture
def quick(fast: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells in this process, two PyThresh methods, learners that do not take time."""
    for runner in (module, cells):
        monkeypatch.setattr(runner, "processes", in_this_process)
    for name, called in LEARNERS:
        stand_in(monkeypatch, name, Quick, name=called)
    monkeypatch.setattr(Evidence, "fit", lambda self, train: self)
