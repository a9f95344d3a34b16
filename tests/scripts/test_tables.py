from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from rich.table import Table

from adt_gym import Detection, ScoredSeries
from adt_gym.evaluation.compare import Row, measure
from adt_gym.scripts.tables import copying, kinds_table, seeds_table

LABELS = np.array([False, True, True, False])
TEST = ScoredSeries(np.full(4, 0.5), LABELS, "s")


def row(method: str, f1: float = 0.5, decisions: np.ndarray = LABELS) -> Row:
    made = measure(method, method == "adt", [Detection(np.full(4, 0.5), decisions, LABELS, "s")], [TEST])
    return replace(made, f1=f1)


def cells(table: Table) -> dict[str, list[str]]:
    columns = [list(column.cells) for column in table.columns]
    return {str(cells[0]): [str(cell) for cell in cells[1:]] for cells in zip(*columns, strict=True)}


def test_means_and_sample_deviations_over_seeds_by_hand() -> None:
    shown = seeds_table([[row("adt", 0.2), row("b", 0.6)], [row("adt", 0.6)], [row("adt", 0.7)]])
    found = cells(shown)
    assert found["adt"] == ["yes", "1.000 ± 0.000", "1.000 ± 0.000", "0.500 ± 0.265", "3"]
    assert found["b"] == ["no", "1.000", "1.000", "0.600", "1"]
    assert shown.title == "mean over 3 seeds"


def test_kinds_over_seeds_are_their_mean() -> None:
    seeds = [{"a": {"point": 0.25, "trend": 1.0}}, {"a": {"point": 0.75, "trend": 0.5}}]
    assert cells(kinds_table(seeds)) == {"a": ["0.50", "0.75"]}
    assert cells(kinds_table(seeds[:1])) == {"a": ["0.25", "1.00"]}


def test_copying_counts_equal_decisions() -> None:
    rows = [row("adt", decisions=np.array([True, True, True, False])), row("persistence(1)")]
    assert "75.00%" in copying(rows)


@pytest.mark.parametrize("width", [80, 110])
def test_a_table_over_seeds_fits_its_terminal(width: int) -> None:
    console = Console(width=width)
    with console.capture() as captured:
        console.print(seeds_table([[row("rolling_quantile(0.99, 1000)")]] * 2))
    assert "rolling_quantile(0.99, 1000)" in captured.get()
    assert max(map(len, captured.get().splitlines())) <= width
