"""Transformers of torchvision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from engine.models.backbone import Stage
from engine.models.backbones.base import BACKBONES, State
from engine.models.backbones.torchvision_common import Torchvision, chain, models, sliced


class Patches(nn.Module):
    """Images to tokens: one for each patch of 16 pixels, the class token first."""

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.projection = net.conv_proj
        self.class_token = net.class_token
        self.positions = net.encoder.pos_embedding

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.projection(x).flatten(2).transpose(1, 2)
        first = self.class_token.expand(tokens.shape[0], -1, -1)
        return torch.cat((first, tokens), 1) + self.positions


class FirstToken(nn.Module):
    """The class token's features."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, 0]


@BACKBONES.register("vit_b_16", "ViT-B/16")
@dataclass
class ViTB16(Torchvision):
    """A vision transformer: strong features, 330 megabytes, wants a graphics card."""

    classifier = "heads.head"
    step = 16

    def build(self, size: int) -> nn.Module:
        return models().get_model_builder(self.name)(weights=None, image_size=size)

    def least_size(self) -> int:
        """Its metadata names the trained size; the positions can be interpolated to others."""
        return 32

    def fitted(self, state: State, size: int) -> State:
        """The positions, interpolated to the grid of this input size."""
        return models().vision_transformer.interpolate_embeddings(size, 16, dict(state))

    def stages(self, net: Any) -> list[Stage]:
        layers = list(net.encoder.layers)
        groups = [layers[i : i + 3] for i in range(0, len(layers), 3)]
        numbered = [Stage(f"stage{i}", chain(group)) for i, group in enumerate(groups, 1)]
        last = Stage("features", chain((net.encoder.ln, FirstToken())))
        return [Stage("stem", Patches(net)), *numbered, last]


@BACKBONES.register("swin_t", "Swin-T")
@dataclass
class SwinT(Torchvision):
    """A transformer with shifting windows: accurate, slow on a processor."""

    classifier = "head"

    def least_size(self) -> int:
        """Its metadata names the trained size; its windows are padded to any other."""
        return 32

    def stages(self, net: Any) -> list[Stage]:
        last = chain((net.norm, net.permute, net.avgpool, net.flatten))
        return [*sliced(net.features, (1, 2, 4, 6, 8)), Stage("features", last)]
