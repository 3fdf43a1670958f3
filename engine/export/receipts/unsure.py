"""The images that a model is least sure of, with what speaks for its answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from engine.errors import UnusableImage
from engine.images.decode import open_many
from engine.images.overlay import jpeg_of, over, overlay
from engine.learning.why import ALL, where
from engine.models.backbone import Model
from engine.models.why import Reasons, decompose
from engine.system.words import per_cent, whole

SHOWN = 6


@dataclass(frozen=True)
class Unsure:
    """What the network sees of an image, as JPEG with its reasons, and what is said of it."""

    image: bytes
    said: str
    where: str


def explained(made: Reasons) -> str:
    """How much of the answer the places explain."""
    if made.explained is None or made.explained >= ALL:
        return "The places explain all of the answer."
    return f"The places explain {whole(made.explained)} of the answer."


def least_sure(
    model: Model, images: Sequence[Path], probabilities: np.ndarray, truth: np.ndarray
) -> list[Unsure]:
    """Of images with the project's answers (images, classes) and true places (images,), -1 where
    unknown. None where one pass gives no reasons: covering parts would take minutes."""
    head = model.head.head
    if len(model.class_names) < 2 or model.views > 1 or not isinstance(head, torch.nn.Module):
        return []
    order = np.argsort(probabilities.max(axis=1), kind="stable")[:SHOWN]
    found: list[Unsure] = []
    opened = open_many((images[i] for i in order), model.backbone.preprocessing)
    for number, (_, image) in zip(order, opened, strict=True):
        if isinstance(image, UnusableImage):
            continue
        place = int(probabilities[number].argmax())
        made = decompose(model.backbone, head, image.seen, place)
        if made is None:
            return []
        name, share = model.class_names[place], per_cent(float(probabilities[number, place]), 0)
        true = int(truth[number])
        wrong = true >= 0 and true != place
        said = (
            f"{model.class_names[true]}, taken for {name} {share}" if wrong else f"{name} {share}"
        )
        told = f"{where(made.values, name)} {explained(made)}"
        seen = over(Image.fromarray(image.seen), overlay(made.values), (0.0, 0.0, 1.0, 1.0))
        found.append(Unsure(jpeg_of(seen), said, told))
    return found
