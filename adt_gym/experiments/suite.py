"""A suite: families of series, each tested on units of its own that were left out, and by what other families teach."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

from adt_gym.data.sources import SourceSettings
from adt_gym.experiments.servers import LEAST, Round, Server, anomalous, check_apart, read_servers
from adt_gym.files import visible
from adt_gym.report.progress import console
from adt_gym.series import InputError

PANELS = ("units", "families")
"""How a suite is split: units of one family apart from each other, or families."""


def suite_rounds(folder: str | Path, options: SourceSettings, panels: Sequence[str], folds: int) -> list[Round]:
    """Return who is tested, and who is learned from for that, in every panel.

    Args:
        folder: Holds a folder of ``.npz`` files per family; other folders are passed over.
        options: How all series are read.
        panels: Of `PANELS`.
        folds: Into how many parts the units of a family are dealt, at least 2.

    Raises:
        FileNotFoundError: If there is no such folder.
        InputError: If a series cannot be read, or there is nothing to learn from anywhere.
    """
    families = read_families(folder, options)
    made = {"units": lambda: unit_rounds(families, folds), "families": lambda: family_rounds(families)}
    rounds = [one for panel in dict.fromkeys(panels) for one in made[panel]()]
    for one in rounds:
        for tested in one.tests:
            check_apart(one.train, tested)
    if not rounds:
        raise InputError(f"{folder}: no family has enough series with an anomaly to learn from; add series or families")
    return rounds


def read_families(folder: str | Path, options: SourceSettings) -> dict[str, list[Server]]:
    """Return the series of every family by its name, which is that of its folder.

    Raises:
        FileNotFoundError: If there is no such folder.
        InputError: If a series cannot be read, or no folder in it holds any.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder of families at {folder}")
    inner = [one for one in visible(folder, "*") if one.is_dir()]
    found = {
        one.name: [replace(server, family=one.name) for server in read_servers([str(one)], options)]
        for one in inner
        if any(visible(one, "*.npz"))
    }
    if passed := sorted({one.name for one in inner} - set(found)):
        console.print(f"passed over, for want of .npz files: {', '.join(passed)}", markup=False, soft_wrap=True)
    if not found:
        raise InputError(f"{folder} holds no families: give a folder of folders of .npz files, one folder per family")
    return found


def related(units: Mapping[str, Collection[str]]) -> list[list[str]]:
    """Return the families in groups: those that have a unit in common, directly or by way of others, are together.

    Args:
        units: By family, the names of its units.
    """
    groups: list[list[str]] = []
    for family, own in units.items():
        akin = [group for group in groups if any(set(own) & set(units[other]) for other in group)]
        groups = [group for group in groups if group not in akin] + [[*chain(*akin), family]]
    return groups


def fold_of(units: Mapping[str, Collection[str]], folds: int | None) -> dict[str, int]:
    """Return the fold of every unit of related families: in their order, dealt out; of one name, one fold.

    Args:
        units: By family, the names of its units.
        folds: How many there are to be; None for as many as units.
    """
    names = sorted(set().union(*units.values()))
    return {name: i % (folds or len(names)) for i, name in enumerate(names)}


def unit_rounds(families: Mapping[str, Sequence[Server]], folds: int) -> Iterator[Round]:
    """Yield the folds of every family: tested are the units of one, the others teach.

    Where too few would teach, each unit is a fold; a family for which that does not help is left out, with a line.
    """
    units = {family: {one.name for one in servers} for family, servers in families.items()}
    for group in related(units):
        dealt = [fold_of({one: units[one] for one in group}, parts) for parts in (folds, None)]
        for family in group:
            for fold in dealt:
                rounds = list(_folds(family, families[family], fold))
                if all(len(anomalous(one.train)) >= LEAST for one in rounds):
                    yield from rounds
                    break
            else:
                _left_out(family, "units")


def _folds(family: str, servers: Sequence[Server], fold: Mapping[str, int]) -> Iterator[Round]:
    for i in sorted({fold[one.name] for one in servers}):
        tests = tuple(one for one in servers if fold[one.name] == i)
        yield Round(tuple(one for one in servers if fold[one.name] != i), tests, "units", family, i)


def family_rounds(families: Mapping[str, Sequence[Server]]) -> Iterator[Round]:
    """Yield every family, tested by what those teach that are not related to it."""
    units = {family: {one.name for one in servers} for family, servers in families.items()}
    for group in related(units):
        train = tuple(one for family, servers in families.items() if family not in group for one in servers)
        for family in group:
            if len(anomalous(train)) >= LEAST:
                yield Round(train, tuple(families[family]), "families", family)
            else:
                _left_out(family, "families")


def _left_out(family: str, panel: str) -> None:
    console.print(
        f"{family}: left out of the panel of {panel}, for want of {LEAST} series with an anomaly to learn from",
        markup=False, soft_wrap=True,
    )  # fmt: skip
