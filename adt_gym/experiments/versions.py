"""What a result was made with."""

import platform
import sys
from importlib.metadata import PackageNotFoundError, version

import adt_gym

PACKAGES = ("numpy", "torch", "gymnasium", "scikit-learn")


def versions() -> dict[str, object]:
    """Return the command and the versions it ran with, for a config.json."""
    return {
        "command": ["adt", *sys.argv[1:]],
        "versions": {
            "python": platform.python_version(),
            "adt_gym": adt_gym.__version__,
            **{name: version_of(name) for name in PACKAGES},
        },
    }


def version_of(package: str) -> str | None:
    """Return the version of a package that is installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
