"""Auto-encoders, the ADT paper's and others: a window's score is its reconstruction error."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn

from adt_gym.scoring.networks import AUTOENCODERS, paper
from adt_gym.scoring.torch_scorer import TorchScorer, TorchSettings
from adt_gym.scoring.training import Epoch, Objective
from adt_gym.series import InputError

__all__ = ["AutoEncoder", "AutoEncoderSettings", "Epoch"]


@dataclass(frozen=True)
class AutoEncoderSettings(TorchSettings):
    """Settings of the auto-encoder, beside those of `TorchSettings`.

    Args:
        preset: The network: "paper", "dense", "lstm", "deep-tanh" or "deep-leaky"; see `adt_gym.scoring.networks`.
        latent: Width of the paper's innermost layer; None for 3 with one metric and 100 with several, as in the paper.
        candidates: Networks started. Narrow ReLU layers often die in the first updates and then reconstruct a constant;
            after a tenth of the epochs only the one with the lowest training loss goes on. None for 8 where the
            paper's network has one metric, 1 elsewhere.
        double: Train in float64: slower, but other processors then agree to many more digits.
    """

    preset: str = "paper"
    latent: int | None = None
    candidates: int | None = None
    double: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.preset not in AUTOENCODERS:
            raise InputError(f"unknown auto-encoder {self.preset!r}; known: {', '.join(AUTOENCODERS)}")
        if self.latent is not None and (self.latent < 1 or self.preset != "paper"):
            raise InputError(f"latent must be at least 1, and only the preset 'paper' takes it: {self}")
        if self.candidates is not None and self.candidates < 1:
            raise InputError(f"candidates must be at least 1: {self}")


class AutoEncoder(TorchScorer):
    """An auto-encoder over windows of d = tau m values; the score is the mean squared reconstruction error.

    The preset ``paper`` is that of the ADT paper (section 4): d -> d/2 -> d/4 -> latent -> d/4 -> d/2 -> d with ReLU
    between the layers and a sigmoid at the end, trained with Adam on the mean squared error.

    Args:
        settings: Fields of `AutoEncoderSettings`.
    """

    name = "autoencoder"
    Settings: ClassVar[type[TorchSettings]] = AutoEncoderSettings
    objective = Objective(target=lambda batch: batch)

    def __init__(self, **settings: Any):
        super().__init__(**settings)
        self._dtype = torch.float64 if self.settings.double else torch.float32

    @property
    def label(self) -> str:
        """What tables call the scorer."""
        return self.name if self.settings.preset == "paper" else self.settings.preset

    @property
    def _candidates(self) -> int:
        single = self._columns == 1 and self.settings.preset == "paper"
        return self.settings.candidates or (8 if single else 1)

    def _network(self) -> nn.Module:
        settings = self.settings
        if settings.preset == "paper":
            return paper(settings.window, self._columns, settings.latent)
        return AUTOENCODERS[settings.preset](settings.window, self._columns)
