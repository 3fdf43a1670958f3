"""The frozen part of a network with all that comes before it: normalisation and views."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from engine.images.preprocess import Preprocessing
from engine.models.backbone import Backbone

VIEWS = 12
"""Views that there are: whole, middle and four corners, each plain and mirrored."""


class Normalise(nn.Module):
    """Images uint8 (batch, size, size, 3) to float32 (batch, 3, size, size), normalised."""

    def __init__(self, p: Preprocessing) -> None:
        super().__init__()
        mean, std = torch.tensor(p.mean), torch.tensor(p.std)
        self.scale: torch.Tensor
        self.shift: torch.Tensor
        self.register_buffer("scale", (1 / (255 * std)).view(1, 3, 1, 1))
        self.register_buffer("shift", (-mean / std).view(1, 3, 1, 1))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels.permute(0, 3, 1, 2).float() * self.scale + self.shift


def view(x: torch.Tensor, number: int) -> torch.Tensor:
    """View `number` of normalised images (batch, 3, s, s), in the same shape.

    0 is the image, 2 its middle, 4, 6, 8 and 10 its corners (upper left, upper right, lower
    left, lower right), each 7/8 of the sides and scaled back; the odd numbers mirror the even ones
    before them.
    """
    size = x.shape[-1]
    cut = size * 7 // 8
    rest = size - cut
    starts = {1: (rest // 2, rest // 2), 2: (0, 0), 3: (0, rest), 4: (rest, 0), 5: (rest, rest)}
    if number // 2:
        top, left = starts[number // 2]
        x = x[..., top : top + cut, left : left + cut]
        x = F.interpolate(x, size=(size, size), mode="bilinear", align_corners=False)
    return x.flip(-1) if number % 2 else x


class Frozen(nn.Module):
    """The part of a network below a cut, with its normalisation and its views inside.

    uint8 (batch, size, size, 3) to float32 (batch, views, ...), the dots what the cut gives. With
    `mirror` each view's is the mean over it and its mirror image.
    """

    def __init__(
        self, p: Preprocessing, trunk: nn.Module, views: int = 1, mirror: bool = False
    ) -> None:
        super().__init__()
        self.normalise, self.trunk = Normalise(p), trunk
        self.views, self.mirror = views, mirror

    @classmethod
    def of(cls, backbone: Backbone, views: int = 1, cut: str = "") -> Frozen:
        """A backbone up to a cut, in eval mode; below its features nothing is averaged."""
        mirror = backbone.mirror and backbone.position(cut) == len(backbone.stages)
        return cls(backbone.preprocessing, backbone.below(cut), views, mirror).eval()

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        x = self.normalise(pixels)
        if self.views == 1:
            return self.seen(x).unsqueeze(1)
        x = torch.cat([view(x, number) for number in range(self.views)])
        return self.seen(x).unflatten(0, (self.views, -1)).transpose(0, 1)

    def seen(self, x: torch.Tensor) -> torch.Tensor:
        """What the trunk makes of normalised images; in one pass, so that a graph has its layers
        once."""
        if not self.mirror:
            return self.trunk(x)
        return self.trunk(torch.cat([x, x.flip(-1)])).unflatten(0, (2, -1)).mean(0)
