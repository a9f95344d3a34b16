"""Where points come from: each source says what has arrived, in the order of time."""

import threading
from collections.abc import Iterator
from typing import Protocol

from adt_gym.live.config import Config
from adt_gym.live.points import Arrival, Batch, Shard


class Source(Protocol):
    """Where points come from."""

    def arrivals(self, since: int | None, stop: threading.Event) -> Iterator[Arrival]:
        """Yield what arrives, until the source ends or ``stop`` is set; all waiting is done here.

        Args:
            since: The time of the newest point of a former life, in milliseconds since 1970: what came after it is
                delivered, and nothing twice. None at the first start: then what came before is the first arrival,
                where the source knows it.
            stop: Ends it.

        Raises:
            InputError: If the config must be wrong: what is asked for is refused before anything was ever answered.
        """

    def between(self, start: int, end: int) -> Iterator[Batch]:
        """Yield all points from ``start`` on and before ``end``, in the order of time and in chunks.

        Raises:
            InputError: If they cannot be had.
        """


def open_source(config: Config, shard: Shard = Shard()) -> Source:  # noqa: B008  a frozen value
    """Return the source of a config; only series in the shard are handed on.

    Raises:
        FileNotFoundError: If a file is not there.
        InputError: If it cannot be used.
    """
    match config.source.kind:
        case "prometheus":
            from adt_gym.live.sources.prometheus import Prometheus

            return Prometheus(config, shard)
        case "file":
            from adt_gym.live.sources.files import Replay

            return Replay(config, shard)
    from adt_gym.live.sources.lines import Lines

    return Lines(config, shard)
