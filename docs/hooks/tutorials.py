"""Runs the tutorials as notebooks while the site is built: what a page shows is what its cells have just printed."""

import base64
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

import jupytext
import nbformat
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from nbclient import NotebookClient
from traitlets.config import Config

SECONDS = 300
STYLED = re.compile(r"\x1b\[[0-9;]*m")
"""What colours a terminal."""


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str | None:
    """Put under every cell of a tutorial what it shows, and lay the notebook beside the page."""
    path = PurePosixPath(page.file.src_uri)
    if path.parent.name != "tutorials" or path.stem == "index":
        return None
    notebook = executed(markdown)
    beside: dict[str, Any] = {f"{path.stem}.ipynb": nbformat.writes(notebook)}
    title, _, text = "\n\n".join(shown(notebook, path.stem, beside)).partition("\n")
    for name, content in beside.items():
        files.append(File.generated(config, str(path.with_name(name)), content=content))
    return f"{title}\n\n[This page as a notebook]({path.stem}.ipynb), as it ran when the site was built.\n{text}"


def executed(markdown: str) -> nbformat.NotebookNode:
    """Return the page as a notebook that has run in an empty folder; a cell that fails ends the build."""
    notebook = jupytext.reads(markdown, fmt="md")
    with TemporaryDirectory() as folder:
        private = Config({"KernelManager": {"transport": "ipc", "ip": str(Path(folder) / "kernel")}})
        at = {"metadata": {"path": folder}}
        NotebookClient(notebook, config=private, kernel_name="python3", timeout=SECONDS, resources=at).execute()
    return notebook


def shown(notebook: nbformat.NotebookNode, name: str, pictures: dict[str, Any]) -> Iterator[str]:
    """Yield the cells as Markdown, and put their pictures under names into ``pictures``."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            yield cell.source
            continue
        yield f"```python\n{cell.source}\n```"
        for output in cell.outputs:
            data = output.get("data", {"text/plain": output.get("text")})
            if "image/png" in data:
                picture = f"{name}-{len(pictures)}.png"
                pictures[picture] = base64.b64decode(data["image/png"])
                yield f"![What the cell above draws]({picture})"
            else:
                yield f"```{{ .text .output }}\n{STYLED.sub('', data['text/plain']).rstrip()}\n```"
