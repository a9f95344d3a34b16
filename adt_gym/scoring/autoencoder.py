"""Auto-encoders, the ADT paper's and others: a window's score is its reconstruction error."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from adt_gym.files import replacing, seal
from adt_gym.reading import as_dataclass, open_npz, parse_json
from adt_gym.scaling import MinMax, Scaling
from adt_gym.scoring.base import ScaledInput
from adt_gym.scoring.networks import AUTOENCODERS, paper
from adt_gym.scoring.torch_scorer import TorchScorer, TorchSettings
from adt_gym.scoring.training import Epoch, Objective
from adt_gym.series import InputError, Series

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


@dataclass(frozen=True)
class _Header:
    """What the file of a scorer holds beside its arrays."""

    settings: AutoEncoderSettings
    columns: int
    curve: list[Epoch]


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

    def save(self, path: str | Path) -> None:
        """Write settings, weights and scalings to an ``.npz`` file without pickle; the device is not kept.

        Raises:
            InputError: If the scorer is not fitted or ``path`` does not end in .npz.
        """
        if Path(path).suffix != ".npz":
            raise InputError(f"{path}: scorers are kept in .npz files; give the file that ending")
        if not hasattr(self, "_scaling"):
            raise InputError("autoencoder: fit() before save()")
        header = {
            "settings": asdict(replace(self.settings, device=None)),
            "columns": self._columns,
            "curve": [asdict(epoch) for epoch in self.curve],
        }
        arrays = {f"weights/{name}": tensor.cpu().numpy() for name, tensor in self._trained.state_dict().items()}
        arrays |= {f"input/{name}": array for name, array in vars(self._inputs.pooled).items()}
        arrays |= {f"scaling/{name}": array for name, array in vars(self._scaling).items()}
        with replacing(path) as temporary:
            np.savez(temporary, allow_pickle=False, header=np.array(json.dumps(header)), **arrays)
            seal(temporary)

    @classmethod
    def load(cls, path: str | Path, device: str | None = None) -> Self:
        """Read a scorer that `save` wrote.

        Raises:
            FileNotFoundError: If there is no such file.
            InputError: If the file does not hold such a scorer.
        """
        with open_npz(path, "a scorer that AutoEncoder.save wrote", sealed=True) as arrays:
            header = as_dataclass(_Header, parse_json(str(arrays["header"]), "its header"), "its header")
            scorer = cls(**{**asdict(header.settings), "device": device})
            scorer._columns, scorer.curve = header.columns, header.curve
            scorer._inputs = ScaledInput(MinMax(arrays["input/low"], arrays["input/span"]))
            scorer._scaling = Scaling(arrays["scaling/knots"], arrays["scaling/levels"])
            weights = {n.removeprefix("weights/"): torch.from_numpy(arrays[n]) for n in arrays if n[:8] == "weights/"}
            with torch.device("meta"):  # what the settings claim takes no memory before it is held against the weights
                network = scorer._network()
            network.load_state_dict(weights, assign=True)
            scorer._trained = network.to(scorer._device, scorer._dtype).eval()
        return scorer

    @property
    def _candidates(self) -> int:
        single = self._columns == 1 and self.settings.preset == "paper"
        return self.settings.candidates or (8 if single else 1)

    def _network(self) -> nn.Module:
        settings = self.settings
        if settings.preset == "paper":
            return paper(settings.window, self._columns, settings.latent)
        return AUTOENCODERS[settings.preset](settings.window, self._columns)

    def _raw(self, series: Series, past: Series | None) -> NDArray[np.float64]:
        return self._errors(series, past)
