"""Python as it is where only some libraries are installed: all others cannot be found."""

import re
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement

CORE = ("gymnasium", "numpy")

PROGRAM = """
import sys
from importlib.machinery import PathFinder

hidden = set(sys.argv[1].split(","))

class Bare(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in hidden else super().find_spec(name, path, target)

sys.meta_path = [Bare if finder is PathFinder else finder for finder in sys.meta_path]
del sys.argv[1]
"""

COMMAND = "from adt_gym.scripts.__main__ import app\nsys.argv[0] = 'adt'\napp()"


def run(
    program: str, *arguments: str, modules: Iterable[str] = (), hide: Iterable[str] | None = None, cwd: Path
) -> subprocess.CompletedProcess[str]:
    """Run a program where nothing but the core, these modules and what they need is installed; or all but some."""
    unseen = hidden(frozenset(modules)) if hide is None else sorted(hide)
    words = [sys.executable, "-P", "-c", PROGRAM + program, ",".join(unseen), *arguments]
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)


@cache
def owners() -> dict[str, set[str]]:
    """Return the distributions of every installed module."""
    return {module: set(map(canonical, by)) for module, by in packages_distributions().items()}


@cache
def hidden(modules: frozenset[str]) -> list[str]:
    """Return all installed modules but ours and those that come with these."""
    asked = {one for module in {*CORE, *modules} for one in owners()[module]}
    brought = {one for name in asked for one in closure(name)} | {"adt-gym"}
    return sorted(module for module, by in owners().items() if brought.isdisjoint(by))


@cache
def closure(distribution: str, extras: frozenset[str] = frozenset()) -> frozenset[str]:
    """Return a distribution and all that it requires, however far away."""
    found: set[tuple[str, frozenset[str]]] = set()
    left = [(distribution, extras)]
    while left:
        name, wanted = one = left.pop()
        if one in found:
            continue
        found.add(one)
        try:
            lines = requires(name) or ()
        except PackageNotFoundError:
            continue
        for needed in map(Requirement, lines):
            sets = [{"extra": extra} for extra in wanted or ("",)]
            if needed.marker is None or any(needed.marker.evaluate(each) for each in sets):
                left.append((canonical(needed.name), frozenset(needed.extras)))
    return frozenset(name for name, _ in found)


def canonical(name: str) -> str:
    """Return the one spelling of a distribution's name."""
    return re.sub(r"[-_.]+", "-", name).lower()
