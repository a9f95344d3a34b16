"""Wait for what happens in another thread, process or page."""

import time
from collections.abc import Callable
from typing import Any

DEADLINE = 30.0


def eventually(check: Callable[[], Any], deadline: float = DEADLINE) -> Any:
    """Return what a check returns, once that is true.

    Of a browser's page, it is asked from here: playwright's wait_for_function asks from inside, where the page's own
    policy forbids to evaluate a text.
    """
    until = time.monotonic() + deadline
    while not (found := check()):
        assert time.monotonic() < until, f"not within {deadline:g} s"
        time.sleep(0.02)
    return found
