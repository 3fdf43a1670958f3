"""What networks cost, in use and to be learnt: operations, weights, memory traffic, energy.

Energy is an estimate and no measurement: multiplications, additions and the weights' way from
memory at the prices below; activations, caches, everything else in a computer are left out. It is
there to compare two ways on the same terms.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.models import flops
from engine.models.backbone import Backbone, parameters_of
from engine.models.branches import branches_of
from engine.results.branches import Cost, Costs

MULTIPLY, ADD = 3.7e-12, 0.9e-12
"""Joules for one multiplication and one addition of 32-bit floats."""
READ = 640e-12
"""Joules for 32 bits read from DRAM."""
SOURCE = (
    "An estimate at 45 nm, after Horowitz, Computing's energy problem, ISSCC 2014: 32-bit float "
    "multiply 3.7 pJ, add 0.9 pJ, 32 bits from DRAM 640 pJ. Activations are not counted."
)
BYTES = 4
"""Bytes of a weight: float32."""
BACKWARD = 2
"""A pass backward takes so many times the operations of one forward: for inputs and weights."""
TRIPS = 3
"""In each step the weights that learn are read forward, backward and by the optimiser."""


def joules(macs: float, read_bytes: float) -> float:
    """The estimate for so many multiplications with additions, and bytes of weights read."""
    return macs * (MULTIPLY + ADD) + read_bytes / BYTES * READ


def macs_of(module: nn.Module, x: Tensor) -> int:
    """Multiplications with additions in one forward pass of `x`, in convolutions and products."""
    with torch.no_grad(), flops.counter() as counted:
        module.eval()(x)
    return counted.get_total_flops() // 2


@dataclass(frozen=True)
class StageCost:
    """A stage, or several: multiply-adds for one image, and parameters."""

    macs: int
    parameters: int

    def __add__(self, other: StageCost) -> StageCost:
        return StageCost(self.macs + other.macs, self.parameters + other.parameters)

    @property
    def bytes(self) -> int:
        return BYTES * self.parameters


NOTHING = StageCost(0, 0)


def parts_of(backbone: Backbone) -> list[StageCost]:
    """What each stage costs for one image, from the stem up."""
    size, found = backbone.preprocessing.size, []
    x = torch.zeros(1, 3, size, size)
    for stage in backbone.stages:
        found.append(StageCost(macs_of(stage.module, x), parameters_of([stage.module])))
        with torch.inference_mode():
            x = stage.module(x).clone()
    return found


def total(parts: Iterable[StageCost]) -> StageCost:
    return sum(parts, NOTHING)


@dataclass(frozen=True)
class TrainingCost:
    """A way to come to a network that knows all classes.

    `below` is frozen and run once for each of `views` views of an image; `above` is trained on
    `images`, each seen `epochs` times, `batch` at a time. `after` is the whole network then.
    """

    name: str
    below: StageCost
    above: StageCost
    after: StageCost
    images: int
    epochs: float
    views: int
    batch: int
    seconds: float | None = None

    def row(self) -> Cost:
        """What the cut costs: work, bytes read and, where it was timed, seconds."""
        seen, steps = self.images * self.epochs, self.images * self.epochs / self.batch
        once = self.images * min(self.views, self.epochs)
        macs = once * self.below.macs + seen * (1 + BACKWARD) * self.above.macs
        read = once / self.batch * self.below.bytes + steps * TRIPS * self.above.bytes
        return {
            "way": self.name,
            "pictures": self.images,
            "trained_parameters": self.above.parameters,
            "learn_macs": int(macs),
            "learn_read_bytes": int(read),
            "learn_joules": joules(macs, read),
            "learn_seconds": self.seconds,
            "stored_bytes": self.after.bytes,
            "macs": self.after.macs,
            "read_bytes": self.after.bytes,
            "joules": joules(self.after.macs, self.after.bytes),
        }


@dataclass(frozen=True)
class Recipe:
    """How the part above a cut was trained."""

    epochs: float
    views: int
    batch: int


def compared(
    original: Backbone,
    branched: Backbone,
    cut: str,
    new: int,
    seen: int,
    recipe: Recipe,
    seconds: float | None = None,
) -> Costs:
    """The newest branch, above `cut`, beside training everything anew.

    `original` is `branched` without its branches. The newest branch learnt from `new` images, there
    are `seen` of all classes. The ways: the branch; the same upper stages trained anew on all
    images; the whole network so; and, sharing nothing, a whole network for each step. `seconds`
    were measured for the branch.
    """
    parts, at = parts_of(original), original.position(cut)
    whole, below, above = total(parts), total(parts[:at]), total(parts[at:])
    networks = 1 + len(branches_of(branched))
    apart = StageCost(networks * whole.macs, networks * whole.parameters)
    how = (recipe.epochs, recipe.views, recipe.batch)
    ways = [
        TrainingCost("branch", below, above, total(parts_of(branched)), new, *how, seconds),
        TrainingCost("upper stages anew", below, above, whole, seen, *how),
        TrainingCost("all anew", NOTHING, whole, whole, seen, *how),
        TrainingCost("a network for each step", NOTHING, whole, apart, new, *how),
    ]
    return {"rows": [way.row() for way in ways], "energy": SOURCE}
