"""Batch norms measured again for one subnet: its own statistics instead of all subnets' mixture.

Cai et al. 2020; Yu & Huang 2019, section 3.1. Without it a subnet's accuracy collapses: it is the
most asked question of the method's users.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn


@torch.no_grad()
def recalibrate(network: nn.Module, batches: Iterable[torch.Tensor]) -> int:
    """Sets each batch norm of a plain network to the statistics of `batches`; returns how many
    pictures there were.

    Batches are float32 (n, 3, r, r), n at least 2. Each norm works by its batch while it is
    measured, and keeps the mean and the biased variance, averaged by the number of pictures.
    Without a picture nothing changes. Leaves the network in eval mode.
    """
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    sums = [Sums(norm) for norm in norms]
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


class Sums:
    """Sums of the batches' means and biased variances, each times its number of pictures.

    The norm measures them itself: with a momentum of 1 its running statistics are the batch's.
    """

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        self.norm, self.before = norm, (norm.momentum, norm.num_batches_tracked.clone())
        self.first = (norm.running_mean.clone(), norm.running_var.clone())
        self.mean = torch.zeros_like(norm.running_mean)
        self.variance = torch.zeros_like(norm.running_var)
        norm.momentum = 1.0

    def add(self, norm: nn.BatchNorm2d, inputs: tuple[torch.Tensor], _: torch.Tensor) -> None:
        values = inputs[0].numel() // inputs[0].shape[1]
        biased = (values - 1) / values  # running_var is the unbiased variance
        self.mean += norm.running_mean * len(inputs[0])
        self.variance += norm.running_var * (biased * len(inputs[0]))

    def restore(self, count: int) -> None:
        """Gives the norm the averages over `count` pictures, or what it had where there is none."""
        norm, (mean, variance) = self.norm, self.first
        norm.running_mean.copy_(self.mean / count if count else mean)
        norm.running_var.copy_(self.variance / count if count else variance)
        norm.momentum = self.before[0]
        norm.num_batches_tracked.copy_(self.before[1])
