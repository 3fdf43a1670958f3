"""The one definition of how a decoded picture becomes what a network sees.

The shorter side is scaled to `resize`, then the middle is cut out. As in torchvision's own
evaluation, filters widen with the scale (antialiased) and sizes are rounded down. The file that is
exported says the same in ONNX (engine/exporters/picture_graph.py); tests hold the two together.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:  # engine.net imports PyTorch, which those who only read pictures do without
    from engine.net import Preprocessing

FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def preprocess(
    image: Image.Image, p: Preprocessing, full_size: tuple[int, int] | None = None
) -> np.ndarray:
    """An RGB picture as uint8 (size, size, 3), not yet normalised.

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
    """The (width, height) of the whole picture once its shorter side is `resize`."""
    width, height = full
    return resize * width // min(full), resize * height // min(full)


def fraction(full: int, decoded: int) -> float:
    """By how much a side was divided in decoding.

    Decoders divide by a whole number and round the last pixel up, so the ratio of the two sides is
    a little off; the number itself is right.
    """
    whole = max(1, round(full / decoded))
    return whole if math.ceil(full / whole) == decoded else full / decoded
