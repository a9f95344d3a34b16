import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adt_gym.dependencies import code_digest, dependencies

FILES = {
    "__init__": "",
    "work": "import json\nfrom toy.used import VALUE\ndef work():\n    from toy.late import late\n    return VALUE\n",
    "used": "import toy.far\nVALUE = 1\n",
    "far": "import toy.work  # a circle\n",
    "late": "WHERE = 'toy.named:Made'\n",
    "named": "class Made: pass\n",
    "unused": "import toy.work\n",
    "rooms/__init__": "from adt_gym.registry import Registry\n",
    "rooms/one": "",
    "plain/__init__": "",
    "plain/one": "",
}


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name, text in FILES.items():
        path = tmp_path / "toy" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / "toy"
    for name in [name for name in sys.modules if name.partition(".")[0] == "toy"]:
        del sys.modules[name]


def names(module: str) -> set[str]:
    return {name for name in dependencies(module) if name.startswith("toy")}


@pytest.mark.usefixtures("toy")
def test_what_is_imported_counts_wherever_and_however_far_away() -> None:
    assert names("toy.work") == {"toy", *(f"toy.{name}" for name in ("work", "used", "far", "late", "named"))}


def test_of_a_package_with_a_registry_every_module_counts(toy: Path) -> None:
    (toy / "used.py").write_text("import toy.rooms, toy.plain\n")
    assert {"toy.rooms.one", "toy.plain"} <= names("toy.work")
    assert "toy.plain.one" not in names("toy.work")


def test_a_package_that_cannot_be_imported_counts_all_the_same(toy: Path) -> None:
    (toy / "plain/__init__.py").write_text("raise ImportError('it needs what is not installed')\n")
    (toy / "used.py").write_text("from toy.plain import one, Other\n")
    assert {"toy.plain", "toy.plain.one"} <= names("toy.work")
    assert "toy.plain" not in sys.modules


@pytest.mark.parametrize("changed", ["__init__", "work", "used", "far", "late", "named"])
def test_another_file_that_counts_is_another_digest(toy: Path, changed: str) -> None:
    work: Callable[..., int] = importlib.import_module("toy.work").work
    before = code_digest(work)
    (toy / "unused.py").write_text("VALUE = 2\n")
    (toy / "plain/one.py").write_text("VALUE = 2\n")
    assert code_digest(work) == before
    path = toy / f"{changed}.py"
    path.write_text(path.read_text() + "VALUE = 2\n")
    assert code_digest(work) != before


def test_what_is_made_by_name_counts_in_our_package() -> None:
    found = dependencies("adt_gym.evaluation.compare")
    assert {"adt_gym", "adt_gym.envs.thresholding", "adt_gym.metrics.windows", "adt_gym.stream.feedback"} <= set(found)
    assert not any(name.startswith(("adt_gym.report", "adt_gym.scripts", "adt_gym.scoring")) for name in found)
    assert {"adt_gym.thresholds.static", "adt_gym.thresholds.dspot"} <= set(dependencies("adt_gym.thresholds"))
    assert all(path.is_file() for path in found.values())
