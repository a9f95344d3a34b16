"""What Stable-Baselines3 writes of a model, read without unpickling anything."""

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

MALFORMED = (zipfile.BadZipFile, pickle.UnpicklingError, AttributeError, EOFError, IndexError, KeyError, RuntimeError,
             TypeError, ValueError)  # fmt: skip
"""What is raised where a file, or what stands in it, is no such model."""


def policy_weights(path: str | Path) -> dict[str, Any]:
    """Return the ``state_dict()`` of the policy in a ``.zip`` that ``model.save`` wrote.

    Raises:
        One of `MALFORMED`: If the file holds none.
    """
    import torch

    with zipfile.ZipFile(path) as archive:
        weights: dict[str, Any] = torch.load(
            io.BytesIO(archive.read("policy.pth")), map_location="cpu", weights_only=True
        )
    return weights
