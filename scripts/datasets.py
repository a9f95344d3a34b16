"""`adt datasets`: what can be read, how large it is, and where to get what may not be shipped."""

from adt_gym.report.data_sets import data_sets_table
from adt_gym.report.progress import console


def datasets() -> None:
    """List the data sets: size, anomaly rate, licence, and where to get them."""
    console.print(data_sets_table())
