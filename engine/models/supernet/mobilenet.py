"""The once-for-all MobileNetV3 (Cai et al. 2020) of one architecture, as a plain network.

The names of the weights are those of the official OFAMobileNetV3 state dict. The same builder
makes the supernet (supernet.py), which only puts other layers into the places that `Layers` names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import nn

from engine.models.supernet.architecture import Architecture, largest

BASE_WIDTHS = (16, 16, 24, 40, 80, 112, 160, 960, 1280)
"""Stem, block 0, five stages, final expansion, feature mix, at width multiplier 1."""


@dataclass(frozen=True)
class StageShape:
    """What the blocks of one stage share. `swish`: h-swish, otherwise relu; `squeeze`: has SE."""

    stride: int
    swish: bool
    squeeze: bool


STAGES = (
    StageShape(2, swish=False, squeeze=False),
    StageShape(2, swish=False, squeeze=True),
    StageShape(2, swish=True, squeeze=False),
    StageShape(1, swish=True, squeeze=True),
    StageShape(2, swish=True, squeeze=True),
)


def make_divisible(value: float, by: int = 8) -> int:
    """The nearest multiple of `by`, never less than 0.9 of the value."""
    nearest = max(by, int(value + by / 2) // by * by)
    return nearest + by if nearest < 0.9 * value else nearest


def middle_width(before: int, expand: int) -> int:
    """Channels in the middle of a block with `before` channels at its input."""
    return make_divisible(round(before * expand))


def squeezed_width(width: int) -> int:
    """Channels in the middle of a squeeze-and-excitation layer."""
    return make_divisible(width // 4)


def widths_of(width: float) -> list[int]:
    return [make_divisible(base * width) for base in BASE_WIDTHS]


def activation(swish: bool) -> nn.Module:
    return nn.Hardswish() if swish else nn.ReLU()


def named(**parts: nn.Module) -> nn.Sequential:
    """A sequence whose parts have names, in the order given."""
    sequence = nn.Sequential()
    for name, part in parts.items():
        sequence.add_module(name, part)
    return sequence


def convolution(before: int, after: int, kernel: int = 1, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=False)


def depthwise(width: int, kernel: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(width, width, kernel, stride, kernel // 2, groups=width, bias=False)


class Inner(nn.Module):
    """A layer inside one that only adds its name to the names of the weights."""

    def __init__(self, name: str, inner: nn.Module) -> None:
        super().__init__()
        self.add_module(name, inner)
        self.inner = name

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.get_submodule(self.inner)(x)


def wrapped_depthwise(width: int, kernel: int, stride: int) -> nn.Module:
    return Inner("conv", depthwise(width, kernel, stride))


class SqueezeExcite(nn.Module):
    """Channels weighted by what the whole image holds; the middle is a quarter as wide."""

    def __init__(self, width: int) -> None:
        super().__init__()
        middle = squeezed_width(width)
        self.fc = named(
            reduce=nn.Conv2d(width, middle, 1),
            relu=nn.ReLU(),
            expand=nn.Conv2d(middle, width, 1),
            gate=nn.Hardsigmoid(),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.fc(F.adaptive_avg_pool2d(x, 1))


@dataclass(frozen=True)
class Layers:
    """What stands in the places of a block where a supernet is elastic."""

    pointwise: Callable[[int, int], nn.Module] = convolution
    depthwise: Callable[[int, int, int], nn.Module] = wrapped_depthwise
    norm: Callable[[int], nn.Module] = nn.BatchNorm2d
    squeeze: Callable[[int], nn.Module] = SqueezeExcite


def mobile_block(
    before: int, after: int, middle: int, kernel: int, stride: int, shape: StageShape, kind: Layers
) -> nn.Sequential:
    """Expand, depthwise (with SE after the activation), project: (batch, before -> after)."""
    depth = named(
        conv=kind.depthwise(middle, kernel, stride),
        bn=Inner("bn", kind.norm(middle)),
        act=activation(shape.swish),
    )
    if shape.squeeze:
        depth.add_module("se", kind.squeeze(middle))
    return named(
        inverted_bottleneck=named(
            conv=Inner("conv", kind.pointwise(before, middle)),
            bn=Inner("bn", kind.norm(middle)),
            act=activation(shape.swish),
        ),
        depth_conv=depth,
        point_linear=named(
            conv=Inner("conv", kind.pointwise(middle, after)), bn=Inner("bn", kind.norm(after))
        ),
    )


def first_block(width: int, after: int) -> nn.Sequential:
    """Block 0: no expansion, kernel 3, never elastic, so its weights' names are plain."""
    return named(
        depth_conv=named(conv=depthwise(width, 3, 1), bn=nn.BatchNorm2d(width), act=nn.ReLU()),
        point_linear=named(conv=convolution(width, after), bn=nn.BatchNorm2d(after)),
    )


