"""Yahoo's Webscope S5: real traffic (A1) and three sets of synthetic series (A2 to A4), hourly, univariate."""

from pathlib import Path

from adt_gym.data.reading import numbered
from adt_gym.data.table import table
from adt_gym.files import visible
from adt_gym.series import InputError, Series

LAYOUTS = {  # how the files of a benchmark are called, and their columns of times and labels
    "A1": ("real_*.csv", "timestamp", "is_anomaly"),
    "A2": ("synthetic_*.csv", "timestamp", "is_anomaly"),
    "A3": ("A3Benchmark-TS*.csv", "timestamps", "anomaly"),
    "A4": ("A4Benchmark-TS*.csv", "timestamps", "anomaly"),
}


def yahoo(root: str | Path, *, benchmark: str | None = None, max_gap: int = 0) -> list[Series]:
    """Read a copy of Yahoo S5, which Yahoo gives to researchers on request and nobody may pass on.

    N. Laptev, S. Amizadeh and Y. Billawala, "S5 - A Labeled Anomaly Detection Dataset", Yahoo! Webscope, 2015.
    Of A3 and A4, the outliers (``anomaly``) are the labels; change points are not.

    Args:
        root: The folder of all benchmarks, or that of one: ``A1Benchmark``, ..., ``A4Benchmark``.
        benchmark: "A1", "A2", "A3" or "A4" for the series of that one alone.
        max_gap: Up to this many consecutive missing values are filled forward, and counted in one warning per file.

    Returns:
        ``real_1``, ..., ``synthetic_1``, ..., ``A3Benchmark-TS1``, ...: by benchmark, then by number.
        A1 counts hours from 1 and so has no times.

    Raises:
        FileNotFoundError: If there are no such files.
        InputError: If there is no such benchmark, a file is not as published, or a gap is longer than ``max_gap``.
    """
    if benchmark not in (None, *LAYOUTS):
        raise InputError(f"yahoo: benchmark must be one of {', '.join(LAYOUTS)}, got {benchmark!r}")
    layouts = [LAYOUTS[benchmark]] if benchmark else LAYOUTS.values()
    series = [
        one
        for pattern, time, label in layouts
        for path in _files(Path(root), pattern)
        for one in table(path, value_columns="value", time_column=time, label_column=label, max_gap=max_gap)
    ]
    if not series:
        raise FileNotFoundError(
            f"no real_N.csv, synthetic_N.csv, A3Benchmark-TSN.csv or A4Benchmark-TSN.csv in {root} or its folders "
            "A1Benchmark to A4Benchmark; S5 is given on request at https://webscope.sandbox.yahoo.com"
        )
    return series


def _files(root: Path, pattern: str) -> list[Path]:
    paths = {*visible(root, pattern), *visible(root, f"A[1-4]Benchmark/{pattern}")}
    return [path for path in numbered(paths) if not path.stem.endswith("_all")]
