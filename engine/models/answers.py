"""From a stored step to the model that answers, scores and is exported."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

BATCH = 512


@dataclass(frozen=True)
class Answers:
    """A model's answers: probabilities (images, classes) and distances (images,)."""

    probabilities: np.ndarray
    distances: np.ndarray

    @property
    def best(self) -> np.ndarray:
        """The place of the winning class for each image."""
        return self.probabilities.argmax(axis=1)

    @property
    def confidence(self) -> np.ndarray:
        return self.probabilities.max(axis=1)


def answer(head: nn.Module, features: Tensor) -> Answers:
    """What a calibrated head says about features (images, views, width), in batches."""
    parts = []
    with torch.inference_mode():
        for batch in features.split(BATCH):
            parts.append([output.numpy() for output in head(batch)])
    if not parts:
        return Answers(np.empty((0, 1), np.float32), np.empty(0, np.float32))
    return Answers(*(np.concatenate(part) for part in zip(*parts, strict=True)))
