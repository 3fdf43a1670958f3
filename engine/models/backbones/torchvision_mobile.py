"""Small, quick networks of torchvision, made for phones and processors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from engine.models.backbone import Stage
from engine.models.backbones.base import BACKBONES
from engine.models.backbones.torchvision_common import Torchvision, chain, pooled, sliced


@BACKBONES.register("mobilenet_v3_large", "MobileNetV3-Large")
@dataclass
class MobileNetV3Large(Torchvision):
    """The first choice: good features at little cost."""

    classifier = "classifier.3"

    def stages(self, net: Any) -> list[Stage]:
        # The hidden layer of the classifier stays: its 1280 outputs are the features.
        hidden = list(net.classifier)[:-1]
        last = Stage("features", chain((net.avgpool, nn.Flatten(), *hidden)))
        return [*sliced(net.features, (2, 4, 7, 11, 13, 17)), last]


@BACKBONES.register("mobilenet_v3_small", "MobileNetV3-Small")
@dataclass
class MobileNetV3Small(Torchvision):
    """The quickest of torchvision's, for old computers and large folders."""

    classifier = "classifier.3"

    def stages(self, net: Any) -> list[Stage]:
        hidden = list(net.classifier)[:-1]
        last = Stage("features", chain((net.avgpool, nn.Flatten(), *hidden)))
        return [*sliced(net.features, (1, 2, 4, 7, 9, 13)), last]


@BACKBONES.register("mobilenet_v2", "MobileNetV2")
@dataclass
class MobileNetV2(Torchvision):
    """A well-known small network: quick, and its features are easy to learn from."""

    classifier = "classifier.1"

    def stages(self, net: Any) -> list[Stage]:
        return [*sliced(net.features, (2, 4, 7, 11, 14, 19)), pooled()]


@BACKBONES.register("efficientnet_b0", "EfficientNet-B0")
@dataclass
class EfficientNetB0(Torchvision):
    """More accurate than the MobileNets and about twice as slow."""

    classifier = "classifier.1"

    def stages(self, net: Any) -> list[Stage]:
        return [*sliced(net.features, (2, 3, 4, 6, 9)), pooled()]


@BACKBONES.register("efficientnet_v2_s", "EfficientNetV2-S")
@dataclass
class EfficientNetV2S(Torchvision):
    """The most accurate here at its usual 384 pixels, and slow on a processor."""

    classifier = "classifier.1"

    def stages(self, net: Any) -> list[Stage]:
        return [*sliced(net.features, (2, 3, 4, 6, 8)), pooled()]


@BACKBONES.register("shufflenet_v2_x1_0", "ShuffleNetV2")
@dataclass
class ShuffleNetV2(Torchvision):
    """A small network that mixes channels; quick on a processor."""

    classifier = "fc"

    def stages(self, net: Any) -> list[Stage]:
        return [
            Stage("stem", chain((net.conv1, net.maxpool))),
            Stage("stage1", net.stage2),
            Stage("stage2", net.stage3),
            Stage("stage3", chain((net.stage4, net.conv5))),
            pooled(),
        ]


@BACKBONES.register("squeezenet1_1", "SqueezeNet 1.1")
@dataclass
class SqueezeNet(Torchvision):
    """The smallest file: five megabytes, with weaker features."""

    classifier = "classifier.1"

    def stages(self, net: Any) -> list[Stage]:
        # Dropout before the classifying convolution does nothing in eval mode, so it is left out.
        return [*sliced(net.features, (3, 6, 9, 13)), pooled()]
