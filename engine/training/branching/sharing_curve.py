"""The sharing curve: how accurate a branch is against how much of the network it shares.

Sarwar, Ankit and Roy (2019), section 3: branches are trained quickly at several cuts; of those
whose accuracy stays within a threshold of the best, the one that shares most is taken. Activations
of the frozen part are computed once and serve all cuts above.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import torch

from engine.errors import BadSetting, Refused
from engine.events import Event, Progress
from engine.learners import Learner
from engine.learners.metrics import accuracy_interval
from engine.learning.comparison import scored
from engine.models.backbone import Backbone
from engine.results.branches import CurvePoint
from engine.training.branching.costs import parts_of, total
from engine.training.branching.training import BranchData, raised

EPOCHS = 0.4
"""A quick training sees each image in so much of the epochs of a whole one."""
LEAST = 0.1
"""Cuts that share less of the operations are not tried: they take longest for next to nothing."""
EACH = 50
"""Images of a class, at most, that a quick training learns from."""


@dataclass(frozen=True)
class Point:
    """One cut: shares of the network that a branch above it has in common, and how it does.

    `accuracy` is a share of held-out images of the branch's classes, told apart by the learner on
    the features of the original and the branch; `interval` its 95 % interval.
    """

    cut: str
    share_parameters: float
    share_macs: float
    accuracy: float
    interval: tuple[float, float]
    seconds: float

    def plain(self) -> CurvePoint:
        return {
            "cut": self.cut,
            "share_parameters": self.share_parameters,
            "share_macs": self.share_macs,
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "seconds": self.seconds,
        }


def cuts_of(original: Backbone) -> tuple[str, ...]:
    """The cuts above which there is something to learn, from the stem up."""
    parts = parts_of(original)
    return tuple(cut for at, cut in enumerate(original.cuts, 1) if total(parts[at:]).parameters)


def worth_trying(original: Backbone) -> tuple[str, ...]:
    """The cuts of a curve: below them lies enough to be called sharing."""
    parts = parts_of(original)
    least = LEAST * total(parts).macs
    shared = {cut: total(parts[:at]).macs for at, cut in enumerate(original.cuts, 1)}
    possible = cuts_of(original)
    return tuple(cut for cut in possible if shared[cut] >= least) or possible


def checked_cut(original: Backbone, cut: str) -> str:
    """The cut of that name. Raises BadSetting where no branch can begin there."""
    possible = cuts_of(original)
    if cut not in possible:
        raise BadSetting(
            f"No branch can begin above “{cut}”. Choose auto or one of: {', '.join(possible)}."
        )
    return cut


def curve(
    ground: BranchData, learner: Callable[[], Learner], cuts: Sequence[str] = ()
) -> Generator[Event, None, list[Point]]:
    """A point for each cut, from the stem up, and last for sharing all, which trains nothing.

    Without `cuts` they are those worth trying; others go from the stem up, too.
    """
    original = ground.original
    cuts = cuts or worth_trying(original)
    known, asked = ground.features(original.cuts[-1], torch.nn.Identity())
    points = []
    for number, cut in enumerate(cuts):
        course = ground.course(cut)
        yield Progress(100 * number, 100 * len(cuts), f"Trying a branch above {cut}")
        for _ in course.follow():
            done = 100 * course.training.position // course.total
            yield Progress(100 * number + done, 100 * len(cuts), f"Trying a branch above {cut}")
        clone = raised(course, cut, original)
        more, others = ground.features(cut, clone)
        joined = torch.cat([known, more], 2), torch.cat([asked, others], 2)
        points.append(point(ground, cut, learner(), *joined, course.account.seconds))
    points.append(point(ground, original.cuts[-1], learner(), known, asked, 0.0))
    return points


def point(
    ground: BranchData,
    cut: str,
    learner: Learner,
    known: torch.Tensor,
    asked: torch.Tensor,
    seconds: float,
) -> Point:
    """How well a learner does on features of images to learn from and of held-out ones."""
    classes, truth = ground.plain.corpus.classes, ground.shown.corpus.classes
    found = scored(learner, known, classes, asked, truth)
    parts, at = parts_of(ground.original), ground.original.position(cut)
    below, whole = total(parts[:at]), total(parts)
    interval = accuracy_interval(round(found.accuracy * len(truth)), len(truth))
    return Point(
        cut,
        below.parameters / max(1, whole.parameters),
        below.macs / max(1, whole.macs),
        found.accuracy,
        interval or (0.0, 1.0),
        seconds,
    )


def recommended(points: Sequence[Point], threshold: float) -> Point:
    """The point that shares most of those within `threshold` points (of 100) of the best.

    Raises BadSetting for a threshold below 0, and Refused where there are no points.
    """
    if not threshold >= 0:
        raise BadSetting(f"The threshold is a number of points from 0 on, not {threshold}.")
    if not points:
        raise Refused("There is no cut above which a branch could begin in this network.")
    best = max(found.accuracy for found in points)
    near = [p for p in points if 100 * (best - p.accuracy) <= threshold + 1e-9]
    return max(near, key=lambda p: (p.share_macs, p.share_parameters))
