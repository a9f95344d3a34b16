"""CSV files that a spreadsheet may open: no cell of ours is run as a formula, and every cell is read back as it was."""

import csv
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adt_gym.files import replacing

if TYPE_CHECKING:
    import pandas as pd

_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
"""What a spreadsheet takes for a formula, or would once the ``'`` before it are taken off."""


def harmless(cell: Any) -> Any:
    """Return a cell as it is written: text that a spreadsheet would run gets a ``'`` in front; numbers stay numbers."""
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) and not _is_number(cell) else cell


def original(cell: Any) -> Any:
    """Return the cell of which `harmless` made this one."""
    return cell[1:] if isinstance(cell, str) and cell.startswith("'") and _FORMULA.match(cell) else cell


def write_csv(path: str | Path, header: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    """Write a CSV file whose cells no spreadsheet runs."""
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows(map(harmless, row) for row in (header, *rows))


def read_csv(path: str | Path) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows that `write_csv` wrote, as text.

    Raises:
        ValueError: If the file is empty or not text.
    """
    with Path(path).open(newline="", encoding="utf-8") as file:
        rows = [list(map(original, row)) for row in csv.reader(file)]
    if not rows:
        raise ValueError("it is empty")
    return rows[0], rows[1:]


def write_frame(path: str | Path, table: "pd.DataFrame") -> None:
    """Write a DataFrame, without its index, to a CSV file whose cells no spreadsheet runs."""
    with replacing(path) as temporary:
        table.map(harmless).to_csv(temporary, index=False)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return not text[0].isspace()
