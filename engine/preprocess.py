"""The one definition of how a decoded picture becomes what a network sees.

The shorter side is scaled to `resize`, then the middle is cut out. As in torchvision's own
evaluation, filters widen with the scale (antialiased) and sizes are rounded down. The file that is
exported says the same in ONNX (engine/exporters/picture_graph.py); tests hold the two together.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from engine.net import Preprocessing

FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}

VIEWS = 12
"""Views that there are: whole, middle and four corners, each plain and mirrored."""


def preprocess(
    image: Image.Image, p: Preprocessing, full_size: tuple[int, int] | None = None
) -> np.ndarray:
    """An RGB picture as uint8 (size, size, 3), not yet normalised.

    `full_size` is the (width, height) of the original, where `image` was decoded at a fraction of
    it: sizes and crop are computed from the original, so that both ways see the same.
    """
    full = full_size or image.size
    target = target_size(full, p.resize)
    # Pillow's box reaches to the middle at once: only what is kept is computed, and the filter
    # still sees the pixels around it, so the result is that of scaling whole and cropping.
    left, upper = (round((side - p.size) / 2) for side in target)
    scale = [full[i] / target[i] / fraction(full[i], image.size[i]) for i in (0, 1)]
    box = (
        max(0.0, left * scale[0]),
        max(0.0, upper * scale[1]),
        min(float(image.size[0]), (left + p.size) * scale[0]),
        min(float(image.size[1]), (upper + p.size) * scale[1]),
    )
    return np.asarray(image.resize((p.size, p.size), FILTERS[p.interpolation], box))


def target_size(full: tuple[int, int], resize: int) -> tuple[int, int]:
    """The (width, height) of the whole picture once its shorter side is `resize`."""
    shorter, longer = min(full), max(full)
    other = int(resize * longer / shorter)
    return (resize, other) if full[0] <= full[1] else (other, resize)


def fraction(full: int, decoded: int) -> float:
    """By how much a side was divided in decoding.

    Decoders divide by a whole number and round the last pixel up, so the ratio of the two sides is
    a little off; the number itself is right.
    """
    whole = max(1, round(full / decoded))
    return whole if math.ceil(full / whole) == decoded else full / decoded


class Normalise(nn.Module):
    """Pictures uint8 (batch, size, size, 3) to float32 (batch, 3, size, size), normalised."""

    def __init__(self, p: Preprocessing) -> None:
        super().__init__()
        mean, std = torch.tensor(p.mean), torch.tensor(p.std)
        self.register_buffer("scale", (1 / (255 * std)).view(1, 3, 1, 1))
        self.register_buffer("shift", (-mean / std).view(1, 3, 1, 1))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels.permute(0, 3, 1, 2).float() * self.scale + self.shift


def view(x: torch.Tensor, number: int) -> torch.Tensor:
    """View `number` of normalised pictures (batch, 3, s, s), in the same shape.

    0 is the picture, 2 its middle, 4, 6, 8 and 10 its corners (upper left, upper right, lower
    left, lower right), each 7/8 of the sides and scaled back; the odd numbers mirror the even ones
    before them.
    """
    size = x.shape[-1]
    cut = size * 7 // 8
    rest = size - cut
    starts = {
        1: (rest // 2, rest // 2),
        2: (0, 0),
        3: (0, rest),
        4: (rest, 0),
        5: (rest, rest),
    }
    if number // 2:
        top, left = starts[number // 2]
        x = x[..., top : top + cut, left : left + cut]
        x = F.interpolate(x, size=(size, size), mode="bilinear", align_corners=False)
    return x.flip(-1) if number % 2 else x


class Frozen(nn.Module):
    """The part of a network below a cut, with its normalisation and its views inside.

    uint8 (batch, size, size, 3) to float32 (batch, views, ...), the dots what the cut gives.
    """

    def __init__(self, p: Preprocessing, trunk: nn.Module, views: int = 1) -> None:
        super().__init__()
        self.normalise, self.trunk, self.views = Normalise(p), trunk, views

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        x = self.normalise(pixels)
        if self.views == 1:
            return self.trunk(x).unsqueeze(1)
        x = torch.cat([view(x, number) for number in range(self.views)])
        return self.trunk(x).unflatten(0, (self.views, -1)).transpose(0, 1)
