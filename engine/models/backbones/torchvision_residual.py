"""Larger convolutional networks of torchvision."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from torch import nn

from engine.models.backbone import Stage
from engine.models.backbones.base import BACKBONES
from engine.models.backbones.torchvision_common import Torchvision, chain, pooled, sliced


@dataclass
class ResNet(Torchvision):
    """What the residual networks share."""

    classifier = "fc"

    def stages(self, net: Any) -> list[Stage]:
        stem = chain((net.conv1, net.bn1, net.relu, net.maxpool))
        layers = (net.layer1, net.layer2, net.layer3, net.layer4)
        numbered = [Stage(f"stage{i}", layer) for i, layer in enumerate(layers, 1)]
        return [Stage("stem", stem), *numbered, pooled()]


@BACKBONES.register("resnet18", "ResNet-18")
@dataclass
class ResNet18(ResNet):
    """The standard network of many papers; plain and dependable."""


@BACKBONES.register("resnet34", "ResNet-34")
@dataclass
class ResNet34(ResNet):
    """ResNet-18 with twice the layers."""


@BACKBONES.register("resnet50", "ResNet-50")
@dataclass
class ResNet50(ResNet):
    """The usual reference for comparisons; slow on a processor."""


@dataclass
class RegNet(Torchvision):
    """What the RegNets share."""

    classifier = "fc"
    on_meta = False

    def stages(self, net: Any) -> list[Stage]:
        blocks = list(net.trunk_output.children())
        numbered = [Stage(f"stage{i}", block) for i, block in enumerate(blocks, 1)]
        return [Stage("stem", net.stem), *numbered, pooled()]


@BACKBONES.register("regnet_y_400mf", "RegNetY-400MF")
@dataclass
class RegNetY400(RegNet):
    """A small network found by search over regular designs."""


@BACKBONES.register("regnet_y_1_6gf", "RegNetY-1.6GF")
@dataclass
class RegNetY1600(RegNet):
    """A middle-sized network found by search over regular designs."""


@BACKBONES.register("densenet121", "DenseNet-121")
@dataclass
class DenseNet121(Torchvision):
    """Each layer sees all before it; accurate for its size of file, and slow."""

    classifier = "classifier"

    def stages(self, net: Any) -> list[Stage]:
        return [*sliced(net.features, (4, 6, 8, 10, 12)), pooled(nn.ReLU())]

    def renamed(self, key: str) -> str:
        """Torchvision's own file still says norm.1 where its code says norm1."""
        return re.sub(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)", r"\1\2", key)


@BACKBONES.register("convnext_tiny", "ConvNeXt-Tiny")
@dataclass
class ConvNeXtTiny(Torchvision):
    """A modern convolutional network: very accurate, slow on a processor."""

    classifier = "classifier.2"

    def stages(self, net: Any) -> list[Stage]:
        norm, flat = list(net.classifier)[:2]
        last = Stage("features", chain((net.avgpool, norm, flat)))
        return [*sliced(net.features, (2, 4, 6, 8)), last]
