"""The Numenta Anomaly Benchmark (NAB): one CSV per series, and one JSON of anomaly windows for all of them."""

import re
import warnings
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adt_gym.data.cells import listed, shown
from adt_gym.files import visible
from adt_gym.reading import read_json
from adt_gym.series import InputError, Series

MOST_COMPARED = 1000
"""Keys among which close ones are looked for."""


def nab(root: str | Path, *, max_gap: int = 0) -> list[Series]:
    """Read every series of a copy of NAB (Lavin and Ahmad, 2015; https://github.com/numenta/NAB).

    Args:
        root: The folder that holds ``data/*/*.csv`` and ``labels/combined_windows.json``.
        max_gap: Up to this many consecutive missing values are filled forward, and counted in one warning per file.

    Returns:
        One labelled series per CSV file, sorted by file name; some have gaps in time (`adt_gym.data.order.gaps`).

    Raises:
        FileNotFoundError: If the folder, the CSV files or the windows are missing.
        InputError: If a file is not as NAB writes it, has no entry among the windows, or a gap is longer than
            ``max_gap``.
    """
    from adt_gym.data.table import table  # which itself reads windows with this module

    root = Path(root)
    windows = root / "labels" / "combined_windows.json"
    files = sorted(visible(root / "data", "*/*.csv"), key=lambda path: path.name)
    if not files:
        raise FileNotFoundError(
            f"no NAB series at {root / 'data'}/*/*.csv; give the folder of a checkout of https://github.com/numenta/NAB"
        )
    return [
        series
        for path in files
        for series in table(
            path, time_column="timestamp", value_columns="value", windows=windows, max_gap=max_gap, allow_gaps=True
        )
    ]


def window_labels(
    index: NDArray[np.datetime64] | None, source_name: str, windows_path: str | Path
) -> NDArray[np.bool_]:
    """Label the points of a series by the anomaly windows of NAB's JSON, both ends of a window included.

    Args:
        index: Shape ``(n,)``: the time of each point.
        source_name: The path or name of the series, whose .gz or .zip does not count. Its entry is the
            longest key with which this path ends, else the only key with the same last part.
        windows_path: A JSON object ``{"folder/file.csv": [[start, end], ...], ...}``.

    Returns:
        Shape ``(n,)``, True inside a window. A window that holds no point is told in a warning.

    Raises:
        FileNotFoundError: If there is no such JSON file.
        InputError: If the series has no times or no entry, or the JSON is not of that form.
    """
    if index is None:
        raise InputError(f"{source_name} has no times to hold against {windows_path}; name them with time_column=")
    entries = _read_windows(Path(windows_path))
    key = _matching_key(source_name, list(entries), windows_path)
    labels = np.zeros(len(index), dtype=bool)
    for window in entries[key]:
        start, end = _window(window, f"{windows_path}, {shown(key)}")
        inside = (start <= index) & (index <= end)
        if not inside.any():
            warnings.warn(
                f"{windows_path}, {shown(key)}: the window {shown(window)} holds no point of {source_name}",
                UserWarning,
                stacklevel=4,
            )
        labels |= inside
    return labels


def _window(window: Any, where: str) -> NDArray[np.datetime64]:
    """Return the start and the end of a window."""
    import pandas as pd

    if isinstance(window, list) and len(window) == 2 and all(isinstance(time, str) for time in window):
        times = pd.to_datetime(window, format="ISO8601", utc=True, errors="coerce").tz_localize(None).to_numpy()
        if not np.isnat(times).any():
            if times[0] > times[1]:
                raise InputError(f"{where}: {shown(window)} ends before it starts")
            return times
    raise InputError(f"{where}: {shown(window)} is not [start, end], two times like 2024-01-31 23:59:00 in quotes")


def _read_windows(path: Path) -> dict[str, list[Any]]:
    if not path.is_file():
        raise FileNotFoundError(f"no anomaly windows at {path}; NAB keeps them in labels/combined_windows.json")
    entries = read_json(path, "JSON")
    if not isinstance(entries, dict) or not all(isinstance(windows, list) for windows in entries.values()):
        raise InputError(f'{path} is not of the form {{"folder/file.csv": [[start, end], ...], ...}}')
    return entries


def _matching_key(source_name: str, keys: list[str], windows_path: str | Path) -> str:
    given = Path(source_name).as_posix()
    source = re.sub(r"\.(gz|zip)$", "", given, flags=re.IGNORECASE)
    whole = [key for key in keys if f"/{given}".endswith(f"/{key}")]
    whole = whole or [key for key in keys if f"/{source}".endswith(f"/{key}")]
    if whole:
        return max(whole, key=len)
    file = Path(source).name
    same = [key for key in keys if Path(key).name == file]
    if len(same) == 1:
        return same[0]
    if same:
        raise InputError(
            f"{windows_path} has several windows for {file!r}: {listed(same)}; read the file from its folder"
        )
    close = get_close_matches(source, keys[:MOST_COMPARED], n=3, cutoff=0.3) or keys[:3]
    raise InputError(f"{windows_path} has no windows for {source!r}; its closest keys are {listed(close)}")
