import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from adt_gym import InputError
from adt_gym.envs import task
from adt_gym.evaluation.bench import Result, mean_of
from adt_gym.evaluation.leaderboard import Entry, add, file_of, read_entries, read_entry
from adt_gym.experiments.judging import judge
from adt_gym.report.leaderboard import page

ROOT = Path(__file__).parents[2]
BOARD = ROOT / "docs" / "leaderboard"
CHEAP = {"always": 5, "never": 5, "random": 5, "persistence": 5, "static": 5, "quantile": 1, "rolling_quantile": 1,
         "false_alarm_rate": 1, "spot": 1, "dspot": 1, "online_fdr": 1}  # fmt: skip
"""Methods that are measured anew here, with their number of seeds."""


def result(condition: str = "full-1", **more: Any) -> Result:
    given = {
        "seeds": [0, 1],
        "composite_f1": [0.5, 0.25],
        "f1": [0.1, 1 / 3],
        "precision": [0.5, 1.0],
        "recall": [1.0, 0.0],
        "false_alarms_per_day": [0.0, 2.0],
        "delay_median": [3.0, None],
    }
    return Result("mine", condition, True, **given | more, composite_f1_interval=(0.1, 0.9), f1_interval=(0.0, 1.0))


def entry(*results: Result, **more: Any) -> Entry:
    return Entry("mine (d)", "yours", "mine", "make mine", list(results), **more)


# What is committed


def test_the_page_is_what_the_command_makes_of_the_files() -> None:
    assert (ROOT / "docs" / "leaderboard.md").read_text() == page(read_entries(BOARD))


def test_every_file_is_called_after_its_method_and_every_figure_has_an_interval() -> None:
    assert len(read_entries(BOARD)) > 15
    for path in BOARD.glob("*.json"):
        one = read_entry(path)
        assert file_of(one.method, BOARD) == path
        assert one.about
        assert one.command.startswith("adt ")
        for found in one.results:
            assert (
                found.composite_f1_interval[0] <= mean_of(found.composite_f1) <= found.composite_f1_interval[1] + 1e-6
            )


@pytest.mark.parametrize("method", CHEAP)
def test_the_figures_of_cheap_rivals_come_out_again(method: str) -> None:
    again = judge(method, seeds=range(CHEAP[method]))
    committed = read_entry(file_of(again.method, BOARD))
    assert (committed.sort, committed.about, committed.command) == (again.sort, again.about, again.command)
    assert [one.condition for one in committed.results] == [
        one for one in task.CONDITIONS if method != "persistence" or one != "never"
    ]
    for one, other in zip(committed.results, again.results, strict=True):
        assert asdict(one) == {name: pytest.approx(value, abs=1e-6) for name, value in asdict(other).items()}


# The files


def test_a_result_joins_those_of_other_conditions(tmp_path: Path) -> None:
    path = add(entry(result("never"), result("full-60"), settings={"never": {"rate": 1e-7}}), tmp_path)
    assert path == tmp_path / "mine-d.json"
    better = result("full-60", composite_f1=[1.0, 0.5])
    add(entry(better, result("full-1"), settings={"full-1": {}}), tmp_path)
    (read,) = read_entries(tmp_path)
    assert [one.condition for one in read.results] == ["full-1", "full-60", "never"]
    assert read.under("full-60") == replace(better, f1=[0.1, 0.333333])
    assert read.under("alerts-1") is None
    assert read.settings == {"never": {"rate": 1e-7}, "full-1": {}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": 3}, "method must be a word"),
        ({"sort": "best"}, "sort must be one of"),
        ({"stars": 5}, "stars is unknown"),
        ({"results": [asdict(result("full-1", f1=[0.5]))]}, "full-1: f1 has not one figure per seed"),
        ({"results": [asdict(result("full-2"))]}, "condition 'full-2' is unknown"),
        ({"results": [asdict(result("full-1", recall=["all", 0.0]))]}, "recall"),
    ],
    ids=str,
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = add(entry(result()), tmp_path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(InputError, match=message):
        read_entries(tmp_path)
    with pytest.raises(InputError, match="is not an entry"):
        add(entry(result()), tmp_path)  # it is not replaced unread


@pytest.mark.parametrize("other", [{"method": "mine d"}, {"sort": "zoo"}], ids=["name", "kind"])
def test_an_entry_of_another_method_stays(other: dict[str, Any], tmp_path: Path) -> None:
    path = add(entry(result()), tmp_path)
    before = path.read_text()
    with pytest.raises(InputError, match=r"mine-d\.json is the entry of 'mine \(d\)', which is another method"):
        add(replace(entry(result("never")), **other), tmp_path)
    assert path.read_text() == before


def test_a_name_that_no_file_can_have() -> None:
    with pytest.raises(InputError, match="has no file name"):
        file_of("../..")


def test_the_page_says_what_does_better_than_a_fixed_threshold() -> None:
    static = Entry("static", "baseline", "fixed", "adt", [result("full-1", composite_f1=[0.4, 0.3]), result("never")])
    text = page([static, entry(result("full-1"))])
    assert "## full-1\n\nAbove `static`: `mine (d)`." in text
    assert "## never\n\nAbove `static`: nothing." in text


def test_the_page_says_why_a_method_stands_at_0() -> None:
    """Of figures alone: never flags nothing, always everything, and others come too late or are all false."""
    test = task.series_of("test")
    share = sum(one.truth.sum() for one in test) / sum(map(len, test))
    nothing = {name: [0.0, 0.0] for name in ("composite_f1", "f1", "precision", "recall")}
    figures = {
        "silent": nothing | {"false_alarms_per_day": [0.0, 0.0]},
        "false": nothing | {"false_alarms_per_day": [1.0, 2.0]},
        "late": {"composite_f1": [0.0, 0.0]},
        "loud": {"precision": [share, share], "recall": [1.0, 1.0]},
        "fine": {},
    }
    text = page([replace(entry(result(**more)), method=name) for name, more in figures.items()])
    reasons = dict(one.split(": ") for one in text.partition("Why: ")[2].partition(".")[0].split("; "))
    assert reasons == {
        "flags nothing, its threshold lies above all scores": "silent",
        "all its alarms are false": "false",
        "all its alarms come after the deadline": "late",
        "flags everything": "loud",
    }


def test_what_was_not_measured_is_a_dash_on_the_page(tmp_path: Path) -> None:
    text = page([entry(result("full-1", delay_median=[None, None]))])
    assert "| mine (d) | other | yes | 0.375 | - | - | - | - | - | - | - |" in text
    assert "| mine (d) | yes | 0.375 | [0.10, 0.90] | 0.217 | [0.00, 1.00] | 0.750 | 0.500 | 1.00 | - | 2 |" in text
