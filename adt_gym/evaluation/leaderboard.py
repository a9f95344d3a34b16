"""The leaderboard: one JSON file for each method, with its results by condition."""

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from adt_gym.checks import InputError
from adt_gym.envs import task
from adt_gym.evaluation.bench import MEASURES, Result
from adt_gym.files import replacing, visible
from adt_gym.reading import as_dataclass, read_json

FOLDER = Path("docs/leaderboard")

Sort = Literal["baseline", "rule", "learned", "zoo", "yours"]
"""What a method is: one that every table has; a rule without labels; learned from labelled series; an agent trained by
playing; somebody else's."""


@dataclass(frozen=True)
class Entry:
    """A row of the leaderboard, and its file.

    Args:
        method: Its name in the table; the file is called ``NAME.json`` after it.
        sort: See `Sort`.
        about: One line: what it is.
        command: What was run to get the results.
        results: One for each condition that was measured.
        settings: What it was trained with, such as hyper-parameters, by condition; empty where there is nothing to say.
    """

    method: str
    sort: Sort
    about: str
    command: str
    results: list[Result]
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for one in self.results:
            if one.condition not in task.CONDITIONS:
                raise InputError(f"condition {one.condition!r} is unknown; known: {', '.join(task.CONDITIONS)}")

    def under(self, condition: str) -> Result | None:
        """Return the result under a condition, None where there is none."""
        return next((one for one in self.results if one.condition == condition), None)


def file_of(method: str, folder: Path = FOLDER) -> Path:
    """Return the file of a method's entry.

    Raises:
        InputError: If its name cannot be that of a file.
    """
    name = re.sub(r"[^\w.+-]+", "-", method).strip("-.")
    if not name:
        raise InputError(f"a method called {method!r} has no file name; give it another name")
    return folder / f"{name}.json"


def read_entry(path: Path) -> Entry:
    """Read the entry of a file.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If the file holds no entry, or figures of something else.
    """
    what = "an entry of the leaderboard"
    entry = as_dataclass(Entry, read_json(path, what), f"{path} is not {what}")
    for one in entry.results:
        for name in MEASURES:
            if len(getattr(one, name)) != len(one.seeds):
                raise InputError(f"{path} is not {what}: {one.condition}: {name} has not one figure per seed")
    return entry


def read_entries(folder: Path = FOLDER) -> list[Entry]:
    """Read all entries of a folder.

    Raises:
        InputError: If a file holds none.
    """
    return [read_entry(path) for path in visible(folder, "*.json")]


def add(entry: Entry, folder: Path = FOLDER) -> Path:
    """Write an entry; of conditions that it lacks, the results that its file holds are kept.

    Raises:
        InputError: If the file that would be replaced holds no entry, or that of another method or kind.
    """
    path = file_of(entry.method, folder)
    before = read_entry(path) if path.exists() else entry
    if (before.method, before.sort) != (entry.method, entry.sort):
        raise InputError(
            f"{path} is the entry of {before.method!r}, which is another method: choose another name (--name)"
        )
    found = {one.condition: one for one in before.results + entry.results}
    settings = {**before.settings, **entry.settings}
    order = [found[condition] for condition in task.CONDITIONS if condition in found]
    whole = Entry(entry.method, entry.sort, entry.about, entry.command, order, settings)
    with replacing(path) as temporary:
        temporary.write_text(_text(whole))
    return path


def _text(entry: Entry) -> str:
    """Return the JSON of an entry: figures to six decimals, a list of them on one line."""
    content = asdict(entry) | {"results": [_rounded(asdict(one)) for one in entry.results]}
    text = json.dumps(content, indent=1)
    return re.sub(r"\[[^\[\]{}]*\]", lambda found: re.sub(r"\s+", " ", found[0]), text) + "\n"


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list | tuple) else value
