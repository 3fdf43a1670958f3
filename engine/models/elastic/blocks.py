"""The blocks of a network that can be narrowed, of whatever family, and narrower copies of them.

A block is found by its layers: a 1x1 convolution, a larger one, and a 1x1 convolution that
projects, each with a batch norm. In inverted residuals the larger one filters each channel by
itself, and a squeeze-and-excite may stand before the last: EfficientNet-Lite, MobileNetV2 and V3,
and EfficientNet. In ResNet's bottlenecks (He et al., CVPR 2016) it sees all channels, so that the
one before it stays as it is, and a ReLU follows the sum with the shortcut.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from engine.models.backbone import Stage
from engine.models.batch_norm import running
from engine.models.features import Carrying, Joining

SQUEEZE = ("fc1", "fc2")
"""How torchvision calls the two convolutions of a squeeze-and-excite."""
BOTTLENECK, BESIDE = "Bottleneck", "downsample"
"""How torchvision calls ResNet's block, and what its shortcut does where the shape changes."""


@dataclass(frozen=True)
class Layers:
    """The layers of a block that a narrower middle changes, and what the block does with them."""

    expand: nn.Conv2d
    spatial: nn.Conv2d
    project: nn.Conv2d
    norms: tuple[nn.BatchNorm2d, nn.BatchNorm2d, nn.BatchNorm2d]
    squeeze: tuple[nn.Conv2d, nn.Conv2d] | None
    beside: nn.Module | None = None
    """What the shortcut does with the input; None where it is the input itself."""

    @property
    def inverted(self) -> bool:
        """Whether each channel of the middle is filtered by itself."""
        return self.spatial.groups > 1

    @property
    def width(self) -> int:
        """Channels of the middle."""
        return self.project.in_channels

    @property
    def shortcut(self) -> bool:
        """Whether the block adds its input: all these families do where the shapes allow it."""
        return self.spatial.stride == (1, 1) and (
            self.expand.in_channels == self.project.out_channels
        )

    def skipped(self, x: Tensor) -> Tensor | float:
        """What the block adds to what it projects."""
        if self.beside is not None:
            return self.beside(x)
        return x if self.shortcut else 0.0

    def after(self, total: Tensor) -> Tensor:
        """What the block gives, from the sum with the shortcut."""
        return total if self.inverted else total.relu()


def layers_of(module: nn.Module) -> Layers | None:
    """The layers, where a module is a block that can be narrowed; otherwise None."""
    bottleneck = type(module).__name__ == BOTTLENECK and hasattr(module, BESIDE)
    beside = getattr(module, BESIDE) if bottleneck else None
    squeezes = [pair for m in module.modules() if (pair := squeeze_of(m)) is not None]
    apart = {conv for pair in squeezes for conv in pair}
    own = [m for m in module.modules() if m not in apart | modules_in(beside)]
    found = [m for m in own if isinstance(m, nn.Conv2d)]
    norms = [m for m in own if isinstance(m, nn.BatchNorm2d)]
    if len(found) != 3 or len(norms) != 3 or len(squeezes) > 1:
        return None
    expand, spatial, project = found
    wide = spatial.in_channels
    of_kind = spatial.groups == 1 if bottleneck else spatial.out_channels == spatial.groups == wide
    follow = expand.out_channels == wide > 1 and spatial.out_channels == project.in_channels
    if not (pointwise(expand) and pointwise(project) and of_kind and follow):
        return None
    squeeze = squeezes[0] if squeezes else None
    return Layers(expand, spatial, project, (norms[0], norms[1], norms[2]), squeeze, beside)


def modules_in(module: nn.Module | None) -> set[nn.Module]:
    return set(module.modules()) if module is not None else set()


def squeeze_of(module: nn.Module) -> tuple[nn.Conv2d, nn.Conv2d] | None:
    """The two convolutions of a squeeze-and-excite; None for any other module."""
    reads, gates = (getattr(module, name, None) for name in SQUEEZE)
    if isinstance(reads, nn.Conv2d) and isinstance(gates, nn.Conv2d):
        return reads, gates
    return None


def pointwise(conv: nn.Conv2d) -> bool:
    return conv.kernel_size == (1, 1) and conv.groups == 1 and conv.stride == (1, 1)


def blocks_of(stages: Sequence[Stage]) -> dict[str, nn.Module]:
    """The blocks of a network that can be narrowed, by place ("stage2.1"), from the stem up."""
    return {place: module for place, module in steps_of(stages) if layers_of(module) is not None}


def steps_of(stages: Sequence[Stage]) -> Iterator[tuple[str, nn.Module]]:
    """A network as the modules that run one after the other, by place."""
    for stage in stages:
        yield from inside(stage.name, stage.module)


