"""Gives every room of the package a page made of its docstrings, and a place in the navigation."""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

PACKAGE = Path("build/types/adt_gym")


def rooms() -> dict[str, list[str]]:
    """Return the modules of every room; what stands at the top of the package is the room "adt_gym"."""
    found = {"adt_gym": ["adt_gym", *(f"adt_gym.{path.stem}" for path in modules(PACKAGE))]}
    for room in sorted(path.parent for path in PACKAGE.glob("*/__init__.py")):
        name = f"adt_gym.{room.name}"
        found[name] = [name, *(f"{name}.{path.stem}" for path in modules(room))]
    return found


def modules(folder: Path) -> list[Path]:
    """Return the modules of a folder that are imported by a name of their own."""
    return sorted(path for path in folder.glob("*.py") if not path.stem.startswith("__"))


def on_config(config: MkDocsConfig) -> None:
    """Enter the pages under "API"."""
    (entry,) = (one for one in config.nav if "API" in one)
    entry["API"] = ["api/index.md", *({room: f"api/{room}.md"} for room in rooms())]


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Make the pages."""
    for room, names in rooms().items():
        blocks = "\n\n".join(f"::: {name}" for name in names)
        files.append(File.generated(config, f"api/{room}.md", content=f"# {room}\n\n{blocks}\n"))
