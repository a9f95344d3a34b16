"""Gives every room of the package a page made of its docstrings, and a place in the navigation; names lead there."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

PACKAGE = Path("build/types/adt_gym")
NAME = re.compile(r"(<a [^>]*>)?<code>(adt_gym(?:\.\w+)+)</code>")
"""A full name in the text of a page or docstring, and the link that it stands in already."""

BRIEF = "\n    options: { members: false }"
"""What `adt_gym` itself offers stands where it is defined."""


def rooms() -> dict[str, list[str]]:
    """Return the modules of every room; what stands at the top of the package is the room "adt_gym"."""
    found = {"adt_gym": ["adt_gym", *(f"adt_gym.{path.stem}" for path in modules(PACKAGE))]}
    for room in sorted(path.parent for path in PACKAGE.glob("*/__init__.py")):
        name = f"adt_gym.{room.name}"
        found[name] = [name, *(f"{name}.{path.stem}" for path in modules(room))]
        for inner in sorted(path.parent for path in room.glob("*/__init__.py")):
            below = f"{name}.{inner.name}"
            found[name] += [below, *(f"{below}.{path.stem}" for path in modules(inner))]
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
        blocks = "\n\n".join(f"::: {name}{BRIEF if name == 'adt_gym' else ''}" for name in names)
        files.append(File.generated(config, f"api/{room}.md", content=f"# {room}\n\n{blocks}\n"))


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Make links of full names, wherever they stand, as far as there is something of that name."""
    return NAME.sub(lambda found: found[0] if found[1] else reference(found[2]), html)


def reference(name: str) -> str:
    """Return what mkdocs-autorefs makes a link of, if it can."""
    return f'<autoref identifier="{name}" optional><code>{name}</code></autoref>'
