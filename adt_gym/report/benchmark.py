"""What a benchmark came to, as a table and as JSON, with the machine that it was measured on."""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from adt_gym.experiments.timing import Comparison, Machine, short, this_machine
from adt_gym.folders import check_file, own_file
from adt_gym.report.progress import console


@dataclass(frozen=True)
class Report:
    """One benchmark's settings, and the machine before it began.

    Args:
        name: The benchmark's.
        settings: A dataclass.
        out: The folder of the JSON.
        machine: Where it is measured.
    """

    name: str
    settings: Any
    out: Path
    machine: Machine = field(default_factory=this_machine)

    def __post_init__(self) -> None:
        check_file(self.path, "benchmark")

    @property
    def path(self) -> Path:
        """The file of the results."""
        return self.out / f"{self.name}.json"

    def compare(self, unit: str, measure: Callable[[], Sequence[Comparison]], **more: str) -> None:
        """Measure, print the comparisons and write them, with more to say of them."""
        comparisons = measure()
        results = {"unit": unit, "comparisons": [as_results(one) for one in comparisons], **more}
        self.publish(ratio_table(self.name, unit, comparisons), results)

    def publish(self, table: Table, results: dict[str, Any]) -> None:
        """Print the table and where it was measured, write the results to ``out/NAME.json``."""
        origin = {"benchmark": self.name, "command": ["adt", *sys.argv[1:]], "machine": asdict(self.machine)}
        with own_file(self.path, "benchmark") as temporary:
            content = {**origin, "settings": asdict(self.settings), **results}
            temporary.write_text(json.dumps(content, indent=2) + "\n")
        console.print(table)
        console.print(f"on {self.machine}; the figures are in {self.path}", soft_wrap=True, highlight=False)


def as_results(comparison: Comparison) -> dict[str, Any]:
    """Return what the JSON holds of a comparison: each round's rates, and how many times as fast ours is."""
    measurement = comparison.measurement
    ours, *others = measurement.rates
    return {
        "setting": comparison.setting,
        "rates": measurement.rates,
        "ratios": {other: asdict(measurement.ratio(ours, other)) for other in others},
        **comparison.further,
    }


def ratio_table(title: str, unit: str, comparisons: Sequence[Comparison]) -> Table:
    """Return the comparisons as a table to print."""
    ours, further = next(iter(comparisons[0].measurement.rates)), comparisons[0].further
    columns = ("", unit, f"{ours} is times as fast", *further)
    table = plain_table(f"{title}: median (lowest - highest)", columns)
    for comparison in comparisons:
        measurement = comparison.measurement
        for name in measurement.rates:
            ratio = "" if name == ours else str(measurement.ratio(ours, name))
            more = (short(values[name]) for values in comparison.further.values())
            table.add_row(f"{name} {comparison.setting}", str(measurement.rate(name)), ratio, *more)
    return table


def plain_table(title: str, columns: Sequence[str]) -> Table:
    """Return an empty table, all but its first column to the right."""
    table = Table(title=title, box=box.SIMPLE_HEAD, pad_edge=False)
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i else "left", no_wrap=i == 0)
    return table
