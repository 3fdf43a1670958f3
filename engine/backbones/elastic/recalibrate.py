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

    Batches are float32 (n, 3, r, r). Each norm works by its batch while it is measured, and keeps
    the mean and the biased variance, averaged by the number of pictures. Without a picture nothing
    changes. Leaves the network in eval mode.
    """
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    sums = {norm: Sums(norm) for norm in norms}
    hooks = [norm.register_forward_pre_hook(sums[norm].add) for norm in norms]
    before = [(norm.momentum, norm.num_batches_tracked.clone()) for norm in norms]
    count = 0
    try:
        network.eval()
        for norm in norms:
            norm.train()
            norm.momentum = 0.0
        for batch in batches:
            network(batch)
            count += len(batch)
    finally:
        for hook in hooks:
            hook.remove()
        for norm, (momentum, tracked) in zip(norms, before, strict=True):
            norm.momentum = momentum
            norm.num_batches_tracked.copy_(tracked)
        network.eval()
    if count:
        for norm in norms:
            norm.running_mean.copy_(sums[norm].mean / count)
            norm.running_var.copy_(sums[norm].variance / count)
    return count


class Sums:
    """Sums of the batches' means and biased variances, each times its number of pictures."""

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        self.mean = torch.zeros_like(norm.running_mean)
        self.variance = torch.zeros_like(norm.running_var)

    def add(self, norm: nn.Module, inputs: tuple[torch.Tensor]) -> None:
        variance, mean = torch.var_mean(inputs[0], (0, 2, 3), unbiased=False)
        self.mean += mean * len(inputs[0])
        self.variance += variance * len(inputs[0])
