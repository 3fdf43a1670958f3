"""What grew on a network: wider features, adapters and branches, as a tuned network's file says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from engine.models.backbone import Backbone, Stage

MOST_WIDTH, MOST_BRANCHES = 8192, 1000
"""Of what is grown onto a network; memory is taken for it before its weights are looked at."""

POOLED, STAGES, MOMENTS = "pooled", "stages", "moments"
"""Features of the last stage, or moments of an earlier one beside them (models/features.py): larger
ones in projects of before."""
ROOTS, MIRROR = "roots", "mirror"


@dataclass(frozen=True)
class Kind:
    """A kind of features: whose they are, whether they are square roots, and whether they are the
    mean with those of the mirror image. Its name is such as "moments", "moments-roots-mirror"."""

    base: str
    roots: bool = False
    mirror: bool = False

    @property
    def name(self) -> str:
        more = ((ROOTS, self.roots), (MIRROR, self.mirror))
        return "-".join([self.base, *(word for word, there in more if there)])

    @classmethod
    def parse(cls, name: str) -> Kind:
        """Raises ValueError for a name that no kind has."""
        base, *more = name.split("-")
        kind = cls(base, ROOTS in more, MIRROR in more)
        if base not in (POOLED, STAGES, MOMENTS) or kind.name != name:
            raise ValueError(f"no features {name}")
        return kind


@dataclass(frozen=True)
class Growth:
    """What was grown onto a network: adapters' width (0: none), and branches from first to last.

    A branch is {"cut": the stage above which it begins, "classes": the numbers of its classes,
    "width": how many features its narrowing last layer gives, 0 where it has none}. `narrowed` are
    the blocks that were pruned before (models/elastic/): the channels of their middle by place;
    `features` are the kind that it gives.
    """

    adapters: int = 0
    branches: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    narrowed: Mapping[str, int] = field(default_factory=dict)
    features: str = POOLED

    @property
    def text(self) -> str:
        told: dict[str, Any] = {"adapters": self.adapters, "branches": list(self.branches)}
        if self.narrowed:
            told["narrowed"] = dict(self.narrowed)
        if self.features != POOLED:
            told["features"] = self.features
        return json.dumps(told)

    @classmethod
    def parse(cls, text: str) -> Growth:
        """Raises ValueError, KeyError or TypeError for what `text` did not give."""
        found = json.loads(text)
        narrowed = {str(k): int(v) for k, v in dict(found.get("narrowed", {})).items()}
        features = str(found.get("features", POOLED))
        growth = cls(int(found["adapters"]), tuple(found["branches"]), narrowed, features)
        widths = [growth.adapters, *(int(branch.get("width", 0)) for branch in growth.branches)]
        if len(widths) > MOST_BRANCHES or not all(0 <= width <= MOST_WIDTH for width in widths):
            raise ValueError("more than any network grows")
        Kind.parse(features)
        return growth


def growth_of(backbone: Backbone) -> Growth:
    """What a backbone has grown; nothing for one that was never tuned."""
    text = backbone.facts.get("growth")
    return Growth.parse(str(text)) if text else Growth()


def named_digest(digest: str, growth: Growth) -> str:
    """What names a network: the sha256 of its weights, or of these and its kind of features."""
    if growth.features == POOLED:
        return digest
    return hashlib.sha256(f"{digest}|{growth.features}".encode()).hexdigest()


def state_of(stages: Sequence[Stage]) -> dict[str, torch.Tensor]:
    """All tensors of the stages, by stage and name."""
    return {
        f"{stage.name}|{name}": tensor.detach().contiguous()
        for stage in stages
        for name, tensor in stage.module.state_dict().items()
    }
