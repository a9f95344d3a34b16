"""The libraries that only a part of this package needs: what lacks one says so before it works, and how to get it."""

from collections.abc import Iterable
from importlib.util import find_spec

from adt_gym.checks import InputError

URL = "https://github.com/adt-gym/adt_gym"

_CLI = {"rich", "typer"}

EXTRAS = {
    "cli": _CLI,
    "data": _CLI | {"openpyxl", "pandas", "pyarrow"},
    "train": _CLI | {"stable_baselines3", "tensorboard", "torch"},
    "score": _CLI | {"matplotlib", "pandas", "prophet", "pyod", "sklearn", "statsmodels", "threadpoolctl", "torch"},
    "eval": _CLI | {"aeon", "libspot", "matplotlib", "pandas", "plotly", "pythresh", "scipy", "sklearn"},
    "live": _CLI | {"filelock", "httpx", "plotly", "prometheus_client", "sklearn", "starlette", "uvicorn"},
    "render": {"moviepy", "pygame"},
    "fast": {"numba"},
    "ray": {"ray"},
    "jax": _CLI | {"flax", "gymnax", "jax", "optax", "six"},
    "zoo": {"optuna", "rl_zoo3", "sb3_contrib"},
}
"""What each extra of pyproject.toml brings, as it is imported."""


class MissingExtra(InputError, ImportError):
    """A library is not installed; the message names what needs it and the command that installs it."""


def require(what: str, *modules: str) -> None:
    """Check that libraries are installed, without importing them.

    Args:
        what: What needs them, as the message calls it.
        modules: Their names, as they are imported.

    Raises:
        MissingExtra: If one is not.
    """
    if missing := [one for one in modules if find_spec(one) is None]:
        *others, last = missing
        listed = f"{', '.join(others)} and {last}" if others else last
        are = "are" if others else "is"
        raise MissingExtra(f"{what} needs {listed}, which {are} not installed: {install(extras_with(missing))}")


def extras_with(modules: Iterable[str]) -> list[str]:
    """Return the fewest extras, as far as can be seen one by one, that bring all of these modules."""
    left, chosen = set(modules), []
    while left:
        most = max(EXTRAS, key=lambda extra: len(EXTRAS[extra] & left))
        if not EXTRAS[most] & left:
            raise KeyError(f"no extra brings {', '.join(sorted(left))}")
        chosen.append(most)
        left -= EXTRAS[most]
    return sorted(chosen)


def install(extras: Iterable[str]) -> str:
    """Return the commands that install extras: in a checkout, and anywhere else."""
    names = ",".join(extras)
    return f"pip install '.[{names}]' in a checkout, or pip install 'adt-gym[{names}] @ git+{URL}'"
