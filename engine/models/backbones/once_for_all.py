"""Once-for-all supernets as backbones: the official ones, and those that a person trained.

A supernet's batch norms hold a mixture of all its subnets' statistics. So a project takes a subnet
out of it, recalibrated with its own images, before anything is learnt (learning/subnet.py).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, ClassVar

import torch

from engine.errors import Refused, UnusableWeights
from engine.models.backbone import Backbone
from engine.models.backbones.base import BACKBONES, Network, State, checked_size
from engine.models.backbones.outlines import outlined
from engine.models.weights import Fit, read_weights
from engine.system.download import find_weights

EMBEDDED = "embedded"
OWN = "supernet"
"""The name of the backbone of a project whose supernet came from a person's file."""
PUBLISHED = "https://github.com/han-cai/files/raw/master/ofa/ofa_nets"
MARK = "blocks.1.conv.inverted_bottleneck.conv.conv.weight"
"""A weight that every supernet has, and no other network that is known here."""


@dataclass
class OnceForAll(Network):
    """What all supernets share: shapes, older names, and the way to the largest subnet."""

    multiplier: ClassVar[float] = 1.0
    file: ClassVar[str] = ""
    digest: ClassVar[str] = ""
    accuracy: ClassVar[float | None] = None
    many_sizes = True
    licence: ClassVar[str] = (
        "Weights of the once-for-all project (MIT), trained on ImageNet, whose images are for "
        "research."
    )

    def facts(self) -> dict[str, Any]:
        """As Network.facts; accuracy, size and parameters are those of the largest subnet."""
        numbers = sum(math.prod(shape) for shape in shapes_of(self.multiplier).values())
        return {
            "bytes": 4 * numbers,
            "accuracy": self.accuracy,
            "macs": None,
            "parameters": numbers,
            "size": 224,
            "licence": self.licence,
            "url": f"{PUBLISHED}/{self.file}" if self.file else "",
            "file": self.file,
            "digest": self.digest,
            "here": find_weights(self.file) is not None,
        }

    def signature(self) -> Mapping[str, tuple[int, ...]]:
        return {k: s for k, s in shapes_of(self.multiplier).items() if not self.set_aside(k)}

    def set_aside(self, key: str) -> bool:
        return key.startswith("classifier.") or key.endswith("num_batches_tracked")

    def renamed(self, key: str) -> str:
        return key.replace(".mobile_inverted_conv.", ".conv.")

    def supernet(self, state: State | None) -> Any:
        """The Supernet with these weights and a classifier of 8 classes that is not looked at."""
        from engine.models.supernet.supernet import Supernet

        torch.manual_seed(0)
        supernet = Supernet(8, self.multiplier)
        if state is not None:
            supernet.load_state_dict({**supernet.state_dict(), **state})
        return supernet.eval()

    def assemble(self, state: State | None, size: int = 0) -> Backbone:
        from engine.models.supernet.architecture import largest
        from engine.models.supernet.files import backbone_of

        size = checked_size(self.title, size, 224, 32, step=4)
        network = self.supernet(state).subnet(largest(size))
        facts = self.facts()
        backbone = backbone_of(self.name, network, size, facts["licence"], facts)
        backbone.preprocessing = backbone.preprocessing.whole()
        return backbone


@BACKBONES.register("ofa_w10", "Once-for-all MobileNetV3 1.0")
@dataclass
class OnceForAll10(OnceForAll):
    """Holds many sizes: under Specialise you pick one that is as fast as you ask for."""

    multiplier = 1.0
    file = "ofa_mbv3_d234_e346_k357_w1.0"
    digest = "git:55d835981d8acd1053657a951b18887a724ddcbf"
    accuracy = 0.775


@BACKBONES.register("ofa_w12", "Once-for-all MobileNetV3 1.2")
@dataclass
class OnceForAll12(OnceForAll):
    """Holds many sizes too; the wider one of the two published: more accurate and slower."""

    multiplier = 1.2
    file = "ofa_mbv3_d234_e346_k357_w1.2"
    digest = "git:d75a3613bae216091f61fc4b7df77d49cc82ed32"


@dataclass
class Own(OnceForAll):
    """A supernet of any width from a person's own file. It is in no list, so not registered."""

    name = OWN
    title = "this once-for-all network"
    licence = "Your own weights."


@functools.cache
def shapes_of(multiplier: float) -> dict[str, tuple[int, ...]]:
    """The shape of each weight of a supernet with 1,000 classes."""
    from engine.models.supernet.supernet import Supernet

    with outlined():
        return {k: tuple(v.shape) for k, v in Supernet(1000, multiplier).state_dict().items()}


def is_supernet(state: State) -> bool:
    """Whether a file of weights holds a supernet: the blocks of the family, and seven wide."""
    renamed = {OnceForAll().renamed(key) for key in state}
    return {MARK, "feature_mix_layer.conv.weight"} <= renamed


def network_for(path: Path, state: State) -> OnceForAll:
    """The kind of supernet that a file holds, by the widths of its layers."""
    from engine.models.supernet.mobilenet import widths_of

    found = [
        state[name].shape[0] if name in state else 0
        for name in (
            "first_conv.conv.weight",
            "final_expand_layer.conv.weight",
            "feature_mix_layer.conv.weight",
        )
    ]
    for hundredths in (100, 120, 50, *range(10, 201)):
        widths = widths_of(hundredths / 100)
        if [widths[0], *widths[-2:]] == found:
            network = Own()
            network.multiplier = hundredths / 100  # type: ignore[misc]  # of this one alone
            return network
    raise UnusableWeights(
        f"{path.name} looks like a once-for-all network, but of no width between 0.1 and 2. "
        "Choose another file."
    )


def fit_of(path: Path, network: OnceForAll, state: State) -> Fit:
    """A supernet's file against its network, checked. Raises UnusableWeights.

    Files written before matrices were trained lack them; they are then the identity.
    """
    shapes = network.signature().items()
    identity = {name: torch.eye(s[0]) for name, s in shapes if name.endswith("_matrix")}
    fit = Fit(path, network, {**identity, **state})
    fit.check()
    return fit


def load_supernet(name: str, weights: Path | None) -> tuple[Any, str]:
    """The Supernet that a project names, and its licence. Raises Refused where it is none."""
    from engine.models.supernet.files import read_weights as read_own

    if name == EMBEDDED:
        with as_file(files("resources") / "backbone.safetensors") as own:
            return read_own(own)[0], BACKBONES.make(EMBEDDED).facts()["licence"]
    known = name in BACKBONES and isinstance(BACKBONES.make(name), OnceForAll)
    if not known and name != OWN:
        raise Refused(
            "This project's network comes in one size. To ask for a latency, choose one that holds "
            "many: the embedded one, or a once-for-all network."
        )
    path = weights or find_weights(BACKBONES.make(name).facts()["file"])
    if path is None:
        raise Refused("The weights of this project's supernet are missing. Choose it again.")
    state = read_weights(path)
    network = BACKBONES.make(name) if known else network_for(path, state)
    assert isinstance(network, OnceForAll)
    return network.supernet(fit_of(path, network, state).cast()), network.licence
