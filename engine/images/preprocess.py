"""The one definition of how a decoded image becomes what a network sees.

The shorter side is scaled to `resize`, then the middle is cut out. As in torchvision's own
evaluation, filters widen with the scale (antialiased) and sizes are rounded down. The file that is
exported says the same in ONNX (export/graphs/preprocess_onnx.py); tests hold the two together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Preprocessing:
    """How an image becomes what the network sees: shorter side to `resize`, centre crop, scale.

    There is one implementation for training and use (`preprocess`) and one inside exported
    files (export/graphs/); tests hold them together.
    """

    size: int
    resize: int
    interpolation: str = "bilinear"
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)

    def at(self, size: int) -> Preprocessing:
        """The same preprocessing for another input size, with the crop's share kept."""
        resize = round(self.resize * size / self.size)
        return Preprocessing(size, resize, self.interpolation, self.mean, self.std)

    def whole(self) -> Preprocessing:
        """The same without the margin that ImageNet's evaluation cuts off around the crop.

        A person's own image counts up to the edges of its shorter side: clothing's test photos,
        MobileNetV2 at 224 and the default head, 0.892 instead of 0.858.
        """
        return replace(self, resize=self.size)

    @property
    def key(self) -> str:
        """A short text that names this preprocessing in the cache of activations."""
        numbers = ",".join(f"{x:g}" for x in (*self.mean, *self.std))
        return f"{self.interpolation}-{self.resize}-{self.size}-{numbers}"


FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


class Sizes(Protocol):
    """What `preprocess` needs to know; of an exported file no more is told."""

    @property
    def size(self) -> int: ...

    @property
    def resize(self) -> int: ...

    @property
    def interpolation(self) -> str: ...


def preprocess(
    image: Image.Image, p: Sizes, full_size: tuple[int, int] | None = None
) -> np.ndarray:
    """An RGB image as uint8 (size, size, 3), not yet normalised.

    >>> preprocess(Image.new("RGB", (60, 40), "red"), Preprocessing(size=8, resize=8)).shape
    (8, 8, 3)

    `full_size` is the (width, height) of the original, where `image` was decoded at a fraction of
    it: sizes and crop are computed from the original, so that both ways see the same.
    """
    full = full_size or image.size
    target = target_size(full, p.resize)
    start = [round((side - p.size) / 2) for side in target]
    scale = [full[i] / target[i] / fraction(full[i], image.size[i]) for i in (0, 1)]
    (left, right), (upper, lower) = (
        (start[i] * scale[i], min((start[i] + p.size) * scale[i], image.size[i])) for i in (0, 1)
    )
    # Only what is kept is computed: first the columns, of all rows that the filter will look at,
    # then the rows. Left to itself Pillow takes the passes in either order, and rounds otherwise.
    reach = 2 * max(1.0, scale[1]) + 1
    top = max(0, math.floor(upper - reach))
    bottom = min(image.size[1], math.ceil(lower + reach))
    how = FILTERS[p.interpolation]
    middle = image.resize((p.size, bottom - top), how, (left, top, right, bottom))
    return np.array(middle.resize((p.size, p.size), how, (0, upper - top, p.size, lower - top)))


def target_size(full: tuple[int, int], resize: int) -> tuple[int, int]:
    """The (width, height) of the whole image once its shorter side is `resize`."""
    width, height = full
    return resize * width // min(full), resize * height // min(full)


def fraction(full: int, decoded: int) -> float:
    """By how much a side was divided in decoding.

    Decoders divide by a whole number and round the last pixel up, so the ratio of the two sides is
    a little off; the number itself is right.
    """
    whole = max(1, round(full / decoded))
    return whole if math.ceil(full / whole) == decoded else full / decoded
