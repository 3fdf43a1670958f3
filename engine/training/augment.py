"""What a network in tuning sees of an image: views of it, changed at random.

A view is named by a number: the same seed, image and number give the same pixels, so that a
training that was stopped goes on as it would have, and what a frozen stage makes of a view can be
kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from engine.images.preprocess import Preprocessing
from engine.models.trunk import Normalise
from engine.system.unasked import of_torchvision
from engine.training.dataset import ImageArray

if TYPE_CHECKING:
    from torchvision.transforms import v2


STRENGTHS = ("none", "light", "medium", "strong")
PAIRED = "paired"
"""Of two views of an image that are compared with each other: as in SimSiam, appendix A."""
PLAIN = -1
"""The number of the view that is the image as it is, as the network sees it in use."""


def transforms(strength: str, size: int) -> v2.Transform:
    """From an image uint8 (3, side, side) to a view (3, size, size); `strength` is one of those
    above."""
    v2 = of_torchvision("transforms.v2")
    least = {"light": 0.7, "medium": 0.4, "strong": 0.25, PAIRED: 0.2}[strength]
    crop = v2.RandomResizedCrop(size, (least, 1.0), (0.8, 1.25), antialias=True)
    steps: list[Any] = [crop, v2.RandomHorizontalFlip()]
    if strength == "medium":
        steps.append(v2.ColorJitter(0.2, 0.2, 0.2))
    if strength == "strong":
        steps.append(v2.RandAugment())
    if strength == PAIRED:
        blur = v2.GaussianBlur(2 * (size // 20) + 1, (0.1, 2.0))  # a tenth of the side, and odd
        steps += [
            v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], 0.8),
            v2.RandomGrayscale(0.2),
            v2.RandomApply([blur], 0.5),
        ]
    return v2.Compose(steps)


Rows = Sequence[int] | np.ndarray


@dataclass(frozen=True)
class Views:
    """The views of a corpus's images as a network with `preprocessing` sees them."""

    corpus: ImageArray
    preprocessing: Preprocessing
    strength: str = "medium"
    seed: int = 0

    @cached_property
    def transform(self) -> v2.Transform | None:
        return None if self.strength == "none" else transforms(self.strength, self.size)

    @cached_property
    def normalise(self) -> Normalise:
        return Normalise(self.preprocessing)

    @property
    def size(self) -> int:
        return self.preprocessing.size

    @property
    def key(self) -> str:
        """A short text: equal keys give equal views."""
        files = hashlib.sha256("|".join(self.corpus.files).encode()).hexdigest()
        return f"{files}|{self.preprocessing.key}|{self.strength}|{self.seed}"

    def __call__(self, rows: Rows, numbers: Rows) -> torch.Tensor:
        """View `numbers[i]` of image `rows[i]`: float32 (n, 3, size, size), channels last."""
        pixels = torch.stack([self.pixels(r, n) for r, n in zip(rows, numbers, strict=True)])
        images = self.normalise(pixels.permute(0, 2, 3, 1))
        return images.contiguous(memory_format=torch.channels_last)

    def pixels(self, row: int, number: int) -> torch.Tensor:
        """One view as uint8 (3, size, size)."""
        image = torch.from_numpy(np.array(self.corpus.images[row])).permute(2, 0, 1)
        if self.transform is None or number == PLAIN:
            return self.whole(image)
        mixed = np.random.SeedSequence((self.seed, int(row), int(number)))
        with torch.random.fork_rng(devices=[]):
            # Not torch.manual_seed, which seeds graphics cards too and takes a hundred times longer
            torch.default_generator.manual_seed(int(mixed.generate_state(1, np.uint32)[0]))
            return self.transform(image)

    def whole(self, image: torch.Tensor) -> torch.Tensor:
        """An image at the network's size."""
        if image.shape[-1] == self.size:
            return image
        v2 = of_torchvision("transforms.v2")
        return v2.functional.resize(image, [self.size, self.size], antialias=True)
