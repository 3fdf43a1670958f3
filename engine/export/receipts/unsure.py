"""The images that a model is least sure of, with what speaks for its answers."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from engine.errors import UnusableImage
from engine.events import Event
from engine.images.decode import open_many
from engine.images.overlay import jpeg_of, over, overlay
from engine.learning.why import ALL, reasons_in, where
from engine.models.backbone import Model
from engine.models.extractor import Extractor
from engine.models.why import OCCLUSION, Reasons
from engine.system.words import per_cent, whole

SHOWN = 6


@dataclass(frozen=True)
class Unsure:
    """What the network sees of an image, as JPEG with its reasons, and what is said of it."""

    image: bytes
    said: str
    where: str
    covered: bool
    """Whether parts of the image were covered, one after the other, to see what speaks."""


def explained(made: Reasons) -> str:
    """How much of the answer the places explain, or that nobody knows."""
    if made.kind == OCCLUSION:
        return "An approximation: parts of the image were covered one after the other."
    if made.explained is None or made.explained >= ALL:
        return "The places explain all of the answer."
    return f"The places explain {whole(made.explained)} of the answer."


def least_sure(
    model: Model,
    extractor: Extractor,
    images: Sequence[Path],
    probabilities: np.ndarray,
    truth: np.ndarray,
) -> Generator[Event, None, list[Unsure]]:
    """Of images with the project's answers (images, classes) and true places (images,), -1 where
    unknown."""
    if len(model.class_names) < 2:
        return []
    order = np.argsort(probabilities.max(axis=1), kind="stable")[:SHOWN]
    found: list[Unsure] = []
    opened = open_many((images[i] for i in order), model.backbone.preprocessing)
    with closing(opened):
        for number, (_, image) in zip(order, opened, strict=True):
            if isinstance(image, UnusableImage):
                continue
            place = int(probabilities[number].argmax())
            made = yield from reasons_in(extractor, model, image.seen, place)
            name, share = model.class_names[place], per_cent(float(probabilities[number, place]), 0)
            true = int(truth[number])
            wrong = true >= 0 and true != place
            said = (
                f"{model.class_names[true]}, taken for {name} {share}"
                if wrong
                else f"{name} {share}"
            )
            told = f"{where(made.values, name)} {explained(made)}"
            seen = over(Image.fromarray(image.seen), overlay(made.values), (0.0, 0.0, 1.0, 1.0))
            found.append(Unsure(jpeg_of(seen), said, told, made.kind == OCCLUSION))
    return found
