from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from adt_gym import Detection, ScoredSeries, thresholds
from adt_gym.evaluation.compare import Row, measure
from adt_gym.evaluation.frontier import PERSISTENCE, FrontierRow, panel
from adt_gym.evaluation.scorers import ScorerRow, evaluate_baselines
from adt_gym.experiments import paper
from adt_gym.experiments.paper import Setting
from adt_gym.experiments.paper_results import ReproduceSettings, Result
from adt_gym.metrics.bootstrap import Interval
from adt_gym.report import frontier_tables, paper_tables
from adt_gym.report.progress import console
from adt_gym.report.scorer_tables import scorer_tables
from adt_gym.report.sweep import METRICS, summary_table
from adt_gym.report.tables import (
    clipped,
    copying,
    further_tables,
    kinds_table,
    new_table,
    seeds_table,
    table,
)
from adt_gym.scoring.training import Epoch

LABELS = np.array([False, True, True, False])
TEST = ScoredSeries(np.full(4, 0.5), LABELS, "s")
LONG = "pythresh:A_METHOD_WHOSE_NAME_NEVER_ENDS(quantile=0.99999, windows=100000, kernel='gaussian') " * 2
NASTY = (
    LONG,
    "[red]" + LONG.replace(" ", "_") + "[/]",
    "方法" * 60,
    "two\nlines\tand " + LONG,
    "e\u0301" * 120,
    "short",
)


def row(method: str, f1: float = 0.5, decisions: np.ndarray = LABELS) -> Row:
    made = measure(method, method == "adt", [Detection(np.full(4, 0.5), decisions, LABELS, "s")], [TEST])
    return replace(made, values={**made.values, "f1": f1})


def cells(table: Table) -> dict[str, list[str]]:
    columns = [list(column.cells) for column in table.columns]
    return {str(cells[0]): [str(cell) for cell in cells[1:]] for cells in zip(*columns, strict=True)}


def printed(table: Table, width: int = 100) -> list[str]:
    own = Console(width=width)
    with own.capture() as captured:
        own.print(table)
    return captured.get().splitlines()


def test_means_and_sample_deviations_over_seeds_by_hand() -> None:
    shown = seeds_table([[row("adt", 0.2), row("b", 0.6)], [row("adt", 0.6)], [row("adt", 0.7)]])
    found = cells(shown)
    one = "1.000 ±0.000"
    assert found["adt"] == ["yes", one, "0.500 ±0.265", one, one, "3"]
    assert found["b"] == ["no", "1.000", "0.600", "1.000", "1.000", "1"]
    assert str(shown.title) == "mean over 3 seeds"


def test_kinds_over_seeds_are_their_mean() -> None:
    seeds = [{"a": {"point": 0.25, "trend": 1.0}}, {"a": {"point": 0.75, "trend": 0.5}}]
    assert cells(kinds_table(seeds)) == {"a": ["0.50", "0.75"]}
    assert cells(kinds_table(seeds[:1])) == {"a": ["0.25", "1.00"]}


def test_copying_counts_equal_decisions() -> None:
    rows = [row("adt", decisions=np.array([True, True, True, False])), row("persistence(1)")]
    assert "75.00%" in copying({one.method: one.detections for one in rows})


def test_the_leading_table_starts_with_the_composite_f1() -> None:
    shown = table([row("adt", 0.25)], "title", deadline=3)
    headers = [str(column.header).replace("\n", " ") for column in shown.columns]
    assert headers[:5] == ["method", "saw labels", "composite F1", "F1", "F1 95%"]
    assert cells(shown)["adt"][:3] == ["yes", "1.000", "0.250"]
    assert "within 3 windows" in str(shown.caption)


def test_why_a_method_stands_at_zero_is_said_below() -> None:
    windows = np.arange(30)
    test = ScoredSeries(np.full(30, 0.5), (windows > 4) & (windows < 25), "s")
    decisions = {
        "spot": np.zeros(30, bool),
        "never": np.zeros(30, bool),
        "always": np.ones(30, bool),
        "unlucky": windows == 2,
        "late": windows == 20,
        "adt": windows == 7,
    }
    deltas = np.full(30, 0.5, np.float32)
    rows = [measure(m, False, [Detection(deltas, d, test.labels, "s")], [test]) for m, d in decisions.items()]
    caption = str(table(rows, "title").caption)
    assert "flags nothing, its threshold lies above all scores: spot, never; flags everything: always; " in caption
    assert "all its alarms are false: unlucky; all its alarms come after the deadline: late" in caption
    assert "adt" not in caption


def test_the_frontier_says_so_too() -> None:
    numbers = {f.name: 0.5 for f in fields(FrontierRow) if f.default != f.default}
    zeros = {"static": {"alarms_per_1000": 0.0, "f1": 0.0, "composite_f1": 0.0}, "dspot": {"composite_f1": 0.0}}
    rows = [
        FrontierRow(method, "full", delay, 0.0, "a", 0, False, **numbers | zeros.get(method, {}))
        for method, delay in product(("static", "dspot", "ours"), ("1", "10"))
    ]
    *_, last = frontier_tables.leading_tables(pd.DataFrame([vars(one) for one in rows]), "feedback full", 10)
    assert "flags nothing, its threshold lies above all scores: static; all its" in str(last.caption)
    assert "after the deadline: dspot" in str(last.caption)
    assert "ours" not in str(last.caption)


# Width


