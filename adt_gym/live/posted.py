"""A label that was posted: what it says, and whether it is news."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adt_gym.checks import InputError, flag, shown
from adt_gym.live.state import State
from adt_gym.live.views import id_of, last_label

_KEYS = {"alert": {"alert", "verdict"}, "series": {"series", "time", "until", "verdict"}}


class NotThereError(InputError):
    """A label of what is not there."""


def leave(path: Path, given: Any, received: int) -> bool:
    """Leave a label for the service.

    The same label again is none, unless another one on these windows came between: the last word counts.

    Args:
        path: The file of state.
        given: ``{"alert": id, "verdict": bool}``, or ``{"series": key, "time": t, "until": t, "verdict": bool}`` for
            all windows that end from ``time`` to ``until``, which is ``time`` by default. Times are ISO 8601, in UTC
            where they say no zone, or whole milliseconds since 1970.
        received: When it came in, in milliseconds since 1970.

    Returns:
        Whether it is a new one.

    Raises:
        NotThereError: If there is no such series or alert.
        InputError: If it is no label, or no window was judged then.
    """
    if not isinstance(given, Mapping) or ("alert" in given) == ("series" in given):
        raise InputError('a label is {"alert": ..., "verdict": ...} or {"series": ..., "time": ..., "verdict": ...}')
    what = "alert" if "alert" in given else "series"
    if unknown := sorted(set(given) - _KEYS[what]):
        raise InputError(f"{shown(unknown[0])} is no part of a label; known: {', '.join(sorted(_KEYS[what]))}")
    name, verdict = given[what], int(flag("verdict", given.get("verdict")))
    if not isinstance(name, str):
        raise InputError(f"{what} must be a word, got {shown(name)}")
    with State(path, owner=False) as state:
        if what == "alert":
            alert = state.alert(name)
            if alert is None:
                raise NotThereError(f"there is no alert {shown(name)}")
            key, since, until = alert.key, alert.started, alert.last
        else:
            key, since = name, moment("time", given.get("time"))
            until = moment("until", given["until"]) if given.get("until") is not None else since
        series = id_of(path, key)
        if series is None:
            raise NotThereError(f"there is no series {shown(key)}")
        if until < since:
            raise InputError("until must not be before time")
        content = (since, until, what == "alert", verdict)
        before, last = last_label(path, series, since, until) or (0, None)
        if last == content:
            return False
        # The same origin however often a request is sent again, and another one once something else was said.
        origin = "posted " + " ".join(str(int(one)) for one in (before, series, *content))
        if what == "alert":
            return state.leave_verdict(name, verdict, origin, received)
        return state.leave_label(key, since, until, verdict, origin, received)


def moment(name: str, given: Any) -> int:
    """Return a time in milliseconds since 1970.

    Raises:
        InputError: If it is none.
    """
    try:
        if isinstance(given, str):
            time = datetime.fromisoformat(given)
            return round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)
        if isinstance(given, int) and not isinstance(given, bool) and abs(given) < 2**53:
            return given
    except (ValueError, OverflowError):
        pass
    raise InputError(f"{name} must be such as 2026-01-31T12:00:00Z, or milliseconds since 1970; got {shown(given)}")
