"""A head for each branch of a network, made by any closed-form learner, and their logits joined."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from engine.errors import BadSetting, Refused
from engine.events import Step
from engine.learners import LEARNERS, Learner, Task
from engine.learners.heads import logits_of
from engine.learners.joining import BranchHead, Joined, Scale, fitted, read_scales, read_split
from engine.learners.sums import finite
from engine.registry import setting

NAME = "per_branch"
LEFT_OUT = 4
"""Of each class every so many-th image of the sample is left out of the heads that are joined."""


@LEARNERS.register(NAME, "A head for each branch")
@dataclass
class PerBranch(Learner):
    """Each branch of the network tells only those classes apart that it was grown for.

    Sarwar, Ankit and Roy, Incremental learning in deep convolutional neural networks using partial
    network sharing, 2019. Branch b has a head of its own, on its own features. Its logits z join
    those of the branches before it as a z + c, with a and c such that images which the heads have
    not seen, of the classes known up to b, are answered best. The first branch has a = 1, c = 0.
    What comes later changes none of this: earlier classes' logits stay as they are, bit for bit.

    The paper's weak point is that a branch never saw earlier classes. With `wide`, head b looks at
    the features of all branches up to b and knows their classes, too: z is then how much likelier
    one of its own classes is than all earlier ones together, on top of their own logits.
    """

    of_features = False

    inner: str = setting("slda", "The learner that makes each branch's head.")
    options: str = setting("", "That learner's settings, as NAME=VALUE,NAME=VALUE.")
    split: str = setting(
        "",
        "The branches as FEATURES:CLASSES, as in 1280:1,2|1280:3,4; classes that are not named are "
        "the first one's. Empty: one branch.",
    )
    scales: str = setting(
        "",
        "What the later branches' logits are multiplied by and what is added, as in 0.8,-0.5|1,0. "
        "Empty: fitted on training images that are left out.",
    )

    wide: bool = setting(
        False, "Later heads also look at the earlier branches' features, to tell new from old."
    )

    def __post_init__(self) -> None:
        if self.inner == NAME:
            raise BadSetting("The learner inside can't be per_branch itself. Choose another one.")
        widths, self._named = read_split(self.split)
        ends = np.cumsum([0, *widths]).tolist()
        spans = [slice(0 if self.wide else a, b) for a, b in pairwise(ends)]
        self._spans = spans or [slice(None)]
        self._given = read_scales(self.scales, len(self._spans))
        self._scales = list(self._given) or [Scale()] * len(self._spans)
        self._parts = self._fresh()
        self._stale: set[int] = set()  # branches that lost a class since they were last fitted

    @property
    def order_free(self) -> bool:
        return self._parts[0].order_free

    @property
    def views(self) -> int:
        return self._parts[0].views

    @property
    def classes(self) -> tuple[int, ...]:
        return tuple(sorted({n for part in self._parts for n in part.classes}))

    def learn(self, task: Task) -> Iterator[Step]:
        """As Learner.learn; only heads whose classes are among the new ones change, and scales
        from theirs on. Raises Refused where the features are not those of the split.
        """
        self._check_width(task.sample)
        parts, sample = list(self._parts), (task.sample, task.sample_classes)
        for features in task.new.values():
            finite(features)  # also where no head looks
        new = {b: found for b in range(len(parts)) if (found := self._given_to(b, task.new))}
        for place, (branch, images) in enumerate(sorted(new.items())):
            parts[branch] = copy.deepcopy(parts[branch])
            for step in parts[branch].learn(Task(images, *self._own(branch, *sample))):
                done = (place + step.done / step.total) / (len(new) + 1)
                yield Step(int(1000 * done), 1000, step.figures)
        self._refit(parts, self._stale - set(new), sample)
        scales = self._fitted(parts, self._stale | set(new), *sample)
        yield Step(1000, 1000, {"branches": len(parts)})
        self._parts, self._scales, self._stale = parts, scales, set()

    def forget(self, number: int, features: Tensor) -> None:
        parts, stale = list(self._parts), set(self._stale)
        for branch in self._all:
            for known, images in self._given_to(branch, {number: features}).items():
                parts[branch] = copy.deepcopy(parts[branch])
                parts[branch].forget(known, images)
                stale.add(branch)
        self._parts, self._stale = parts, stale

    def refit(self, sample: Tensor, sample_classes: Tensor) -> None:
        parts = list(self._parts)
        self._refit(parts, self._stale, (sample, sample_classes))
        scales = self._fitted(parts, self._stale, sample, sample_classes)
        self._parts, self._scales, self._stale = parts, scales, set()

    def head(self) -> nn.Module:
        found = self._joined(self._parts, self._scales, self._all)
        return found or self._parts[0].head()

    def scale_of(self, branch: int, held: Tensor, classes: Tensor) -> Scale:
        """The scale that suits a branch best on images that nothing was learnt from.

        `held` are features (images, views, width) of any classes, one number in `classes` each.
        """
        return self._scale(self._parts, self._scales, branch, held, classes)

    def memory(self) -> dict[str, np.ndarray]:
        kept = {
            f"{branch}/{name}": array
            for branch, part in enumerate(self._parts)
            if part.classes
            for name, array in part.memory().items()
        }
        return {**kept, "scales": np.array([(s.times, s.plus) for s in self._scales])}

    def restore(self, memory: Mapping[str, np.ndarray]) -> None:
        """Also from a memory of fewer branches: the later ones then know nothing yet."""
        found: dict[int, dict[str, np.ndarray]] = {}
        for name, array in memory.items():
            branch, inside, rest = name.partition("/")
            if inside:
                found.setdefault(int(branch), {})[rest] = array
        self._parts, self._stale = self._fresh(), set()
        for number, learnt in found.items():
            self._parts[number].restore(learnt)
        kept = [Scale(float(times), float(plus)) for times, plus in memory["scales"]]
        more = [Scale()] * (len(self._spans) - len(kept))
        self._scales = list(self._given) or [*kept, *more]

    # Parts.

    def _fresh(self) -> list[Learner]:
        options = dict(pair.partition("=")[::2] for pair in self.options.split(",") if pair)
        return [LEARNERS.make(self.inner, options) for _ in self._spans]

    @property
    def _all(self) -> range:
        return range(len(self._spans))

    def _branch_of(self, number: int) -> int:
        return self._named.get(number, 0)

    def _knows(self, branch: int, number: int) -> bool:
        """Whether a branch's head is to learn a class."""
        owner = self._branch_of(number)
        return owner <= branch if self.wide else owner == branch

    def _given_to(self, branch: int, images: Mapping[int, Tensor]) -> dict[int, Tensor]:
        """What a branch's head learns from: its features of its classes' images."""
        span = self._spans[branch]
        return {n: x[:, :, span] for n, x in images.items() if self._knows(branch, n)}

    def _check_width(self, sample: Tensor) -> None:
        """Raises Refused where the features are not those that the split is about."""
        wanted = self._spans[-1].stop
        if wanted is not None and sample.shape[2] != wanted:
            raise Refused(
                f"The network gives {sample.shape[2]} features, and the branches' heads look at "
                f"{wanted}. Choose another learner, or grow the branches again."
            )

    def _own(self, branch: int, sample: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        """What a sample holds for a branch's head: its features of its classes' images."""
        mine = torch.tensor([self._knows(branch, int(n)) for n in classes], dtype=torch.bool)
        return sample[mine][:, :, self._spans[branch]], classes[mine]

    def _refit(self, parts: list[Learner], stale: set[int], sample: tuple[Tensor, Tensor]) -> None:
        """Puts copies that are fitted anew in the place of what is stale in `parts`."""
        for branch in stale:
            parts[branch] = copy.deepcopy(parts[branch])
            if parts[branch].classes:
                parts[branch].refit(*self._own(branch, *sample))

    def _fitted(
        self, parts: Sequence[Learner], changed: set[int], sample: Tensor, classes: Tensor
    ) -> list[Scale]:
        """The scales, fitted anew from the first branch on that changed.

        The heads that are compared have not seen the images that are left out for it.
        """
        scales = list(self._scales)
        if self._given or not changed or len(parts) == 1:
            return scales
        held = left_out(sample, classes)
        trial = self._fresh()
        for branch, learner in enumerate(trial):
            x, y = self._own(branch, sample[~held], classes[~held])
            new = {int(n): x[y == n] for n in y.unique()}
            if new:
                for _ in learner.learn(Task(new, x, y)):
                    pass
        for branch in range(min(changed), len(parts)):
            scales[branch] = self._scale(trial, scales, branch, sample[held], classes[held])
        return scales

    def _scale(
        self,
        parts: Sequence[Learner],
        scales: Sequence[Scale],
        branch: int,
        held: Tensor,
        classes: Tensor,
    ) -> Scale:
        """The best scale of a branch beside those before it; 1 and 0 where nothing can say."""
        before = self._joined(parts, scales, range(branch))
        part = self._part(parts, [Scale()] * len(parts), branch)
        if before is None or part is None:
            return Scale()
        old, new = (self._owned(parts, branches) for branches in (range(branch), [branch]))
        numbers = {n: at for at, n in enumerate([*sorted(old), *new])}
        asked = torch.tensor([int(n) in numbers for n in classes], dtype=torch.bool)
        with torch.inference_mode():
            own = torch.cat([part.own(x) for x in held[asked].split(256)]) if asked.any() else None
        if own is None:
            return Scale()
        places = torch.tensor([numbers[int(n)] for n in classes[asked]])
        return fitted(logits_of(before, held[asked]), own, places, on_top=len(part.old) > 0)

    def _owned(self, parts: Sequence[Learner], branches: Iterable[int]) -> list[int]:
        """The classes of branches that their heads have learnt, in the order of their logits."""
        return [n for b in branches for n in parts[b].classes if self._branch_of(n) == b]

    def _part(
        self, parts: Sequence[Learner], scales: Sequence[Scale], branch: int
    ) -> BranchHead | None:
        """A branch's head; None where it has learnt none of the branch's own classes."""
        known = parts[branch].classes
        new = [at for at, n in enumerate(known) if self._branch_of(n) == branch]
        old = [at for at, n in enumerate(known) if self._branch_of(n) != branch]
        if not new:
            return None
        return BranchHead(parts[branch].head(), self._spans[branch], scales[branch], new, old)

    def _joined(
        self, parts: Sequence[Learner], scales: Sequence[Scale], branches: Iterable[int]
    ) -> Joined | None:
        """The heads of some branches as one, with logits in ascending order of classes."""
        branches = list(branches)
        found = [part for b in branches if (part := self._part(parts, scales, b))]
        numbers = self._owned(parts, branches)
        order = sorted(range(len(numbers)), key=numbers.__getitem__)
        return Joined(found, order) if found else None


def left_out(sample: Tensor, classes: Tensor) -> Tensor:
    """Which images to leave out: some of each class, and the same in whatever order they come."""
    held = torch.zeros(len(sample), dtype=torch.bool)
    size = sample.double().mean(dim=(1, 2))
    for number in classes.unique():
        at = torch.nonzero(classes == number)[:, 0]
        held[at[size[at].argsort()][LEFT_OUT - 1 :: LEFT_OUT]] = True
    return held
