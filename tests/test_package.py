import ast
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

LAYERS = (
    {
        "checks",
        "compiling",
        "dependencies",
        "extras",
        "reading",
        "series",
        "saved",
        "scaling",
        "scored_files",
        "files",
        "written",
        "folders",
        "spreadsheet",
        "registry",
        "settings",
        "threads",
    },
    {"stream", "metrics"},
    {"mdp"},
    {"envs", "samples", "jax"},
    {"data", "scoring", "thresholds", "evaluation"},
    {"agents", "experiments", "live", "report"},
    {"scripts"},
)
"""What stands higher may import what stands lower, and its own layer."""

HEAVY = {"torch", "pandas", "matplotlib", "scipy", "sklearn", "pygame", "stable_baselines3", "jax", "flax", "gymnax"}


def modules() -> dict[str, Path]:
    """Return every module under the name it is imported by."""
    found = {}
    for folder, package in (("adt_gym", "adt_gym"), ("agents", "adt_gym.agents"), ("scripts", "adt_gym.scripts")):
        for path in (ROOT / folder).rglob("*.py"):
            inner = path.relative_to(ROOT / folder).with_suffix("").parts
            found[".".join([package, *(part for part in inner if part != "__init__")])] = path
    return found


def imported(path: Path, module: str) -> set[str]:
    """Return the modules of this package that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            assert node.module is not None
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.split(".")[0] == "adt_gym" and name != module}


def layer(module: str, known: set[str]) -> int | None:
    """Return the layer of a module, None for the top of the package and what it exports."""
    parts = module.split(".")
    if len(parts) == 1 or not any(name == ".".join(parts[:2]) for name in known):
        return None
    layers = [i for i, names in enumerate(LAYERS) if parts[1] in names]
    assert layers, f"{module} stands in no layer: give it one in LAYERS"
    return layers[0]


def test_imports_run_one_way() -> None:
    every = modules()
    assert {"adt_gym.series", "adt_gym.envs.vector", "adt_gym.agents.reference_dqn"} <= set(every)
    wrong = [
        f"{module} imports {other}"
        for module, path in every.items()
        if module != "adt_gym"
        for other in imported(path, module)
        if (layer(module, set(every)) or 0) < (layer(other, set(every)) or 0)
    ]
    assert not wrong


def test_agents_and_scripts_are_never_imported_by_their_folder() -> None:
    for module, path in modules().items():
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & {"agents", "scripts"}, module


def test_importing_the_library_loads_nothing_heavy() -> None:
    program = """
import importlib, sys
for module in sys.argv[2:]:
    importlib.import_module(module)
    print(module, sorted(set(sys.argv[1].split(",")) & set(sys.modules)))
"""
    packages = ["adt_gym", "adt_gym.envs.thresholding", "adt_gym.envs.vector", "adt_gym.data", "adt_gym.scoring"]
    packages += ["adt_gym.thresholds", "adt_gym.evaluation"]
    run = subprocess.run(
        [sys.executable, "-c", program, ",".join(HEAVY), *packages], capture_output=True, text=True, check=True
    )
    assert run.stdout.splitlines() == [f"{package} []" for package in packages]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    for folder in ("adt_gym", "agents", "scripts"):
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, tree)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)]
    subprocess.run(build, cwd=tree, check=True, capture_output=True)
    return next(out.glob("*.whl"))


def test_the_wheel_holds_one_package(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"adt_gym"}


def test_the_wheel_holds_every_module_and_the_packaged_data(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for module, path in modules().items():
        inside = module.replace(".", "/")
        assert f"{inside}/__init__.py" in names if path.name == "__init__.py" else f"{inside}.py" in names
    assert {"adt_gym/py.typed", "adt_gym/data/yahoo_like.npz"} <= names
    assert "adt_gym/data/zoo/dqn-alerts-10-0.npz" in names
    assert {"adt_gym/agents/reference_dqn.py", "adt_gym/scripts/__init__.py"} <= names


def test_the_wheel_runs_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    program = """
import gymnasium, adt_gym, adt_gym.agents, adt_gym.scripts
print(adt_gym.__file__, adt_gym.agents.__file__)
env = gymnasium.make("ADT-v0")
env.reset(seed=0)
env.step(0)
"""
    path = [str(tmp_path), *(entry for entry in sys.path if "site-packages" in entry)]
    run = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {path!r}\n{program}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == [str(tmp_path / "adt_gym" / p) for p in ("__init__.py", "agents/__init__.py")]
