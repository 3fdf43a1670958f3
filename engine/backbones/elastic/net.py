"""The once-for-all MobileNetV3 (Cai et al. 2020): its largest network, with fixed parts.

The names of the weights are those of the official OFAMobileNetV3 state dict, so that its files
load here. The elastic layers (kernels cut out of larger ones, the first of the middle channels)
will take the place of the parts below without changing a name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

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


class Depthwise(nn.Conv2d):
    """A convolution of each channel by its own kernel, of which the middle `active` is used."""

    def __init__(self, width: int, kernel: int, stride: int = 1) -> None:
        super().__init__(width, width, kernel, stride, kernel // 2, groups=width, bias=False)
        self.active = kernel

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        edge = (self.kernel_size[0] - self.active) // 2
        if edge == 0:
            return super().forward(x)
        weight = self.weight[:, :, edge:-edge, edge:-edge]
        return F.conv2d(x, weight, None, self.stride, self.active // 2, 1, self.groups)


class SqueezeExcite(nn.Module):
    """Channels weighted by what the whole picture holds; the middle is a quarter as wide."""

    def __init__(self, width: int) -> None:
        super().__init__()
        middle = make_divisible(width // 4)
        self.fc = named(
            reduce=nn.Conv2d(width, middle, 1),
            relu=nn.ReLU(),
            expand=nn.Conv2d(middle, width, 1),
            gate=nn.Hardsigmoid(),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.fc(x.mean((2, 3), keepdim=True))


class Inner(nn.Module):
    """One elastic layer around a fixed one: it only adds its name to the weights' names."""

    def __init__(self, name: str, inner: nn.Module) -> None:
        super().__init__()
        self.add_module(name, inner)
        self.inner = name

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.get_submodule(self.inner)(x)


def wrapped(layer: nn.Module) -> Inner:
    return Inner("bn" if isinstance(layer, nn.BatchNorm2d) else "conv", layer)


def mobile_block(
    before: int, after: int, middle: int, kernel: int, stride: int, shape: StageShape
) -> nn.Sequential:
    """Expand, depthwise (with SE after the activation), project: (batch, before -> after)."""
    depth = named(
        conv=wrapped(Depthwise(middle, kernel, stride)),
        bn=wrapped(nn.BatchNorm2d(middle)),
        act=activation(shape.swish),
    )
    if shape.squeeze:
        depth.add_module("se", SqueezeExcite(middle))
    return named(
        inverted_bottleneck=named(
            conv=wrapped(convolution(before, middle)),
            bn=wrapped(nn.BatchNorm2d(middle)),
            act=activation(shape.swish),
        ),
        depth_conv=depth,
        point_linear=named(
            conv=wrapped(convolution(middle, after)), bn=wrapped(nn.BatchNorm2d(after))
        ),
    )


def first_block(width: int, after: int) -> nn.Sequential:
    """Block 0: no expansion, kernel 3, never elastic, so its weights' names are plain."""
    return named(
        depth_conv=named(
            conv=Depthwise(width, 3),
            bn=nn.BatchNorm2d(width),
            act=nn.ReLU(),
        ),
        point_linear=named(conv=convolution(width, after), bn=nn.BatchNorm2d(after)),
    )


class Residual(nn.Module):
    """A block, and its input added where it fits (stride 1, as many channels out as in)."""

    def __init__(self, conv: nn.Module, shortcut: bool) -> None:
        super().__init__()
        self.conv, self.shortcut = conv, shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv(x) if self.shortcut else self.conv(x)


class ElasticNet(nn.Module):
    """The network: pictures (batch, 3, r, r) to logits (batch, classes).

    `kernels` and `expands` are one number for each of the 20 possible blocks, `depths` one for
    each of the 5 stages; a stage uses the first `depth` of its four. The defaults are the largest.
    """

    def __init__(
        self,
        classes: int = 1000,
        width: float = 1.0,
        kernels: Iterable[int] = (7,) * 20,
        expands: Iterable[int] = (6,) * 20,
        depths: Iterable[int] = (4,) * 5,
    ) -> None:
        super().__init__()
        kernels, expands, self.depths = tuple(kernels), tuple(expands), tuple(depths)
        self.active_depth = max(self.depths)
        widths = [make_divisible(base * width) for base in BASE_WIDTHS]
        stem, first, *stages, expanded, self.width = widths
        self.first_conv = named(
            conv=convolution(3, stem, 3, 2), bn=nn.BatchNorm2d(stem), act=nn.Hardswish()
        )
        blocks, before = [Residual(first_block(stem, first), stem == first)], first
        for number, (shape, after) in enumerate(zip(STAGES, stages, strict=True)):
            for at in range(self.depths[number]):
                place, stride = 4 * number + at, 1 if at else shape.stride
                middle = make_divisible(round(before * expands[place]))
                block = mobile_block(before, after, middle, kernels[place], stride, shape)
                blocks.append(Residual(block, stride == 1 and before == after))
                before = after
        self.blocks = nn.ModuleList(blocks)
        self.final_expand_layer = named(
            conv=convolution(before, expanded), bn=nn.BatchNorm2d(expanded), act=nn.Hardswish()
        )
        self.feature_mix_layer = named(conv=convolution(expanded, self.width), act=nn.Hardswish())
        self.classifier = named(linear=nn.Linear(self.width, classes))
        start(self)

    def use(self, kernel: int, depth: int) -> None:
        """Runs only the middle of larger kernels, and the first `depth` blocks of each stage."""
        self.active_depth = depth
        for layer in self.modules():
            if isinstance(layer, Depthwise):
                layer.active = min(kernel, layer.kernel_size[0])

    @torch.no_grad()
    def start_small(self, kernel: int, depth: int) -> None:
        """Sets what `use(kernel, depth)` leaves out so that it changes nothing when it is used.

        Outer kernel weights are 0, and the last batch norm of a later block scales by 0, so that
        the block is its shortcut (the growing of Net2Net, Chen et al. 2016).
        """
        for layer in self.modules():
            if isinstance(layer, Depthwise) and layer.kernel_size[0] > kernel:
                full, edge = layer.kernel_size[0], (layer.kernel_size[0] - kernel) // 2
                layer.weight.copy_(F.pad(layer.weight[:, :, edge:-edge, edge:-edge], [edge] * 4))
                layer.weight.mul_(full / kernel)
        for begin, full in zip(self.begins(), self.depths, strict=True):
            for block in self.blocks[begin + depth : begin + full]:
                nn.init.zeros_(block.conv.point_linear.bn.bn.weight)

    def begins(self) -> list[int]:
        """The number of each stage's first block."""
        return [1 + sum(self.depths[:number]) for number in range(len(self.depths))]

    def stages(self) -> list[tuple[str, nn.Module]]:
        """The parts in order, by the names that a person meets, without the classifier."""
        parts = [("stem", nn.Sequential(self.first_conv, self.blocks[0]))]
        for number, begin in enumerate(self.begins()):
            end = begin + min(self.active_depth, self.depths[number])
            parts.append((f"stage{number + 1}", nn.Sequential(*self.blocks[begin:end])))
        parts.append(("expand", nn.Sequential(self.final_expand_layer, nn.AdaptiveAvgPool2d(1))))
        parts.append(("features", nn.Sequential(self.feature_mix_layer, nn.Flatten())))
        return parts

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pictures (batch, 3, r, r) to features (batch, width)."""
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
