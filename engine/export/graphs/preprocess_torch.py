"""Preprocessing as a PyTorch module: what images/preprocess.py does to an image, to the bit.

The same arithmetic as in preprocess_onnx.py, with matrices of whole rows: PyTorch exports no
products of bytes. All sums are whole numbers below 2^53, so double precision holds them exactly.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engine.export.graphs.preprocess_onnx import BITS, SUPPORT
from engine.images.preprocess import Preprocessing


class Picture(nn.Module):
    """uint8 (n, height, width, 3), any size, to uint8 (n, size, size, 3)."""

    def __init__(self, p: Preprocessing) -> None:
        super().__init__()
        self.size, self.resize, self.how = p.size, p.resize, p.interpolation

    def forward(self, pictures: Tensor) -> Tensor:
        """uint8 pictures (n, height, width, 3) to uint8 (n, size, size, 3)."""
        height, width = pictures.shape[1], pictures.shape[2]
        tall, wide = (torch.scalar_tensor(side, dtype=torch.float64) for side in (height, width))
        _, left, right = self.window(wide, torch.minimum(tall, wide))
        x = pictures.permute(0, 3, 1, 2).double()
        x = levels(x @ self.weights(width, wide, left, right, torch.zeros_like(wide)).T)
        # Pillow is given as many rows as the filter will look at, and counts from the first.
        scale, upper, lower = self.window(tall, torch.minimum(tall, wide))
        reach = 2 * scale.clamp(min=1) + 1
        top = (upper - reach).floor().clamp(min=0)
        count = torch.minimum((lower + reach).ceil(), tall) - top
        x = levels(self.weights(height, count, upper - top, lower - top, top) @ x)
        return x.permute(0, 2, 3, 1).to(torch.uint8)

    def window(self, side: Tensor, shorter: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """How much a side shrinks, and where what is kept begins and ends on it."""
        target = (self.resize * side / shorter).floor()
        start = ((target - self.size) / 2).round()  # halves to the even number
        scale = side / target
        return scale, start * scale, torch.minimum((start + self.size) * scale, side)

    def weights(
        self, side: int, count: Tensor, begin: Tensor, end: Tensor, first: Tensor
    ) -> Tensor:
        """How much each pixel of a side counts, in multiples of 2^-BITS: double (size, side).

        `begin` and `end` are counted from pixel `first`, of `count` that there are from there on.
        """
        begin, end = begin.float(), end.float()  # as Pillow is given them
        step = (end - begin).double() / self.size
        wide = step.clamp(min=1)
        reach = wide * SUPPORT[self.how]
        kept = torch.arange(self.size, dtype=torch.float64)[:, None]
        centres = begin.double() + (kept + 0.5) * step
        places = torch.arange(side, dtype=torch.float64) - first
        low = (centres - reach + 0.5).trunc().clamp(min=0)
        high = torch.minimum((centres + reach + 0.5).trunc(), count)
        counts = FILTERS[self.how](((places - centres + 0.5) * (1 / wide)).abs())
        counts = counts * ((places >= low) & (places < high))
        share = counts / counts.sum(dim=1, keepdim=True)
        return (share * (1 << BITS) + 0.5 * share.sign()).trunc()


def levels(sums: Tensor) -> Tensor:
    """Sums of weighted levels as levels, halves up."""
    return ((sums + (1 << (BITS - 1))) / (1 << BITS)).floor().clamp(0, 255)


def bilinear(away: Tensor) -> Tensor:
    return (1 - away).clamp(min=0)


def bicubic(away: Tensor) -> Tensor:
    """Keys's filter with a = -0.5, in Pillow's order of operations."""
    near = (1.5 * away - 2.5) * away * away + 1
    far = (((away - 5) * away + 8) * away - 4) * -0.5
    return torch.where(away < 1, near, torch.where(away < 2, far, 0.0))


FILTERS = {"bilinear": bilinear, "bicubic": bicubic}
