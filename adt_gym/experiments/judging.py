"""Entries of the leaderboard for what is registered or lies in a file."""

from collections.abc import Sequence

from adt_gym import thresholds
from adt_gym.evaluation.bench import results
from adt_gym.evaluation.leaderboard import Entry, Sort

SEVERAL_NAMES = {"persistence": "persistence(d)"}
"""What tables call methods whose name tells the delay."""


def judge(
    method: str,
    conditions: Sequence[str] | None = None,
    seeds: Sequence[int] = (0,),
    name: str | None = None,
    about: str | None = None,
) -> Entry:
    """Judge a registered method, or a file of a method or policy, on the test series.

    Args:
        method: Its name, or the path of its ``.npz`` file.
        conditions: Under which; None for all that it fits.
        seeds: Of what is drawn.
        name: What the table calls it.
        about: One line: what it is. None: the first line of the documentation of a registered method.

    Raises:
        InputError: If it is unknown, or fits none of the conditions.
        FileNotFoundError: If there is no such file.
    """
    registered = not method.endswith(".npz")
    found = results(method, conditions, name or SEVERAL_NAMES.get(method), seeds)
    words = [f"--condition {one}" for one in conditions or ()] + [f"--seeds {len(seeds)}"]
    command = f"adt leaderboard judge {method} {' '.join(words)}"
    if about is None:
        about = str(thresholds.registry[method].load().__doc__).splitlines()[0] if registered else "a policy"
    return Entry(found[0].method, _sort(method) if registered else "yours", about, command, found)


def _sort(name: str) -> Sort:
    tags = thresholds.registry[name].tags
    if thresholds.BASELINE in tags:
        return "baseline"
    return "learned" if thresholds.NEEDS in tags else "rule"
