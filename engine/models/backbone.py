"""A network as an ordered list of stages, and the models made from one.

Shapes: images are float32 (batch, 3, size, size), normalised; features are float32
(batch, width).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import nn

from engine.errors import BadSetting
from engine.images.preprocess import Preprocessing
from engine.learners.promise import Promise
from engine.system.groups import Groups, Naming


@dataclass
class Stage:
    """One stage of a backbone: a module, and its name in the window."""

    name: str
    module: nn.Module


@dataclass
class Backbone:
    """A pretrained network without its classifier, as stages from stem to features.

    `digest` is the sha256 of the weights that are loaded. A cut is the name of a stage: what lies
    below it, the stage itself included, can be frozen, cached and run by ONNX Runtime; what lies
    above can be trained. The last stage's output is the features.
    """

    name: str
    stages: list[Stage]
    preprocessing: Preprocessing
    width: int
    digest: str = ""
    licence: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
    moments: int = 0
    """So many of the last features are moments of an earlier stage (engine/models/features.py)."""
    mirror: bool = False
    """Whether the features are the mean over an image and its mirror image, which is none of the
    stages' business: what goes from pixels to features asks them twice (engine/models/trunk.py)."""

    @property
    def looks(self) -> int:
        """How many times it looks at an image."""
        return 2 if self.mirror else 1

    @property
    def cuts(self) -> tuple[str, ...]:
        return tuple(stage.name for stage in self.stages)

    def below(self, cut: str = "") -> nn.Sequential:
        """The stages up to and including `cut`; all of them where `cut` is empty."""
        return nn.Sequential(*(s.module for s in self.stages[: self.position(cut)]))

    def above(self, cut: str) -> nn.Sequential:
        """The stages after `cut`."""
        return nn.Sequential(*(s.module for s in self.stages[self.position(cut) :]))

    def position(self, cut: str) -> int:
        """How many stages lie below the cut. Raises BadSetting for an unknown name."""
        if not cut:
            return len(self.stages)
        if cut not in self.cuts:
            raise BadSetting(f"There is no stage “{cut}”. The stages are: {', '.join(self.cuts)}.")
        return self.cuts.index(cut) + 1


def digest_of(state: Mapping[str, torch.Tensor]) -> str:
    """The sha256 of weights: names, types, shapes and bytes, in the order of names."""
    total = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        total.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        total.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return total.hexdigest()


def parameters_of(modules: Iterable[nn.Module]) -> int:
    """How many parameters the modules hold together."""
    return sum(p.numel() for module in modules for p in module.parameters())


@dataclass
class Model:
    """What is tried, compared and exported: a backbone, a head, and what its answers mean.

    The head takes features float32 (n, views, width) and gives probabilities (n, classes) and a
    distance (n,); an image whose distance is greater than `threshold` is "none of these".
    `evidence` says how much each kind counts in it (learners/evidence.py); empty: it is 1 - cosine
    to the nearest class.
    """

    backbone: Backbone
    head: nn.Module
    class_names: tuple[str, ...]
    threshold: float
    views: int = 1
    evidence: tuple[float, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)
    """sha256 by name of what the model was made from, beside the backbone's weights."""
    within: tuple[str, ...] = ()
    """The group that each class is within, "moths/hawk-moths"; empty: there are none."""
    promise: Promise | None = None
    """What share of its answers may be wrong; without one it gives them all."""

    @property
    def looks(self) -> int:
        """How many times its network looks at an image."""
        return self.views * self.backbone.looks

    @property
    def naming(self) -> Naming:
        """What it answers, by its promise."""
        least = self.promise.least if self.promise else ()
        return Naming(self.class_names, self.within, least)

    @property
    def groups(self) -> Groups:
        return Groups(self.within or ("",) * len(self.class_names))

    @property
    def least(self) -> tuple[float, ...]:
        """The confidence below which an answer of each class is "not sure"."""
        return self.promise.least if self.promise else (0.0,) * len(self.class_names)
