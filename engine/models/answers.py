"""From a stored step to the model that answers, scores and is exported."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from engine.learners.kept_features import InParts

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


def likeliest(head: nn.Module, features: Tensor | InParts) -> tuple[np.ndarray, np.ndarray]:
    """The place of the winning class for each image, int64 (images,), and its probability.

    Of what `answer` says this is all that is kept: a million images of a thousand classes would
    have 4 GB of probabilities.
    """
    best, confidence = [np.empty(0, np.int64)], [np.empty(0, np.float32)]
    with torch.inference_mode():
        for batch in features.split(BATCH):
            probabilities = head(batch)[0].numpy()
            best.append(probabilities.argmax(axis=1))
            confidence.append(probabilities.max(axis=1))
    return np.concatenate(best), np.concatenate(confidence)


def answer(head: nn.Module, features: Tensor) -> Answers:
    """What a calibrated head says about features (images, views, width), in batches."""
    parts = []
    with torch.inference_mode():
        for batch in features.split(BATCH):
            parts.append([output.numpy() for output in head(batch)])
    if not parts:
        return Answers(np.empty((0, 1), np.float32), np.empty(0, np.float32))
    return Answers(*(np.concatenate(part) for part in zip(*parts, strict=True)))
