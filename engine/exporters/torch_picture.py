"""Preprocessing as a PyTorch module: what engine/preprocess.py does to a picture, to the last bit.

The same arithmetic as in picture_graph.py, with matrices of whole rows: PyTorch exports no products
of bytes. All sums are whole numbers below 2^53, so double precision holds them exactly.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engine.exporters.picture_graph import BITS, SUPPORT
from engine.net import Preprocessing


class Picture(nn.Module):
    """uint8 (n, height, width, 3), any size, to uint8 (n, size, size, 3)."""

    def __init__(self, p: Preprocessing) -> None:
        super().__init__()
        self.size, self.resize, self.how = p.size, p.resize, p.interpolation

    def forward(self, pictures: Tensor) -> Tensor:
        height, width = pictures.shape[1], pictures.shape[2]
        shorter = torch.sym_min(height, width)
        _, left, right = self.window(width, shorter)
        x = pictures.permute(0, 3, 1, 2).double()
        x = levels(x @ self.weights(width, width, left, right, 0.0).T)
        # Pillow is given as many rows as the filter will look at, and counts from the first.
        scale, upper, lower = self.window(height, shorter)
        reach = 2 * scale.clamp(min=1) + 1
        top = (upper - reach).floor().clamp(min=0)
        count = (lower + reach).ceil().clamp(max=height) - top
        x = levels(self.weights(height, count, upper - top, lower - top, top) @ x)
        return x.permute(0, 2, 3, 1).to(torch.uint8)

    def window(self, side: int, shorter: int) -> tuple[Tensor, Tensor, Tensor]:
        """How much a side shrinks, and where what is kept begins and ends on it."""
        target = self.resize * side // shorter
        half, odd = (target - self.size) // 2, (target - self.size) % 2
        start = half + odd * (half % 2)  # halves to the even number
        full, kept = exact(side), exact(start)
        scale = full / exact(target)
        return scale, kept * scale, torch.minimum((kept + self.size) * scale, full)

    def weights(
        self, side: int, count: int | Tensor, begin: Tensor, end: Tensor, first: float | Tensor
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
        high = (centres + reach + 0.5).trunc().clamp(max=count)
        counts = FILTERS[self.how](((places - centres + 0.5) * (1 / wide)).abs())
        counts = counts * ((places >= low) & (places < high))
        share = counts / counts.sum(dim=1, keepdim=True)
        return (share * (1 << BITS) + 0.5 * share.sign()).trunc()


def exact(value: int) -> Tensor:
    """A whole number that may be free in an export."""
    return torch.scalar_tensor(value, dtype=torch.float64)


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
