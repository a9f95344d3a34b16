import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adt_gym import InputError
from adt_gym.live.config import Config, Query, load, parse, seconds, templates

STDIN = '[source]\nkind = "stdin"\n'


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("x = 1\n", 1, "x is unknown; known: service, source, series, model"),
        (STDIN + "[model]\nmethd = 'a'\n", 4, "model.methd is unknown"),
        (STDIN + "[model]\nwindow = 10\nscorers = ['pcb']\n", 5, "model.scorers: unknown scorer 'pcb'"),
        (STDIN + "\n[model]\nmethod = 'pretraind'\n", 5, "model.method: unknown method 'pretraind'"),
        (STDIN + "step = '1 minute'\n", 3, "source.step: a duration is one such as 30s"),
        (STDIN + "step = '0.1ms'\n", 3, "source.step must be 1ms or longer"),
        (STDIN + "step = 60\n", 3, "source.step must be a word"),
        (STDIN + "# step = '1m'\nspeed = 'fast'\n", 4, "source.speed must be a finite number"),
        ("[source]\nkind = 'file'\n", 1, "source.path is missing"),
        ("[source]\nkind = 'kafka'\n", 2, "source.kind must be one of prometheus, file, stdin"),
        ("[source]\nusername = 'me'\n", 2, "source.username and password_file go together"),
        (STDIN + "[service]\nlisten = '0.0.0.0:80'\n", 4, "service.listen: 0.0.0.0 is open to other machines"),
        (STDIN + "[service]\nlisten = '8428'\n", 4, "service.listen must be an address and a port"),
        ("[[series]]\nname = 'a'\nquery = 'b'\n[[series]]\nname = 'c'\nqery = 'd'\n", 6, "series.qery is unknown"),
        ("[[series]]\nname = 'a'\nquery = 'b'\n[[series]]\nname = 'c'\n", 4, "series.query of 'c'"),
        ("[series]\nname = 'a'\n", 1, r"series must be written \[\[series\]\]"),
        (STDIN + "[[sinks]]\nkind = 'lines'\n[[sinks]]\nkind = 'webhook'\n", 5, "sinks.url of a webhook sink"),
        (STDIN + "[alerts]\nrecovery = 1.5\n", 4, "alerts.recovery must be at most 1"),
        (STDIN + "[alerts]\n[[alerts.tiers]]\nseverity = 'a'\n[[alerts.tiers]]\nvote = 'all'\n", 7, "vote is unknown"),
        ("[model\n", 1, "Expected ']'"),
    ],
)
def test_what_is_wrong_is_one_line_that_names_the_line(text: str, line: int, says: str) -> None:
    with pytest.raises(InputError, match=says) as error:
        parse(text, "watch.toml")
    assert "\n" not in str(error.value)
    assert f"line {line}" in str(error.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "series is missing"),
        (STDIN + "[[alerts.tiers]]\nseverity = 'a'\nvotes = 'at_least(2)'\n", "alerts.tiers: at_least"),
        ("[[series]]\nname = 'a'\nquery = 'b'\n[[series]]\nname = 'a'\nquery = 'b'\n", "their names must differ"),
    ],
)
def test_what_does_not_fit_together_is_refused(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        parse(text)


def test_what_comes_with_the_package_can_be_read_and_shows_the_defaults() -> None:
    known = templates()
    assert "watch" in known
    for path in known.values():
        load(path)
    text = re.sub(r"(?m)^# (?=\w+ = |\[)", "", known["watch"].read_text())
    shown, plain = parse(text), Config(series=(Query("up", "up"),))
    assert [one.name for one in shown.series] == ["up", "node"]
    assert (shown.service, shown.source, shown.model) == (plain.service, plain.source, plain.model)
    assert (shown.alerts, shown.labels) == (plain.alerts, plain.labels)


@given(st.text(max_size=200))
def test_whatever_the_text_is_the_error_is_one_of_ours(text: str) -> None:
    with suppress(InputError):
        parse(text)


@pytest.mark.parametrize(
    ("words", "expected"), [("250ms", 0.25), ("0s", 0), ("90s", 90), ("1.5m", 90), ("2h", 7200), ("1d", 86400)]
)
def test_durations(words: str, expected: float) -> None:
    assert seconds(words) == expected


def test_paths_begin_at_the_file(tmp_path: Path) -> None:
    (tmp_path / "watch.toml").write_text(STDIN)
    assert load(tmp_path / "watch.toml").path("state.sqlite") == tmp_path / "state.sqlite"
    with pytest.raises(FileNotFoundError, match="adt watch --init"):
        load(tmp_path / "none.toml")
