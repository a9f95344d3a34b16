"""Callbacks for Stable-Baselines3: what training episodes were worth as detections, in its logger."""

from typing import Any

from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger

from adt_gym.metrics.episode import EPISODE_METRICS, UNTOLD


def log_metrics(logger: Logger, metrics: Any) -> None:
    """Record the ``info["episode_metrics"]`` of one episode as ``episode/f1`` and so on, if they are told.

    What the logger writes is the mean over the episodes since it wrote last.
    """
    if metrics is not None and metrics[0] != UNTOLD:
        for name, value in zip(EPISODE_METRICS, metrics, strict=False):  # samples have the first three
            logger.record_mean(f"episode/{name}", float(value))


class EpisodeMetrics(BaseCallback):
    """Logs precision, recall, F1, events, events found and false alarms of the training episodes (``episode/f1``, ...).

    It serves every algorithm of SB3, on one environment or many: ``model.learn(10_000, EpisodeMetrics())``. An episode
    that a ``TimeLimit`` around one environment ends has no metrics and is left out.
    """

    def _on_step(self) -> bool:
        for info in self.locals["infos"]:
            log_metrics(self.logger, info.get("episode_metrics"))
        return True
