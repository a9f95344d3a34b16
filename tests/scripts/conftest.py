import pytest

from adt_gym.report.progress import console


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parallel workers come with a width of their own, too narrow for the tables."""
    monkeypatch.setattr(console, "width", 110)
