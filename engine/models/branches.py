"""Branches: copies of a network's upper stages for later classes (partial network sharing).

Sarwar, Ankit and Roy, Incremental learning in deep convolutional neural networks using partial
network sharing, 2019. The lower stages, the trunk, are shared and never change again. For the
classes of a later step the stages above a cut are cloned and trained; what was there before is not
touched. At use the trunk runs once, then the original upper stages and each branch, one after the
other and never in one batch, so that what was there before answers as before, bit for bit.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from engine.errors import Refused
from engine.models.backbone import Backbone, Stage, digest_of, parameters_of
from engine.models.growth import Growth, growth_of, named_digest, state_of

LAST = "branches"
"""The name of a branched backbone's last stage."""


@dataclass(frozen=True)
class Branch:
    """What was grown: the clone of the stages above `cut`, and how many features it gives."""

    cut: str
    clone: nn.Module
    width: int


class Branches(nn.Module):
    """The last stage of a branched backbone: the original upper stages, and all branches.

    From the output of the stage `entry`, the trunk's last, to the features of the original and of
    each branch beside each other: float32 (batch, sum of the widths).
    """

    def __init__(self, entry: str, original: Sequence[Stage], grown: Sequence[Branch]) -> None:
        super().__init__()
        self.entry = entry
        self.original = nn.ModuleDict({stage.name: stage.module for stage in original})
        self.cuts = tuple(branch.cut for branch in grown)
        self.widths = tuple(branch.width for branch in grown)
        self.clones = nn.ModuleList(branch.clone for branch in grown)

    @property
    def branches(self) -> tuple[Branch, ...]:
        found = zip(self.cuts, self.clones, self.widths, strict=True)
        return tuple(Branch(*each) for each in found)

    @property
    def stages(self) -> list[Stage]:
        """The original upper stages."""
        return [Stage(name, module) for name, module in self.original.items()]

    def forward(self, x: Tensor) -> Tensor:
        given = {self.entry: x}
        for name, stage in self.original.items():
            x = given[name] = stage(x)
        beside = (clone(given[cut]) for cut, clone in zip(self.cuts, self.clones, strict=True))
        return torch.cat([x, *beside], dim=1)


def branches_of(backbone: Backbone) -> tuple[Branch, ...]:
    """The branches that were grown onto a backbone, the oldest first; the original is not one."""
    last = backbone.stages[-1].module
    return last.branches if isinstance(last, Branches) else ()


def plain(backbone: Backbone) -> Backbone:
    """The same network without its branches."""
    last = backbone.stages[-1].module
    if not isinstance(last, Branches):
        return backbone
    stages = [*backbone.stages[:-1], *last.stages]
    width = backbone.width - sum(last.widths)
    growth = replace(growth_of(backbone), branches=())
    return retold(replace(backbone, stages=stages, width=width), growth)


def widths_of(backbone: Backbone) -> tuple[int, ...]:
    """How many features the original gives, and each branch after it."""
    grown = tuple(branch.width for branch in branches_of(backbone))
    return (backbone.width - sum(grown), *grown)


def classes_of(backbone: Backbone) -> tuple[tuple[int, ...], ...]:
    """The numbers of the classes that each branch was grown for; all others are the original's."""
    return tuple(tuple(map(int, b["classes"])) for b in growth_of(backbone).branches)


def clone_of(backbone: Backbone, cut: str, width: int = 0) -> nn.Sequential:
    """A copy of the original stages above a cut, to be trained for new classes.

    With `width`, a layer that narrows the features to so many comes last. Raises BadSetting for an
    unknown cut, and Refused where nothing lies above it.
    """
    original = plain(backbone)
    above = original.above(cut)
    if not len(above):
        raise Refused(
            f"Above “{cut}” there is nothing to make a branch of. Choose a lower cut: "
            f"{', '.join(original.cuts[:-1])}."
        )
    clone = copy.deepcopy(above)
    return nn.Sequential(*clone, nn.Linear(original.width, width)) if width else clone


def narrowed(clone: nn.Sequential, features: Tensor, width: int) -> nn.Sequential:
    """The clone with a last layer that keeps the `width` directions in which its features vary
    most (principal components of `features`, (images, all of them)).

    Features that hardly vary tell nothing, and a head for all branches takes time with the cube of
    their number: 29 s for 6,400 features, 2.4 s for 1,920, and no accuracy is lost.
    """
    mean = features.double().mean(dim=0)
    _, _, rows = torch.linalg.svd(features.double() - mean, full_matrices=False)
    layer = nn.Linear(features.shape[1], width)
    kept = torch.zeros(width, features.shape[1], dtype=torch.float64)
    kept[: len(rows)] = rows[:width]
    with torch.no_grad():
        layer.weight.copy_(kept)
        layer.bias.copy_(-kept @ mean)
    return nn.Sequential(*clone, layer.requires_grad_(False)).eval()


def grown(
    backbone: Backbone, cut: str, clone: nn.Module, classes: Sequence[int] = (), width: int = 0
) -> Backbone:
    """The backbone with one more branch: `clone` takes the output of the stage `cut`.

    `width` is that of the clone's narrowing last layer, 0 where it has none. The stages of
    `backbone` are shared and not copied. The features get wider; those that were there before stay
    where they are.
    """
    growth = growth_of(backbone)
    entry = {"cut": cut, "classes": [int(number) for number in classes], "width": width}
    told = replace(growth, branches=(*growth.branches, entry))
    branch = Branch(cut, clone, features_of(plain(backbone), cut, clone))
    return assembled(backbone, (*branches_of(backbone), branch), told)


def pruned(backbone: Backbone, number: int) -> Backbone:
    """The backbone without branch `number`, 1 for the oldest. Raises Refused where it has none."""
    there, growth = branches_of(backbone), growth_of(backbone)
    if not 1 <= number <= len(there):
        how_many = f"has {len(there)}" if there else "has none"
        raise Refused(f"There is no branch {number}: the network {how_many}.")
    left = there[: number - 1] + there[number:]
    told = tuple(growth.branches)
    return assembled(backbone, left, replace(growth, branches=told[: number - 1] + told[number:]))


def assembled(backbone: Backbone, grown: Sequence[Branch], growth: Growth) -> Backbone:
    """The original stages of a backbone with these branches: the trunk ends at the lowest cut."""
    original = plain(backbone)
    if not grown:
        return retold(original, growth)
    trunk = min(original.position(branch.cut) for branch in grown)
    last = Branches(original.cuts[trunk - 1], original.stages[trunk:], grown).eval()
    stages = [*original.stages[:trunk], Stage(LAST, last)]
    width = original.width + sum(branch.width for branch in grown)
    return retold(replace(original, stages=stages, width=width), growth)


def retold(backbone: Backbone, growth: Growth) -> Backbone:
    """The backbone with what it tells of itself brought in line with its stages."""
    told = {"growth": growth.text, "parameters": parameters_of(s.module for s in backbone.stages)}
    facts = {**backbone.facts, **told}
    digest = named_digest(digest_of(state_of(backbone.stages)), growth)
    return replace(backbone, digest=digest, facts=facts)


def features_of(original: Backbone, cut: str, clone: nn.Module) -> int:
    """How many features a clone gives above a cut."""
    size = original.preprocessing.size
    with torch.inference_mode():
        below = original.below(cut).eval()(torch.zeros(1, 3, size, size))
        return int(clone.eval()(below).shape[1])
