"""Files and folders: what is wrong with them is one clear error, and numbered files come in the order of numbers."""

import re
import warnings
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from adt_gym.files import visible
from adt_gym.series import InputError

SEPARATORS = (",", ";", "\t", "|")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what a reader of ``path`` raises into an InputError that says how to mend the file."""
    import pandas as pd

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            warnings.simplefilter("ignore", pd.errors.DtypeWarning)  # a column of mixed types is read cell by cell
            yield
    except InputError:
        raise
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not encoded as UTF-8 throughout; save it again as UTF-8 ({error})") from error
    except pd.errors.EmptyDataError as error:
        raise InputError(f"{path} is empty") from error
    except pd.errors.ParserWarning as error:
        raise InputError(f"{path} has rows with more fields than its header; is delimiter= right?") from error
    except (ValueError, OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read as a table: {str(error).strip()}") from error


def csv_options(delimiter: str) -> dict[str, Any]:
    """Return what every CSV file is read with."""
    return {"sep": delimiter, "engine": "c", "encoding": "utf-8-sig", "index_col": False}


def csv_header(path: Path, delimiter: str, remedy: str, skip: int = 0) -> list[str]:
    """Return the names of the columns as they are written, ``skip`` lines below the top.

    Raises:
        InputError: If there is one column, with another separator in its name, which ``remedy`` is formatted with.
    """
    import pandas as pd

    header = list(pd.read_csv(path, nrows=0, skiprows=skip, **csv_options(delimiter)).columns)
    if len(header) == 1 and (other := separator_in(header[0], delimiter)):
        raise InputError(f"{path} has one column, {header[0]!r}; {remedy.format(other)}")
    return header


def separator_in(text: str, delimiter: str = ",") -> str | None:
    """Return what else than the delimiter may separate columns in a text."""
    return next((other for other in SEPARATORS if other != delimiter and other in text), None)


def numbered(paths: Iterable[Path]) -> list[Path]:
    """Sort paths with the numbers in their names as numbers: real_2 before real_10."""
    parts = {path: re.split(r"(\d+)", path.name) for path in paths}
    return sorted(parts, key=lambda path: [int(part) if part.isdigit() else part for part in parts[path]])


def one_file(root: Path, pattern: str, remedy: str) -> Path:
    """Return the only file of a folder whose whole name fits a regular expression, in upper or lower case.

    Raises:
        FileNotFoundError: If there is no such folder or file.
        InputError: If there are several.
    """
    found = files(root, pattern, remedy)
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise InputError(f"{root} holds several files for one part of the data set: {names}; keep one of them there")
    return found[0]


def files(root: Path, pattern: str, remedy: str) -> list[Path]:
    """Return the files of a folder whose whole names fit a regular expression, in the order of their numbers.

    Raises:
        FileNotFoundError: If there is no such folder or file.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"no folder at {root}; {remedy}")
    found = [path for path in visible(root, "*") if re.fullmatch(pattern, path.name, re.IGNORECASE)]
    if not found:
        raise FileNotFoundError(f"no file in {root} has a name like {pattern}; {remedy}")
    return numbered(found)
