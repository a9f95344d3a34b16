"""NDJSON on standard output: one line for every alert that fires or ends."""

import json
import sys
from typing import IO

from adt_gym.live.peer import Trouble
from adt_gym.live.sinks.notice import Notice


class Lines:
    """NDJSON on standard output.

    Args:
        name: What it is called.
        stream: Where lines go instead.
    """

    resend = None

    def __init__(self, name: str, stream: IO[str] | None = None):
        self.name, self._stream = name, stream

    def send(self, notice: Notice) -> None:
        """See `adt_gym.live.sinks.Sink`."""
        try:
            print(json.dumps(notice.body()), file=self._stream or sys.stdout, flush=True)
        except (OSError, ValueError) as error:  # ValueError: it was closed
            raise Trouble("connection", "standard output takes nothing") from error

    def close(self) -> None:
        """Leave standard output as it is."""
