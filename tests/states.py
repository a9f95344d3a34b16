"""A state as a service would have written it."""

from collections.abc import Sequence
from pathlib import Path

from adt_gym.live.points import Found
from adt_gym.live.records import Alert, Kept
from adt_gym.live.state import State

START = 1_700_000_000_000
MEMBERS = [{"scorer": "pca", "seed": seed, "score": 0.9, "threshold": 0.5, "flagged": seed != 1} for seed in range(3)]
COLUMNS = [
    {"name": "cpu", "value": 0.97, "usual": 0.123456, "distance": None},
    {"name": "memory", "value": 5e9, "usual": 1.0, "distance": 3.0},
]
WHY = {"score": 0.91234567, "threshold": 0.5, "members": MEMBERS, "columns": COLUMNS}


def alert(found: Found, state: str = "firing", first: int = 2, last: int = 4, severity: str = "warning") -> Alert:
    """Return an alert on the windows that end so many seconds after the start."""
    started, newest = START + 1000 * first, START + 1000 * last
    ended = newest + 1000 if state == "resolved" else None
    id = f"{found.name}-{severity}-{first}"
    return Alert(id, found.key, severity, state, started, newest, fired=started, ended=ended, why=WHY)


def begun(path: Path, series: Sequence[Found], points: int = 10, flagged: Sequence[int] = (2, 3, 4)) -> State:
    """Return the state, open as its owner, of series with a point and a window at each second."""
    state = State(path)
    with state.transaction():
        for id, found in enumerate(series, 1):
            state.add_series(id, found)
            state.add_points(
                (id, Kept(i, START + 1000 * i, 0, (0.0,), i, 0.5, 0.5, int(i in flagged))) for i in range(points)
            )
    return state


def happened(state: State, event: str, one: Alert) -> None:
    """Let an alert fire or end."""
    ids = {row.found.key: row.id for row in state.series()}
    with state.transaction():
        state.set_alert(ids[one.key], one)
        state.add_outgoing(one, event)
