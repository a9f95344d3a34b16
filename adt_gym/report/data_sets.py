"""The table of the data sets that can be read."""

from rich import box
from rich.table import Table

from adt_gym.data.catalogue import DATA_SETS, DataSet


def data_sets_table() -> Table:
    """Return them: size, anomaly rate, licence, and where to get what may not be shipped."""
    table = Table(box=box.SIMPLE_HEAD, caption="The anomaly rate is that of the labelled points.")
    for heading in ("name", "what"):
        table.add_column(heading)
    for heading in ("series", "points", "anomaly rate"):
        table.add_column(heading, justify="right")
    for heading in ("licence", "where to get it"):
        table.add_column(heading, overflow="fold")
    for one in DATA_SETS:
        table.add_row(*_row(one))
    return table


def _row(one: DataSet) -> tuple[str, ...]:
    series, points = ("" if number is None else f"{number:,}" for number in (one.series, one.points))
    rate = "" if one.anomaly_rate is None else f"{100 * one.anomaly_rate:.2f}%"
    return one.name, one.what, series, points, rate, one.licence, one.source
