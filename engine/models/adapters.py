"""Parts that can be put into a pretrained network so that little of it has to learn.

Adapters (Houlsby et al. 2019; Raffel et al. 2020, T5, section 3.5.1): after each stage a narrow
residual layer. LoRA (Hu et al. 2021): beside each 1x1 convolution two thin ones, added into its
weights at the end. Both begin as nothing at all, so the network first answers as it did.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeGuard

import torch
from torch import Tensor, nn

from engine.models.backbone import Backbone, Stage


class Still(nn.Module):
    """A module that does not learn: its weights are fixed, its batch norms stay in eval mode."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module.requires_grad_(False).eval()
        self.holds = True

    def train(self, mode: bool = True) -> Still:
        super().train(mode)
        if self.holds:
            self.module.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        return self.module(x)


def unfreeze(module: nn.Module) -> nn.Module:
    """Lets everything inside learn that stood still in an earlier tuning."""
    for part in module.modules():
        if isinstance(part, Still):
            part.holds = False
            part.module.requires_grad_(True)
    return module


class Adapter(nn.Module):
    """x + up(relu(down(norm(x)))), over channels; `up` begins at zero."""

    def __init__(self, channels: int, hidden: int, flat: bool) -> None:
        super().__init__()
        self.flat = flat
        self.norm = nn.GroupNorm(1, channels)
        self.down = nn.Conv2d(channels, hidden, 1)
        self.up = nn.Conv2d(hidden, channels, 1)
        nn.init.zeros_(self.up.weight)
        assert self.up.bias is not None
        nn.init.zeros_(self.up.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels) where `flat`, otherwise (batch, channels, height, width)."""
        y = x[..., None, None] if self.flat else x
        y = self.up(self.down(self.norm(y)).relu())
        return x + (y.flatten(1) if self.flat else y)


def with_adapters(backbone: Backbone, hidden: int) -> Backbone:
    """The backbone with an adapter after each stage; everything else in it stands still.

    Stages that give tokens, as those of transformers do, are left as they are.
    """
    size = backbone.preprocessing.size
    x, stages = torch.zeros(1, 3, size, size), []
    for stage in backbone.stages:
        with torch.inference_mode():
            x = stage.module.eval()(x)
        module: nn.Module = Still(stage.module)
        if x.ndim in (2, 4):
            module = nn.Sequential(module, Adapter(x.shape[1], hidden, flat=x.ndim == 2))
        stages.append(Stage(stage.name, module))
    return replace(backbone, stages=stages)


class LowRank(nn.Module):
    """A frozen 1x1 convolution with a low-rank path beside it: W + (scale / rank) B A."""

    def __init__(self, base: nn.Conv2d, rank: int, scale: float) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.part = scale / rank
        stride = (base.stride[0], base.stride[1])
        self.down = nn.Conv2d(base.in_channels, rank, 1, stride, bias=False)
        self.up = nn.Conv2d(rank, base.out_channels, 1, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + self.part * self.up(self.down(x))

    def merged(self) -> nn.Conv2d:
        """The one convolution that does the same."""
        with torch.no_grad():
            extra = self.up.weight[:, :, 0, 0] @ self.down.weight[:, :, 0, 0]
            self.base.weight += self.part * extra[..., None, None]
        return self.base


def is_pointwise(module: nn.Module) -> TypeGuard[nn.Conv2d]:
    return isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1) and module.groups == 1


def put_low_rank(module: nn.Module, rank: int, scale: float) -> int:
    """Puts a low-rank path beside each 1x1 convolution in `module`; returns how many those are."""
    count = 0
    for name, child in list(module.named_children()):
        if is_pointwise(child):
            setattr(module, name, LowRank(child, rank, scale))
            count += 1
        else:
            count += put_low_rank(child, rank, scale)
    return count


def take_low_rank(module: nn.Module) -> None:
    """Merges each low-rank path into its convolution: the network has its old shape again."""
    for name, child in list(module.named_children()):
        if isinstance(child, LowRank):
            setattr(module, name, child.merged())
        else:
            take_low_rank(child)
