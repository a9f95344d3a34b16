"""Times as people and machines write them: milliseconds since 1970 within, seconds or ISO 8601 without."""

import time
from datetime import UTC, datetime
from typing import Any

from adt_gym.checks import InputError, shown

LATEST = 4_102_444_800_000
"""The year 2100: whoever gives milliseconds for seconds is far behind it."""


def now() -> int:
    """Return the time of this machine's clock, in milliseconds since 1970 in UTC."""
    return time.time_ns() // 1_000_000


def moment(value: Any) -> int:
    """Return milliseconds since 1970 in UTC.

    Args:
        value: Seconds since 1970, as a number or in digits, or ISO 8601 with a zone such as ``2024-01-31T23:59:00Z``.

    Raises:
        InputError: If it is none, has no zone, or lies outside the years 1970 to 2100.
    """
    try:
        milliseconds = round(_seconds(value) * 1000)
    except (TypeError, ValueError, OverflowError):
        milliseconds = -1
    if not 0 <= milliseconds < LATEST:
        raise InputError(
            f"{shown(value)} is no time: write seconds since 1970, or ISO 8601 with a zone such as 2024-01-31T23:59:00Z"
        )
    return milliseconds


def _seconds(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError
    if not isinstance(value, str):
        return float(value)
    try:
        return float(value)
    except ValueError:
        found = datetime.fromisoformat(value.strip())
    if found.tzinfo is None:
        raise ValueError
    return found.timestamp()


def written(milliseconds: int) -> str:
    """Return a time in ISO 8601, in UTC, as RFC 3339 wants it."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