def inside(place: str, module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The modules of a chain, and of chains in it; a module that is none is one step."""
    if not is_chain(module) and not isinstance(module, Carrying | Joining):
        yield place, module
    else:
        for name, child in module.named_children():
            yield from inside(f"{place}.{name}", child)


def is_chain(module: nn.Module) -> bool:
    """Whether a module does nothing but run its children in order."""
    return type(module).forward is nn.Sequential.forward


def rebuilt(stages: Sequence[Stage], made: Mapping[str, nn.Module]) -> list[Stage]:
    """The stages with new blocks in the places of the old; what is not new is shared."""
    return [Stage(stage.name, replaced(stage.name, stage.module, made)) for stage in stages]


def replaced(place: str, module: nn.Module, made: Mapping[str, nn.Module]) -> nn.Module:
    if place in made:
        return made[place]
    if not is_chain(module) or not any(new.startswith(f"{place}.") for new in made):
        return module
    chain = nn.Sequential()
    for name, child in module.named_children():
        chain.add_module(name, replaced(f"{place}.{name}", child, made))
    return chain.eval()


@torch.no_grad()
def folded_projection(layers: Layers) -> tuple[Tensor, Tensor]:
    """What the last convolution and its norm do: weights float64 (outputs, width), and biases."""
    norm, (mean, variance) = layers.norms[2], running(layers.norms[2])
    scale = norm.weight.double() / (variance.double() + norm.eps).sqrt()
    bias = norm.bias.double() - mean.double() * scale
    if layers.project.bias is not None:
        bias = bias + layers.project.bias.double() * scale
    return layers.project.weight[:, :, 0, 0].double() * scale[:, None], bias


@torch.no_grad()
def narrowed(block: nn.Module, kept: Tensor, weight: Tensor, bias: Tensor) -> nn.Module:
    """A copy of a block with the middle channels `kept` (int64, rising), projected anew.

    `weight` (outputs, kept) and `bias` (outputs,) are what projection and norm do together.
    """
    made = copy.deepcopy(block)
    layers = layers_of(made)
    assert layers is not None
    sliced_outputs(layers.spatial, kept)
    sliced_norm(layers.norms[1], kept)
    if layers.inverted:
        sliced_outputs(layers.expand, kept)
        sliced_norm(layers.norms[0], kept)
        layers.spatial.in_channels = layers.spatial.groups = len(kept)
    if layers.squeeze is not None:
        reads, gates = layers.squeeze
        sliced_inputs(reads, kept)
        sliced_outputs(gates, kept)
    sliced_inputs(layers.project, kept)
    layers.project.weight.copy_(weight[:, :, None, None])
    plain(layers, bias)
    return made


def sliced_outputs(conv: nn.Conv2d, kept: Tensor) -> None:
    conv.weight, conv.out_channels = parameter(conv.weight[kept]), len(kept)
    if conv.bias is not None:
        conv.bias = parameter(conv.bias[kept])


def sliced_inputs(conv: nn.Conv2d, kept: Tensor) -> None:
    conv.weight, conv.in_channels = parameter(conv.weight[:, kept]), len(kept)


def sliced_norm(norm: nn.BatchNorm2d, kept: Tensor) -> None:
    norm.weight, norm.bias = parameter(norm.weight[kept]), parameter(norm.bias[kept])
    norm.running_mean, norm.running_var = (values[kept].clone() for values in running(norm))
    norm.num_features = len(kept)


def plain(layers: Layers, bias: Tensor) -> None:
    """Lets the last norm add `bias` and do nothing else."""
    norm, (mean, variance) = layers.norms[2], running(layers.norms[2])
    mean.zero_()
    variance.fill_(1 - norm.eps)
    norm.weight.fill_(1)
    norm.bias.copy_(bias)
    if layers.project.bias is not None:
        layers.project.bias.zero_()


def parameter(values: Tensor) -> nn.Parameter:
    return nn.Parameter(values.clone(), requires_grad=False)


def widths_of(stages: Sequence[Stage]) -> dict[str, int]:
    """Channels of each block's middle, by place."""
    found: dict[str, Any] = {p: layers_of(b) for p, b in blocks_of(stages).items()}
    return {place: layers.width for place, layers in found.items()}


def shaped(stages: Sequence[Stage], widths: Mapping[str, int]) -> list[Stage]:
    """The stages with blocks so wide in the middle; their weights are worth nothing yet.

    Raises KeyError or ValueError where there is no such block, or none so wide.
    """
    blocks = blocks_of(stages)
    made = {place: cut_to(blocks[place], width) for place, width in widths.items()}
    return rebuilt(stages, made)


def cut_to(block: nn.Module, width: int) -> nn.Module:
    """A copy of a block with the first `width` channels of its middle."""
    layers = layers_of(block)
    if layers is None or not 1 <= width <= layers.width:
        raise ValueError("no width of this block")
    weight, bias = folded_projection(layers)
    return narrowed(block, torch.arange(width), weight[:, :width], bias)
