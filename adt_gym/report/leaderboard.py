"""The leaderboard as a page, made of the entries alone."""

from collections.abc import Iterable, Sequence
from types import SimpleNamespace

from rich.table import Table

from adt_gym.envs import task
from adt_gym.evaluation.bench import Result, mean_of
from adt_gym.evaluation.leaderboard import Entry, Sort
from adt_gym.metrics.composite import DEADLINE
from adt_gym.metrics.events import runs
from adt_gym.report.tables import new_table, number, reasons_note, yes_no

SORTS: dict[Sort, str] = {
    "baseline": "baseline",
    "rule": "rule",
    "learned": "learned",
    "zoo": "agent",
    "yours": "other",
}
"""What the sorts of entries are called."""

TOP = """# Leaderboard

How well methods do on ADT-Bench-v0: fixed series, named conditions, one protocol. `adt leaderboard page` makes this
page of the files in `docs/leaderboard/`; nothing here is written by hand.

## The task

Of the packaged `yahoo_like` series those with an odd number may be learned from ({train} series, {train_windows:,}
windows), those with an even one are judged ({test} series, {test_windows:,} windows, {events} events). The first
quarter of each, on which its scorer learned, is its past: scores that nobody has labelled. Methods without labels are
calibrated on it, and it is not judged. Hyper-parameters are chosen on {validation} of the training series. The
definition is `adt_gym/envs/task.py`; any change of it makes `-v1`.

{conditions}

Every figure goes through the package's replay: a method gets score after score, and a label when the condition has
told it. Tables lead with the **composite F1**: the harmonic mean of precision over windows and recall over events, an
event found only if one of its first {deadline} windows is flagged. Figures are means over seeds; in brackets stands the
95% bootstrap interval over series and seeds. {events} events are few: most intervals overlap.

**Before you trust a high figure:** under `full-1` the label of the window before is known, and to copy it
(`persistence(d)`) is hard to beat. Ask what a method has beyond `static` and `persistence(d)` under the same condition.

## Composite F1 by condition

A *rule* sees no label and is calibrated on each series' own past; what is *learned* had the labels of the training
series; an *agent* played those.
"""

BOTTOM = """
## Add a row

```
adt leaderboard judge policy.npz --name mine --about "one line: what it is" --add
adt leaderboard page
```

judges a file that an agent or method of this package saved (`save`), or a registered method by its name, under all
conditions that it fits, and writes `docs/leaderboard/mine.json`. From Python, for any object with Stable-Baselines3's
`predict`, recurrent or not:

```python
from adt_gym.evaluation import benchmark

print(benchmark("rolling_quantile", ["never"]))  # or a trained model, a list of them by seed, a dictionary by condition
```

Learn on `split="train"`, which every `ADT-Bench` id has by default; choose on `"fit"` and `"validation"`; judge on
`"test"` once. Commit the JSON and the page: a test holds that one follows from the other, and measures the cheap rivals
anew. How the agents were trained: see `zoo/README.md` in the repository.
"""

COLUMNS = (
    *("method", "saw labels", "composite F1", "", "F1", "", "precision", "recall", "false alarms a day"),
    *("delay, windows", "seeds"),
)


def page(entries: Iterable[Entry]) -> str:
    """Return the page, in Markdown."""
    entries = list(entries)
    train, test = task.series_of("train"), task.series_of("test")
    events = sum(len(runs(one.truth)[0]) for one in test)
    top = TOP.format(
        train=len(train),
        train_windows=sum(map(len, train)),
        test=len(test),
        test_windows=sum(map(len, test)),
        validation=len(task.series_of("validation")),
        events=events,
        conditions=_conditions(),
        deadline=DEADLINE,
    )
    parts = [top, _table(["method", "kind", "sees labels", *task.CONDITIONS], map(_by_condition, _in_order(entries)))]
    for condition in task.CONDITIONS:
        rows = [(one, found) for one in entries if (found := one.under(condition))]
        parts.append(f"\n## {condition}\n\n{_above_static(rows)}" + _table(COLUMNS, _ranked(rows)) + _reasons(rows))
    about = _table(["method", "what it is"], ([one.method, one.about] for one in _in_order(entries)))
    return "\n".join([*parts, "\n## What they are\n", about, BOTTOM])


