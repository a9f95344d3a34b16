"""Any table with a label column as samples: a CSV or Parquet file or a pandas DataFrame."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from adt_gym.data.table import LABEL_NAMES, TIME_NAMES, table
from adt_gym.samples import Samples, blobs, kubernetes_samples
from adt_gym.series import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["blobs", "kubernetes_samples", "read_samples"]


def read_samples(
    source: str | Path | pd.DataFrame,
    *,
    label_column: str | None = None,
    features: Sequence[str] | None = None,
    name: str | None = None,
) -> Samples:
    """Read the samples of a table, in the order of time if it has a column of times, otherwise of the rows.

    Args:
        source: The path of a .csv, .csv.gz (UTF-8) or .parquet file, or a DataFrame.
        label_column: 1 or True where the row is anomalous. By default the only column named like a label
            (label, anomaly, is_anomaly).
        features: The columns that the agent sees; by default all but times and labels.
        name: By default the file's name without its ending, or "table".

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If the table cannot be read or lacks a column, a feature is not a finite number, a label is
            not 0 or 1, or one of the classes does not occur.
    """
    frame = _frame(source)
    name = name or ("table" if frame is source else re.sub(r"\.(csv(\.gz)?|parquet)$", "", Path(str(source)).name))
    frame = frame.set_axis([str(column).strip() for column in frame.columns], axis=1)
    (series,) = table(frame, value_columns=features, label_column=label_column, name=name)
    if series.labels is None:
        raise InputError(f"{name} has no label column; name the one of {list(frame.columns)} that holds the labels")
    if features is None:
        for column in frame.columns:
            if column not in (*series.columns, label_column) and not _is_time_or_label(column):
                raise InputError(
                    f"{name}, column {column!r} does not hold numbers; encode it as numbers or name the features to use"
                )
    return Samples(series.values, series.labels, series.columns, name)


def _frame(source: str | Path | pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    from adt_gym.data.table import _read

    return source if isinstance(source, pd.DataFrame) else _read(Path(source), None, None)


def _is_time_or_label(column: str) -> bool:
    return column.lower() in TIME_NAMES or re.sub("[^a-z0-9]", "", column.lower()) in LABEL_NAMES
