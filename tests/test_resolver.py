"""Everything that we offer installs beside what RL researchers have, all of it in one environment."""

import os
import subprocess
from pathlib import Path

import pytest
from uv import find_uv_bin

ROOT = Path(__file__).parents[1]

PEERS = {
    "ray[rllib]": "2.49",
    "tianshou": "2.0",
    "rl_zoo3[plots]": "2.6",
    "torchrl": "0.11",
    "sb3-contrib": "2.6",
    "minari": "0.5",
    "mo-gymnasium": "1.3",
    "d3rlpy": "2.8",
}
"""With the version from which on they know Gymnasium 1: a resolver left alone may fall back on one of years ago."""


def compiled(*arguments: str, needed: str) -> subprocess.CompletedProcess[str]:
    words = [find_uv_bin(), "pip", "compile", "--quiet", "--no-header", "--no-annotate", *arguments, "-"]
    return subprocess.run(words, cwd=ROOT, input=needed, capture_output=True, text=True, check=False)


def distribution(peer: str) -> str:
    return peer.partition("[")[0].replace("_", "-")


@pytest.fixture(scope="module")
def _registry() -> None:
    """Skip where there is no network, but not in CI."""
    if compiled(needed="six").returncode and not os.environ.get("CI"):
        pytest.skip("PyPI cannot be reached; set CI=1 to fail here instead")


@pytest.mark.usefixtures("_registry")
@pytest.mark.parametrize("python", ["3.11", "3.13"])
def test_everything_resolves_together_with_all_peers(python: str) -> None:
    """So it does with each of them."""
    needed = "\n".join(f"{peer}>={least}" for peer, least in PEERS.items())
    done = compiled("pyproject.toml", "--extra", "all", "--python-version", python, needed=needed)
    assert done.returncode == 0, done.stderr
    found = dict(line.split(" ;")[0].split("==") for line in done.stdout.splitlines() if "==" in line)
    shown = [f"{name} {found[name]}" for name in ("gymnasium", "numpy", "pandas", *map(distribution, PEERS))]
    print(f"Python {python}:", *shown, sep="\n  ")
