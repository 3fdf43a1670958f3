"""The once-for-all supernet: one set of weights, in which every architecture has its slice.

Cai et al. 2020. Kernels are cut out of the middle of larger ones and passed through a small matrix
of their own; of the middle channels a subnet uses the first ones; of a stage the first blocks. A
subnet can be run inside the supernet (`use`), or taken out of it as a plain network (`subnet`).
"""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import nn

from engine.models.batch_norm import running
from engine.models.supernet.architecture import BLOCKS, Architecture, largest
from engine.models.supernet.mobilenet import (
    Layers,
    MobileNet,
    Residual,
    SqueezeExcite,
    middle_width,
    squeezed_width,
)


def identity(width: int) -> torch.Tensor:
    """(width, width). `torch.eye` on the device "meta" imports PyTorch's compiler, which takes more
    than a second of each process that recognises weights."""
    made = torch.zeros(width, width)
    made.view(-1)[:: width + 1] = 1
    return made


class SlicedConv(nn.Conv2d):
    """A 1x1 convolution of its first channels: as many in as come, `active` out (all if 0)."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__(before, after, 1, bias=False)
        self.active = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        after = self.active or self.out_channels
        return F.conv2d(x, self.weight[:after, : x.shape[1]])


class ElasticDepthwise(nn.Module):
    """A convolution of each channel by its own kernel of 7, 5 or 3.

    Smaller kernels are the middle of the next larger one, times a matrix that all channels share:
    `7to5_matrix` (25, 25), then `5to3_matrix` (9, 9).
    """

    def __init__(self, width: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, kernel, stride, kernel // 2, groups=width, bias=False)
        self.stride, self.active = stride, kernel
        for size in range(kernel - 2, 1, -2):
            self.register_parameter(f"{size + 2}to{size}_matrix", nn.Parameter(identity(size**2)))

    def kernel(self, size: int, width: int) -> torch.Tensor:
        """The weights of the first `width` channels at a kernel size: (width, 1, size, size)."""
        weight = self.conv.weight[:width]
        for smaller in range(self.conv.kernel_size[0] - 2, size - 1, -2):
            middle = weight[:, :, 1:-1, 1:-1].reshape(width, -1)
            matrix = getattr(self, f"{smaller + 2}to{smaller}_matrix")
            weight = F.linear(middle, matrix).view(width, 1, smaller, smaller)
        return weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        width, size = x.shape[1], self.active
        return F.conv2d(x, self.kernel(size, width), None, self.stride, size // 2, 1, width)


class SlicedNorm(nn.BatchNorm2d):
    """A batch norm of as many of its first channels as come; all subnets share its statistics."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalises float32 (n, width, h, w), width at most the norm's own."""
        width, (mean, variance) = x.shape[1], running(self)
        assert self.momentum is not None
        return F.batch_norm(
            x,
            mean[:width],
            variance[:width],
            self.weight[:width],
            self.bias[:width],
            self.training,
            self.momentum,
            self.eps,
        )


class SlicedSqueeze(SqueezeExcite):
    """Squeeze-and-excitation of as many of its first channels as come."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        width = x.shape[1]
        fc: Any = self.fc
        middle = squeezed_width(width)
        mean = F.adaptive_avg_pool2d(x, 1)
        squeezed = fc.relu(
            F.conv2d(mean, fc.reduce.weight[:middle, :width], fc.reduce.bias[:middle])
        )
        gate = F.conv2d(squeezed, fc.expand.weight[:width, :middle], fc.expand.bias[:width])
        return x * fc.gate(gate)


ELASTIC = Layers(SlicedConv, ElasticDepthwise, SlicedNorm, SlicedSqueeze)


class Supernet(MobileNet):
    """All subnets in one. `use` says which one runs; at first it is the largest."""

    def __init__(self, classes: int = 1000, multiplier: float = 1.0) -> None:
        super().__init__(classes, multiplier, layers=ELASTIC)
        self.use(largest(224))

    def use(self, architecture: Architecture) -> None:
        """Runs this subnet from now on. The resolution is that of the images that come."""
        self.depths = architecture.depths
        for number, blocks in enumerate(self.groups()):
            for at, block in enumerate(blocks):
                parts: Any = block.conv
                parts.depth_conv.conv.active = architecture.kernels[number][at]
                expand = parts.inverted_bottleneck.conv.conv
                expand.active = middle_width(expand.in_channels, architecture.expands[number][at])
        self.architecture = architecture

    def groups(self) -> list[list[Residual]]:
        blocks = cast("list[Residual]", list(self.blocks))
        return [
            blocks[1 + BLOCKS * number : 1 + BLOCKS * number + depth]
            for number, depth in enumerate(self.depths)
        ]

    @torch.no_grad()
    def start_small(self, kernel: int, depth: int) -> None:
        """Sets what kernels above `kernel` and blocks after `depth` add so that it adds nothing.

        Outer kernel weights are 0, and the last batch norm of a later block scales by 0, so that
        the block is its shortcut (the growing of Net2Net, Chen et al. 2016).
        """
        for blocks in self.groups():
            for at, block in enumerate(blocks):
                parts: Any = block.conv
                layer = parts.depth_conv.conv.conv
                full, edge = layer.kernel_size[0], (layer.kernel_size[0] - kernel) // 2
                if edge:
                    middle = layer.weight[:, :, edge:-edge, edge:-edge]
                    layer.weight.copy_(F.pad(middle, [edge] * 4) * (full / kernel))
                if at >= depth:
                    nn.init.zeros_(parts.point_linear.bn.bn.weight)

    @torch.no_grad()
    def subnet(self, architecture: Architecture) -> MobileNet:
        """This architecture as a plain network of its own, in eval mode, with equal outputs.

        Its batch norms hold a mixture of all subnets' statistics: recalibrate before it is used.
        """
        network = MobileNet(self.last_layer.out_features, self.multiplier, architecture)
        state, theirs = self.state_dict(), network.state_dict()
        places = self.places(architecture)
        for name, tensor in theirs.items():
            source = renumbered(name, places)
            if name.endswith("depth_conv.conv.conv.weight"):
                layer: Any = self.get_submodule(source.removesuffix(".conv.weight"))
                tensor.copy_(layer.kernel(tensor.shape[-1], tensor.shape[0]))
            else:
                tensor.copy_(state[source][tuple(slice(size) for size in tensor.shape)])
        return network.eval()

    def places(self, architecture: Architecture) -> list[int]:
        """For each block of the plain network, the number of its block here."""
        return [0] + [
            1 + BLOCKS * number + at
            for number, depth in enumerate(architecture.depths)
            for at in range(depth)
        ]


def renumbered(name: str, places: list[int]) -> str:
    """The name in the supernet of a weight of a plain subnet."""
    parts = name.split(".")
    if parts[0] == "blocks":
        parts[1] = str(places[int(parts[1])])
    return ".".join(parts)
