"""What every kind of backbone is made from: an architecture in the registry BACKBONES."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch

from engine.errors import BadSetting
from engine.events import Progress
from engine.models.backbone import Backbone
from engine.models.growth import POOLED
from engine.models.weights import read_weights
from engine.registry import Registry
from engine.system.download import fetch, find_weights, put_at
from engine.system.paths import weights_folder

BACKBONES: Registry[Network] = Registry("backbone")
State = Mapping[str, torch.Tensor]


@dataclass
class Network(ABC):
    """A network by name: its facts, the weights that it takes, and how it becomes stages."""

    name: ClassVar[str]
    title: ClassVar[str]
    many_sizes: ClassVar[bool] = False
    """Whether there are smaller networks inside, of which Specialise can take one."""
    features: ClassVar[str] = POOLED
    """What a new project takes of it, as measured (tests/bench/features.py)."""

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """Plain values for the list of backbones.

        Always there: bytes, accuracy (ImageNet-1K top 1, a share, or None), macs, parameters, size,
        licence, url, file, digest (the first hex digits of the file's sha256), here (whether it
        can be used at once).
        """

    @abstractmethod
    def signature(self) -> Mapping[str, tuple[int, ...]]:
        """The shape of each weight that a file of this network must hold, without classifier."""

    @abstractmethod
    def assemble(self, state: State | None, size: int = 0) -> Backbone:
        """The backbone with these weights, in eval mode; with random ones where `state` is None.

        `size` is the side of the network's input in pixels; 0 takes the usual one.
        """

    def found(self) -> Path | None:
        """The file of its weights, where it is on this computer."""
        return find_weights(self.facts()["file"])

    def read(self, file: Path) -> State:
        """All weights of the file that was found. Raises UnusableWeights."""
        return read_weights(file)

    def missing(self) -> str:
        """What a person can do where the weights are not on this computer."""
        url, file = self.facts()["url"], self.facts()["file"]
        return (
            f"The weights of {self.title} are not on this computer. Download them, or get "
            f"{url} on another computer and {put_at(url, weights_folder() / file)}."
        )

    def download(self) -> Generator[Progress, None, Path]:
        """Fetches the file of its weights. Raises Refused or UnusableWeights, see fetch."""
        return (yield from fetch(self.facts()["url"], self.facts()["digest"]))

    def set_aside(self, key: str) -> bool:
        """Whether a weight belongs to the classifier, which is not loaded."""
        return False

    def renamed(self, key: str) -> str:
        """The present name of a weight that older files call otherwise."""
        return key

    def translated(self, state: State) -> State:
        """A file's weights, all under their present names."""
        return {self.renamed(key): tensor for key, tensor in state.items()}


def checked_size(title: str, size: int, usual: int, least: int, step: int = 1) -> int:
    """`size`, or `usual` where it is 0. Raises BadSetting where the network can't take it."""
    if not size:
        return usual
    if size < least or size > 1024:
        raise BadSetting(f"{title} takes images of {least} to 1024 pixels, not {size}.")
    if size % step:
        raise BadSetting(f"{title} takes a size that can be divided by {step}, not {size}.")
    return size
