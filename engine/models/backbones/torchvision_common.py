"""What torchvision's networks share: facts from their weights' metadata, loading, signatures."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlparse

from torch import nn

from engine.images.preprocess import Preprocessing
from engine.models.backbone import Backbone, Stage, digest_of
from engine.models.backbones.base import Network, State, checked_size
from engine.models.backbones.outlines import WithoutNumbers, outlined
from engine.system.download import find_weights
from engine.system.unasked import of_torchvision

if TYPE_CHECKING:
    from torchvision.models import WeightsEnum


LICENCE = (
    "torchvision's weights, published under its BSD-3-Clause licence and trained on ImageNet-1K, "
    "whose own terms are for research; check that they allow your use."
)


def models() -> ModuleType:
    """torchvision's networks. They are imported where one is wanted: many jobs need none."""
    return of_torchvision("models")


@dataclass
class Torchvision(Network):
    """A network of torchvision. A plug-in names its classifier's last layer and cuts the stages."""

    classifier: ClassVar[str]
    """The layer that gives one logit for each ImageNet class: it alone is set aside."""
    on_meta: ClassVar[bool] = True
    """Whether the network can be built without memory; RegNet computes its widths by tensors."""
    step: ClassVar[int] = 1
    """What the input size must be divisible by."""

    @abstractmethod
    def stages(self, net: Any) -> list[Stage]:
        """The network's own modules in order, from stem to flat features."""

    def build(self, size: int) -> nn.Module:
        """The network with random weights, for an input of this size."""
        return models().get_model_builder(self.name)(weights=None)

    def weights(self) -> WeightsEnum:
        """The published weights: the first recipe where there are several.

        The later recipes (label smoothing, long schedules, mixing) score better on ImageNet and
        give features that transfer worse to a linear head (Kornblith et al., NeurIPS 2021,
        "Why do better loss functions lead to less transferable features?").
        """
        return next(iter(models().get_model_weights(self.name)))

    def facts(self) -> dict[str, Any]:
        """As Network.facts, all from torchvision's metadata; also the preprocessing."""
        weights = self.weights()
        file = PurePosixPath(urlparse(weights.url).path).name
        return {
            "bytes": round(weights.meta["_file_size"] * 2**20),
            "accuracy": weights.meta["_metrics"]["ImageNet-1K"]["acc@1"] / 100,
            "macs": round(weights.meta["_ops"] * 1e9),
            "parameters": weights.meta["num_params"],
            "size": self.preprocessing().size,
            "resize": self.preprocessing().resize,
            "least_size": self.least_size(),
            "interpolation": self.preprocessing().interpolation,
            "licence": weights.meta.get("license", LICENCE),
            "recipe": weights.meta.get("recipe", ""),
            "url": weights.url,
            "file": file,
            "digest": digest_prefix(file),
            "here": find_weights(file) is not None,
        }

    def least_size(self) -> int:
        """Below 32 pixels the last stages have nothing to look at."""
        return max(32, *self.weights().meta["min_size"])

    def preprocessing(self) -> Preprocessing:
        usual = self.weights().transforms()
        (size,), (resize,) = usual.crop_size, usual.resize_size
        mean, std = tuple(usual.mean), tuple(usual.std)
        return Preprocessing(size, resize, usual.interpolation.value, mean, std)

    def signature(self) -> Mapping[str, tuple[int, ...]]:
        return _signature(type(self))

    def set_aside(self, key: str) -> bool:
        return key.startswith(self.classifier + ".")

    def assemble(self, state: State | None, size: int = 0) -> Backbone:
        """As Network.assemble. Raises BadSetting where the size can't be."""
        preprocessing = self.preprocessing()
        usual = preprocessing.size
        size = checked_size(self.title, size, usual, self.least_size(), self.step)
        net = self.build(size) if state is None else self.filled(state, size)
        stages = self.stages(net)
        for stage in stages:  # not the net: a stage may be a new chain of its modules
            stage.module.eval()
        last = net.get_submodule(self.classifier)
        assert isinstance(last, nn.Conv2d | nn.Linear)
        kept = {k: v for k, v in net.state_dict().items() if not self.set_aside(k)}
        return Backbone(
            name=self.name,
            stages=stages,
            preprocessing=preprocessing.at(size).whole(),
            width=last.in_channels if isinstance(last, nn.Conv2d) else last.in_features,
            digest=digest_of(kept),
            licence=self.facts()["licence"],
            facts=self.facts(),
        )

    def filled(self, state: State, size: int) -> nn.Module:
        """The network with these weights, built without paying for random ones first."""
        with WithoutNumbers() if self.on_meta else nullcontext():
            net = self.build(size)
        net.load_state_dict(self.fitted(state, size), strict=False)
        return net

    def fitted(self, state: State, size: int) -> State:
        """The weights, changed where they depend on the input size."""
        return state


def digest_prefix(file: str) -> str:
    """The sha256 digits that torchvision puts into its file names."""
    found = re.search(r"-([0-9a-f]{8,64})\.pth$", file)
    return found.group(1) if found else ""


@cache
def _signature(kind: type[Torchvision]) -> Mapping[str, tuple[int, ...]]:
    architecture = kind()
    with outlined() if kind.on_meta else nullcontext():
        net = architecture.build(architecture.preprocessing().size)
    return {
        key: tuple(value.shape)
        for key, value in net.state_dict().items()
        if not architecture.set_aside(key) and not key.endswith("num_batches_tracked")
    }


def chain(modules: Iterable[nn.Module]) -> nn.Sequential:
    return nn.Sequential(*modules)


def pooled(*before: nn.Module) -> Stage:
    """The usual last stage: what remains, the mean over the map, flat."""
    return Stage("features", chain((*before, nn.AdaptiveAvgPool2d(1), nn.Flatten())))


def sliced(layers: nn.Module, bounds: tuple[int, ...]) -> list[Stage]:
    """Consecutive layers as a stem and numbered stages; `bounds` are the ends of each."""
    parts = list(layers.children())
    names = ["stem", *(f"stage{i}" for i in range(1, len(bounds)))]
    starts = (0, *bounds[:-1])
    spans = zip(names, starts, bounds, strict=True)
    return [Stage(name, chain(parts[start:end])) for name, start, end in spans]