def results() -> list[Result]:
    wide = dict.fromkeys((f.name for f in fields(Result)), 0.12345)
    wide |= {"delay_median": 12345.0, "alarms_per_1000": 1000.0, "false_alarms_per_day": 43200.12, "seconds": 54321.0}
    more = {"saw_labels": True, "interval": Interval(0.5, 0.123, 0.789), "reported": (0.98765, 0.98765, 0.98765)}
    return [Result(**wide | more | {"method": name, "setting": Setting(), "p_value": 0.002}) for name in NASTY]  # type: ignore[arg-type]


def rows() -> list[Row]:
    many = {"alarms_per_1000": 1000.0, "false_alarms_per_1000": 933.3, "false_alarms_per_day": 43200.12}
    many |= {"alarm_segments_per_day": 43200.12, "delay_median": 12345, "delay_p95": 123456, "missed_events": 12345}
    many |= {"f1_low": 0.123, "f1_high": 0.789, "seconds": 12345.67}
    return [replace(row(name), values={**row(name).values, **many}) for name in NASTY]


def every_table() -> Iterator[tuple[str, Table]]:
    given = rows()
    yield "table", table(given, LONG * 3)
    yield from (("further", one) for one in further_tables(given))
    yield "seeds", seeds_table([given, given])
    kinds = ("point", "seasonal", "sequence", "trend")
    yield "kinds", kinds_table([{name: dict.fromkeys(kinds, 0.5) for name in NASTY}])

    reports = evaluate_baselines([TEST], [TEST])
    epoch = Epoch(1, 0.12345, 0.12345, 0.12345, 0.999, 0.999, 0.999)
    wide = {"tp": 12_345_678, "fp": 12_345_678, "fn": 12_345_678, "tn": 12_345_678, "threshold": 0.999, "auroc": 0.999}
    scorers = [ScorerRow(replace(reports[0], method=name, **wide), 12345.6, [epoch]) for name in NASTY]
    yield from (("scorers", one) for one in scorer_tables(scorers, LONG * 3, every=True))

    delays = ("1", "10", "60", "300", "3600", "86400", "604800", "never")
    numbers = {f.name: 0.98765 for f in fields(FrontierRow) if f.default != f.default}
    numbers |= {"false_alarms_per_day": 43200.1, "false_alarms_per_1000": 999.9, "detection_delay": 12345.0}
    unseen = [
        FrontierRow(name, "full", delay, 0.1, "a", seed, True, **numbers)
        for name, delay, seed in product((*NASTY, PERSISTENCE, *thresholds.names()), delays, (0, 1))
    ]
    some = panel(pd.DataFrame([vars(one) for one in unseen]), "full", 0.1)
    made = [*frontier_tables.leading_tables(some, LONG, 10), *frontier_tables.further_tables(some, LONG)]
    yield from (("frontier", one) for one in made)

    settings = {"series": "yahoo_like", "k": 10, "alpha": 0.95, "episodes": 20000, "saw_labels": True, "seeds": 10}
    measured = {f"{metric}{end}": 0.98765 for metric in METRICS for end in ("", "_std")} | {"training_seconds": 54321.0}
    order = ["series", "k", "alpha", "episodes", "method", "saw_labels", "seeds", *measured]
    yield (
        "sweep",
        summary_table(pd.DataFrame([{**settings, **measured, "method": name} for name in NASTY])[order]),
    )

    for what in ("table2", "table3", "table4", "figure2"):
        asked = ReproduceSettings(what, as_published=True)  # type: ignore[arg-type]
        yield what, paper_tables.leading_table(asked, 1_000_000, results())
    yield "further paper", paper_tables.further_table(results())
    yield "published", paper_tables.published_table(1_000_000, results(), results())
    for what, dataset in product(("table2", "table3", "table4"), ("yahoo", "swat", "wadi")):
        if said := paper.rows_reported(what, dataset):  # type: ignore[arg-type]
            yield f"the paper's {what}", paper_tables.reported_table(what, said)  # type: ignore[arg-type]


def test_every_table_fits_100_columns_and_wraps_no_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "width", 100)
    for what, one in every_table():
        wide = printed(one, 300)
        narrow = printed(one)
        assert max(map(cell_len, narrow)) <= 100, what
        assert len(one.rows) > 0
        # in the rows of the body, what stands at 100 columns is what stands at 300
        start = next(i for i, line in enumerate(narrow) if "───" in line)
        begun = next(i for i, line in enumerate(wide) if "───" in line)
        body = narrow[start + 1 : start + 1 + len(one.rows)]
        assert [line.split() for line in body] == [line.split() for line in wide[begun + 1 : begun + 1 + len(one.rows)]]
        for line in body:
            assert line.count("…") <= 1, f"{what}: {line}"
            assert not line.rstrip().endswith("…"), f"{what}: {line}"


def test_a_name_is_whole_where_there_is_room_and_clipped_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "width", 100)
    name = "rolling_quantile(0.99, 1000)"
    assert any(name in line for line in printed(table([row(name)], "title")))
    monkeypatch.setattr(console, "width", 80)
    (line,) = [line for line in printed(table([row(name)], "title"), 80) if "rolling" in line]
    assert "rolling_quan" in line
    assert "1.000" in line


@pytest.mark.parametrize("name", NASTY)
@pytest.mark.parametrize("width", [12, 13, 40])
def test_a_clipped_name_is_as_wide_as_it_may_be(name: str, width: int) -> None:
    short = clipped(name, width)
    assert cell_len(short) <= width
    assert short == name or (short.endswith("…") and cell_len(short) >= width - 1)


def test_markup_in_a_name_is_not_obeyed() -> None:
    assert "[bold]x[/bold]" in "".join(printed(new_table(("method", "F1"), [("[bold]x[/bold]", "1")])))
