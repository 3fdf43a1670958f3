"""Growing a branch: the stages above a cut learn new classes, above a trunk that stands still.

The trunk's activations of an enumerated set of augmented views are computed once, by ONNX Runtime,
and kept (activation_cache.py); gradient steps are those of training/loop.py, as in all tuning.

A branch begins as a copy of the newest one above the same cut, if there is one: what that one
learnt on top of the original serves the classes that follow. On CIFAR-100's classes, 20 at a time,
this and earlier images beside the new ones brought the joined features from 6 points below the same
stages trained on everything to 1 below.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from engine.models import batch_norm
from engine.models.backbone import Backbone, Stage
from engine.models.branches import Branch
from engine.training.activation_cache import ActivationCache, plan_of, room
from engine.training.augment import Views
from engine.training.dataset import ImageArray, part_of
from engine.training.initial_head import regression
from engine.training.loop import Training
from engine.training.run import TuningRun
from engine.training.schedules import SCHEDULES, Timetable
from engine.training.tuner import BatchSource, Loss, Tuning, stack_of

BATCH, STATISTICS = 64, 256
"""Images at a time, and images on which batch norms are measured before a training."""


@dataclass
class BranchData:
    """What branches for some classes are grown on.

    `original` has no branches. `learnt` are changed views of the images to learn from, `plain` the
    same images as they are, `shown` held-out ones. `kept` are the activations below a cut, in the
    same order. `branches` are those that there are, the newest last.
    """

    original: Backbone
    tuning: Tuning
    learnt: Views
    plain: Views
    shown: Views
    kept: Sequence[ActivationCache]
    device: torch.device
    folder: Path
    branches: Sequence[Branch] = ()

    def begun(self, cut: str) -> Backbone:
        """What a branch above `cut` begins as: the network with the newest branch's stages there,
        the original where no branch begins at this cut."""
        newest = next((b for b in reversed(self.branches) if b.cut == cut), None)
        at, stages = self.original.position(cut), self.original.stages
        if newest is None:
            return self.original
        # What a branch may have above these is the layer that narrows its features.
        parts = list(newest.clone.children())[: len(stages) - at]
        names = [stage.name for stage in stages[at:]]
        above = [Stage(name, part) for name, part in zip(names, parts, strict=True)]
        return replace(self.original, stages=[*stages[:at], *above])

    def head(self, cut: str, network: Backbone) -> nn.Linear:
        """A head that tells the classes apart from the features that a network gives."""
        features, _ = self.features(cut, network.above(cut).eval())
        return regression(features[:, 0], torch.from_numpy(self.plain.corpus.classes))

    def course(self, cut: str, loss: Loss | None = None) -> TuningRun:
        """The training of the stages above `cut`, at its first step; usually with the tuner's own
        loss."""
        network = self.begun(cut)
        head = self.head(cut, network)
        torch.manual_seed(self.tuning.seed)
        stack = stack_of(self.tuning.dressed(network), head, self.device)
        names, below = list(stack.parts), self.original.position(cut)
        upper = nn.Sequential(*(stack.parts[name] for name in names[below:-1]))
        batch_norm.recalibrate_keeping_output(upper, self.some(below))
        schedule = SCHEDULES.make("last_stages", {"count": len(names) - 1 - below})
        total = self.tuning.steps(len(self.learnt.corpus))
        table = Timetable(schedule, names, self.tuning.lr, total)
        lessons = BatchSource(self.tuning, self.learnt, table, self.device, self.kept[0])
        training = Training(stack, self.tuning.optimised(stack), table)
        place = self.folder / f"above-{below}"
        place.mkdir(parents=True, exist_ok=True)
        loss = loss or self.tuning.loss(stack, ())
        return TuningRun(
            training, lessons, self.tuning, self.shown, self.kept[2], frozenset(), loss, place
        )

    def some(self, level: int) -> Iterator[Tensor]:
        """What the trunk gives for some of the images to learn from, of all classes, in batches."""
        rows = np.random.default_rng(0).permutation(len(self.plain.corpus))[:STATISTICS]
        for part in np.array_split(rows, -(-len(rows) // BATCH)):
            yield self.kept[1](part, np.zeros(len(part), np.int64), level).to(self.device)

    def features(self, cut: str, clone: nn.Module) -> tuple[Tensor, Tensor]:
        """What a clone makes of the images to learn from and of the held-out ones, as they are.

        float32 (images, 1, width) each.
        """
        level = self.original.position(cut)
        found = []
        for views, kept in zip((self.plain, self.shown), self.kept[1:], strict=True):
            parts = []
            for at in range(0, len(views.corpus), BATCH):
                rows = np.arange(at, min(at + BATCH, len(views.corpus)))
                with torch.inference_mode():
                    parts.append(clone(kept(rows, np.zeros(len(rows), np.int64), level)))
            found.append(torch.cat(parts)[:, None].clone())
        return found[0], found[1]

    def with_fewer(self, each: int, tuning: Tuning, folder: Path) -> BranchData:
        """The same ground with at most `each` images of a class to learn from."""
        few = first_of_each(self.learnt.corpus, each)
        held_out = self.shown.corpus
        return branch_data(self.original, tuning, few, held_out, self.device, folder, self.branches)


def branch_data(
    original: Backbone,
    tuning: Tuning,
    corpus: ImageArray,
    held_out: ImageArray,
    device: torch.device,
    folder: Path,
    branches: Sequence[Branch] = (),
) -> BranchData:
    """A ground for images `corpus` (larger than the network's input) and held-out ones."""
    seen = (
        Views(corpus, original.preprocessing, tuning.augment, tuning.seed),
        Views(corpus, original.preprocessing, "none"),
        Views(held_out, original.preprocessing, "none"),
    )
    stages = [stage.module for stage in original.stages]
    folder.mkdir(parents=True, exist_ok=True)
    levels = list(range(1, len(stages)))
    images = 2 * len(corpus) + len(held_out)
    size = original.preprocessing.size
    count, kept = plan_of(stages, size, levels, images, max(1, tuning.views), room(folder))
    prefixes = []
    for name, views, many in zip(("learnt", "plain", "shown"), seen, (count, 1, 1), strict=True):
        (folder / name).mkdir(exist_ok=True)
        prefixes.append(ActivationCache(stages, views, many, folder / name, kept))
    return BranchData(original, tuning, *seen, prefixes, device, folder, tuple(branches))


def first_of_each(corpus: ImageArray, each: int) -> ImageArray:
    """The first images of each class, at most so many."""
    rows = np.concatenate(
        [np.flatnonzero(corpus.classes == number)[:each] for number in np.unique(corpus.classes)]
    )
    return part_of(corpus, np.sort(rows))


def raised(course: TuningRun, cut: str, original: Backbone) -> nn.Sequential:
    """The trained stages above the cut, for use."""
    names = original.cuts[original.position(cut) :]
    stages = nn.Sequential(*(course.stack.parts[name] for name in names))
    return stages.cpu().requires_grad_(False).eval()