class Residual(nn.Module):
    """A block, and its input added where it fits (stride 1, as many channels out as in)."""

    def __init__(self, conv: nn.Module, shortcut: bool) -> None:
        super().__init__()
        self.conv, self.shortcut = conv, shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv(x) if self.shortcut else self.conv(x)


class MobileNet(nn.Module):
    """The network: images (batch, 3, r, r) to logits (batch, classes)."""

    def __init__(
        self,
        classes: int = 1000,
        multiplier: float = 1.0,
        architecture: Architecture | None = None,
        layers: Layers | None = None,
    ) -> None:
        super().__init__()
        architecture, layers = architecture or largest(224), layers or Layers()
        self.multiplier, self.depths = multiplier, architecture.depths
        stem, first, *stages, expanded, self.width = widths_of(multiplier)
        self.first_conv = named(
            conv=convolution(3, stem, 3, 2), bn=nn.BatchNorm2d(stem), act=nn.Hardswish()
        )
        blocks, before = [Residual(first_block(stem, first), stem == first)], first
        for number, (shape, after) in enumerate(zip(STAGES, stages, strict=True)):
            sizes = zip(architecture.kernels[number], architecture.expands[number], strict=True)
            for at, (kernel, expand) in enumerate(sizes):
                stride, middle = 1 if at else shape.stride, middle_width(before, expand)
                block = mobile_block(before, after, middle, kernel, stride, shape, layers)
                blocks.append(Residual(block, stride == 1 and before == after))
                before = after
        self.blocks = nn.ModuleList(blocks)
        self.final_expand_layer = named(
            conv=convolution(before, expanded), bn=nn.BatchNorm2d(expanded), act=nn.Hardswish()
        )
        self.feature_mix_layer = named(conv=convolution(expanded, self.width), act=nn.Hardswish())
        self.classifier = named(linear=nn.Linear(self.width, classes))
        start(self)

    @property
    def last_layer(self) -> nn.Linear:
        """What makes logits of features."""
        layer = self.classifier.get_submodule("linear")
        assert isinstance(layer, nn.Linear)
        return layer

    def groups(self) -> list[list[Residual]]:
        """The blocks of each stage that are in use."""
        ends = [1 + sum(self.depths[: number + 1]) for number in range(len(self.depths))]
        blocks = cast("list[Residual]", list(self.blocks))
        return [blocks[e - d : e] for e, d in zip(ends, self.depths, strict=True)]

    def stages(self) -> list[tuple[str, nn.Module]]:
        """The parts in order, by the names that a person meets, without the classifier."""
        parts: list[tuple[str, nn.Module]] = [
            ("stem", nn.Sequential(self.first_conv, self.blocks[0]))
        ]
        for number, blocks in enumerate(self.groups(), 1):
            parts.append((f"stage{number}", nn.Sequential(*blocks)))
        parts.append(("expand", nn.Sequential(self.final_expand_layer, nn.AdaptiveAvgPool2d(1))))
        parts.append(("features", nn.Sequential(self.feature_mix_layer, nn.Flatten())))
        return parts

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """Images (batch, 3, r, r) to features (batch, width)."""
        for _, part in self.stages():
            pixels = part(pixels)
        return pixels

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(pixels))


def start(network: nn.Module) -> None:
    """The official first weights: He et al. 2015 by outputs, small for the classifier."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            outputs = module.weight.shape[0] * module.weight[0, 0].numel() // module.groups
            nn.init.normal_(module.weight, 0, (2 / outputs) ** 0.5)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0, 0.01)
            nn.init.zeros_(module.bias)
