"""Batch norms whose statistics are those of the images at hand, in a network that stays the same.

While it learns, a batch norm takes the statistics of its batch, in use those that it keeps. Where
the two differ much, the first step of tuning begins with another network: so it is with images
unlike those of the pretraining, and wholly so with files whose batch norms were folded into their
convolutions. Here the kept statistics become true, and scale and shift make up for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


@dataclass
class Sums:
    """What came to one batch norm: numbers for each channel, their sum and the sum of squares."""

    count: int = 0
    sum: Tensor | float = 0.0
    squares: Tensor | float = 0.0

    def add(self, x: Tensor) -> None:
        axes = [axis for axis in range(x.ndim) if axis != 1]
        x = x.double()
        self.count += x.numel() // x.shape[1]
        self.sum = self.sum + x.sum(axes)
        self.squares = self.squares + x.square().sum(axes)

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and variance of each channel."""
        mean = torch.as_tensor(self.sum) / self.count
        return mean, (torch.as_tensor(self.squares) / self.count - mean.square()).clamp_min(0)


@torch.no_grad()
def make_true(network: nn.Module, batches: Iterable[Tensor]) -> None:
    """Gives the network's learning batch norms the statistics of `batches`.

    What it answers in eval mode stays as it was, up to rounding. Mode and gradients are kept.
    """
    was = network.training
    network.eval()
    norms = [m for m in network.modules() if isinstance(m, NORMS) and m.weight.requires_grad]
    sums = {norm: Sums() for norm in norms}
    hooks = [n.register_forward_pre_hook(lambda n, given: sums[n].add(given[0])) for n in norms]
    try:
        for batch in batches:
            network(batch)
    finally:
        for hook in hooks:
            hook.remove()
    for norm, found in sums.items():
        if found.count > 1:
            settle(norm, *found.statistics())
    network.train(was)


def settle(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor) -> None:
    """Sets statistics, and the scale and shift with which the norm does what it did before."""
    before = (norm.running_var.double() + norm.eps).sqrt()
    after = (variance + norm.eps).sqrt()
    weight, bias = norm.weight.double(), norm.bias.double()
    norm.bias.copy_(bias + weight * (mean - norm.running_mean.double()) / before)
    norm.weight.copy_(weight * after / before)
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
