"""Any table with a label column as samples: a CSV or Parquet file or a pandas DataFrame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adt_gym.data.cells import listed
from adt_gym.data.columns import Columns
from adt_gym.data.metrics import TEXT
from adt_gym.data.table import read_table
from adt_gym.samples.samples import Samples, blobs, kubernetes_samples
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
    **reading: Any,
) -> Samples:
    """Read the samples of a table, in the order of time if it has a column of times, otherwise of the rows.

    Args:
        source: A path or DataFrame, as `adt_gym.data.table.read_table` takes it.
        label_column: 1 or True where the row is anomalous. By default the only column named like a label
            (label, anomaly, is_anomaly).
        features: The columns that the agent sees; by default the metrics of `adt_gym.data.table.read_table`.
        name: By default the file's name without its ending, or "table".
        reading: More options of `adt_gym.data.table.read_table`: time_column, drop_columns, delimiter, decimal, ...

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If the table cannot be read or lacks a column, a feature is not a finite number, a label is
            not 0 or 1, or one of the classes does not occur.
    """
    return samples_and_columns(source, label_column, features, name, **reading)[0]


def samples_and_columns(
    source: str | Path | pd.DataFrame,
    label_column: str | None = None,
    features: Sequence[str] | None = None,
    name: str | None = None,
    **reading: Any,
) -> tuple[Samples, Columns]:
    """Return the samples of a table and what its columns were taken for; the arguments are those of `read_samples`."""
    try:
        read = read_table(
            source, value_columns=features, label_column=label_column, name=name, allow_gaps=True, **reading
        )
    except InputError as error:
        raise InputError(str(error).replace("value_columns=", "features=")) from error
    if len(read.series) > 1:
        raise InputError(f"{source} holds {len(read.series)} tables; give the path of one")
    (series,) = read.series
    if series.labels is None:
        names = listed([*series.columns, *read.columns.unused])
        raise InputError(f"{series.name} has no label column; name the one of {names} that holds it with label_column=")
    for column, why in read.columns.unused.items():
        if why == TEXT:
            raise InputError(
                f"{series.name}, column {column!r} does not hold numbers; encode it as numbers or name the features "
                "to use with features="
            )
    return Samples(series.values, series.labels, series.columns, series.name), read.columns
