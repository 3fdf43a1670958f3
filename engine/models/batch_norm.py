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
Norm = nn.BatchNorm1d | nn.BatchNorm2d


def running(norm: Norm) -> tuple[Tensor, Tensor]:
    """The mean and the variance that a norm keeps; all norms here keep them."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    return norm.running_mean, norm.running_var


@dataclass
class ChannelSums:
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
def recalibrate_keeping_output(network: nn.Module, batches: Iterable[Tensor]) -> None:
    """Gives the network's learning batch norms the statistics of `batches`.

    What it answers in eval mode stays as it was, up to rounding. Mode and gradients are kept.
    """
    was = network.training
    network.eval()
    norms = [m for m in network.modules() if isinstance(m, NORMS) and m.weight.requires_grad]
    sums = {norm: ChannelSums() for norm in norms}
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


def settle(norm: Norm, mean: Tensor, variance: Tensor) -> None:
    """Sets statistics, and the scale and shift with which the norm does what it did before."""
    kept_mean, kept_variance = running(norm)
    before = (kept_variance.double() + norm.eps).sqrt()
    after = (variance + norm.eps).sqrt()
    weight, bias = norm.weight.double(), norm.bias.double()
    norm.bias.copy_(bias + weight * (mean - kept_mean.double()) / before)
    norm.weight.copy_(weight * after / before)
    kept_mean.copy_(mean)
    kept_variance.copy_(variance)


@torch.no_grad()
def recalibrate(network: nn.Module, batches: Iterable[torch.Tensor]) -> int:
    """Sets each batch norm of a plain network to the statistics of `batches`; returns how many
    images there were.

    Batches are float32 (n, 3, r, r), n at least 2. Each norm works by its batch while it is
    measured, and keeps the mean and the biased variance, averaged by the number of images.
    Without an image nothing changes. Leaves the network in eval mode.
    """
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    sums = [RunningSums(norm) for norm in norms]
    hooks = [norm.register_forward_hook(one.add) for norm, one in zip(norms, sums, strict=True)]
    count = 0
    try:
        network.eval()
        for norm in norms:
            norm.train()
        for batch in batches:
            network(batch)
            count += len(batch)
    finally:
        for hook, one in zip(hooks, sums, strict=True):
            hook.remove()
            one.restore(count)
        network.eval()
    return count


class RunningSums:
    """Sums of the batches' means and biased variances, each times its number of images.

    The norm measures them itself: with a momentum of 1 its running statistics are the batch's.
    """

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        assert norm.num_batches_tracked is not None
        self.norm, self.before = norm, (norm.momentum, norm.num_batches_tracked.clone())
        mean, variance = running(norm)
        self.first = (mean.clone(), variance.clone())
        self.mean = torch.zeros_like(mean)
        self.variance = torch.zeros_like(variance)
        norm.momentum = 1.0

    def add(self, norm: nn.BatchNorm2d, inputs: tuple[torch.Tensor], _: torch.Tensor) -> None:
        values = inputs[0].numel() // inputs[0].shape[1]
        biased = (values - 1) / values  # running_var is the unbiased variance
        mean, variance = running(norm)
        self.mean += mean * len(inputs[0])
        self.variance += variance * (biased * len(inputs[0]))

    def restore(self, count: int) -> None:
        """Gives the norm the averages over `count` images, or what it had where there is none."""
        norm, (mean, variance) = self.norm, self.first
        kept_mean, kept_variance = running(norm)
        kept_mean.copy_(self.mean / count if count else mean)
        kept_variance.copy_(self.variance / count if count else variance)
        norm.momentum = self.before[0]
        assert norm.num_batches_tracked is not None
        norm.num_batches_tracked.copy_(self.before[1])