def printed(entries: Sequence[Entry]) -> Table:
    """Return the composite F1 of all entries by condition, for a terminal."""
    rows = [[method, *others] for method, _, *others in map(_by_condition, _in_order(entries))]
    columns = ["method", "sees\nlabels", *(one.replace("-", "\n") for one in task.CONDITIONS)]
    return new_table(columns, rows, "Composite F1 by condition")


def _conditions() -> str:
    def said(kind: str, delay: int, noise: float) -> str:
        if kind == "none":
            return "no label is ever told"
        whose = "every window" if kind == "full" else "every flagged window"
        wrong = f"; {noise:.0%} of them are wrong" if noise else ""
        return f"the label of {whose} is told after {delay} window{'s' if delay > 1 else ''}{wrong}"

    rows = [[f"`{name}`", said(*condition)] for name, condition in task.CONDITIONS.items()]
    return _table(["condition", "what becomes known"], rows)


def _in_order(entries: Sequence[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda one: (list(SORTS).index(one.sort), one.method))


def _by_condition(entry: Entry) -> list[str]:
    found = [entry.under(condition) for condition in task.CONDITIONS]
    sees = yes_no(any(one.saw_labels for one in entry.results))
    figures = (number(mean_of(one.composite_f1)) if one else "-" for one in found)
    return [entry.method, SORTS[entry.sort], sees, *figures]


def _ranked(rows: Sequence[tuple[Entry, Result]]) -> list[list[str]]:
    """Return the rows of a condition, the best first."""
    ordered = sorted(rows, key=lambda row: (-mean_of(row[1].composite_f1), row[0].method))
    return [
        [
            entry.method,
            yes_no(found.saw_labels),
            number(mean_of(found.composite_f1)),
            _interval(found.composite_f1_interval),
            number(mean_of(found.f1)),
            _interval(found.f1_interval),
            number(mean_of(found.precision)),
            number(mean_of(found.recall)),
            number(mean_of(found.false_alarms_per_day), 2),
            number(mean_of(found.delay_median), 1),
            str(len(found.seeds)),
        ]
        for entry, found in ordered
    ]


def _above_static(rows: Sequence[tuple[Entry, Result]]) -> str:
    """Return a sentence that says what does better than a fixed threshold."""
    figures = {entry.method: mean_of(found.composite_f1) for entry, found in rows}
    if "static" not in figures:
        return ""
    above = sorted(one for one in figures if figures[one] > figures["static"])
    return f"Above `static`: {', '.join(f'`{one}`' for one in above) or 'nothing'}.\n\n"


def _reasons(rows: Sequence[tuple[Entry, Result]]) -> str:
    """Return why methods stand at 0, and which flag everything."""
    test = task.series_of("test")
    share = sum(int(one.truth.sum()) for one in test) / sum(map(len, test))
    said = reasons_note(
        SimpleNamespace(
            method=entry.method,
            composite_f1=mean_of(found.composite_f1),
            f1=mean_of(found.f1),
            alarms_per_1000=_alarms_per_1000(found, share),
        )
        for entry, found in rows
    )
    return f"\n\nWhy: {said}." if said else ""


def _alarms_per_1000(result: Result, share: float) -> float:
    """Return how many of 1,000 windows are flagged, ``share`` of them anomalous; NaN where all alarms are false."""
    precision, recall = mean_of(result.precision), mean_of(result.recall)
    if precision == 0:
        return float("nan") if mean_of(result.false_alarms_per_day) else 0.0
    return round(1000 * share * recall / precision)


def _interval(ends: tuple[float, float]) -> str:
    return f"[{ends[0]:.2f}, {ends[1]:.2f}]"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [columns, ["---"] * len(columns), *([one.replace("|", "\\|") for one in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
