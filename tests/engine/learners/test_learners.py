"""Every learner through every check, with faulty learners that prove that the checks can fail."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import onnxruntime
import pytest
import torch

from engine.events import Step
from engine.learners import LEARNERS, Learner, Task
from tests.helpers.features import (
    CLASSES,
    SETTINGS,
    WIDTH,
    Make,
    accuracy,
    drawn_features,
    logits,
    maker,
    part,
    same,
    same_memory,
    task,
    taught,
)

ORDER_FREE = [name for name in SETTINGS if name not in ("tilda-3", "tilda-fewest", "tilda-views")]


# The checks. Each takes a way to make a fresh learner, and fails where the learner does wrong.


def one_logit_per_class(make: Make) -> None:
    x = drawn_features(1, views=make().views)
    learner = taught(make(), part(x, [4, 1]), part(x, [2]))
    assert learner.classes == (1, 2, 4)
    assert logits(learner, x).shape == (CLASSES * 30, 3)


def remembers_the_old(make: Make) -> None:
    x, test = (drawn_features(seed, views=make().views) for seed in (1, 2))
    learner = taught(make(), part(x, range(3)), part(x, range(3, 6)))
    old, together = part(test, range(3)), taught(make(), x)
    assert 0.5 < accuracy(together, old) < 1  # they overlap: a check that can fail
    assert accuracy(learner, old) >= accuracy(together, old)


def learns_the_new(make: Make) -> None:
    x, test = (drawn_features(seed, views=make().views) for seed in (1, 2))
    learner = taught(make(), part(x, range(3)), part(x, range(3, 6)))
    assert accuracy(learner, part(test, range(3, 6))) > 0.5


def gains_images(make: Make) -> None:
    """A class that is known already gets better by more images of it."""
    x, test = (drawn_features(seed, 200, make().views) for seed in (1, 2))
    few = {c: v[:2] for c, v in x.items()}
    more = {c: v[2:] for c, v in x.items()}
    assert accuracy(taught(make(), few, more), test) > accuracy(taught(make(), few), test)


def same_seed_same_head(make: Make) -> None:
    x = drawn_features(1, views=make().views)
    assert torch.equal(logits(taught(make(), x), x), logits(taught(make(), x), x))


def cancel_changes_nothing(make: Make) -> None:
    """Stopped after any of its steps, a learner is as it was, and can learn the same again."""
    x = drawn_features(1, views=make().views)
    learner = taught(make(), part(x, range(3)))
    before, new = learner.memory(), task(part(x, range(3, 6)), x)
    steps = sum(1 for _ in taught(make(), part(x, range(3))).learn(new))
    for stop in range(1, steps + 1):
        running = learner.learn(new)
        for _ in itertools.islice(running, stop):
            pass
        running.close()
        same_memory(learner.memory(), before)
    list(learner.learn(new))
    same(logits(learner, x), logits(taught(make(), part(x, range(3)), part(x, range(3, 6))), x))


def inputs_unchanged(make: Make) -> None:
    x, again = (drawn_features(1, views=make().views) for _ in range(2))
    learner = taught(make(), part(x, range(3)), x)
    before = learner.memory()
    logits(learner, x)
    same_memory(learner.memory(), before)
    assert all(torch.equal(x[c], again[c]) for c in x)


def memory_survives_a_save(make: Make) -> None:
    x = drawn_features(1, views=make().views)
    learner, other = taught(make(), part(x, range(3))), make()
    other.restore({name: array.copy() for name, array in learner.memory().items()})
    assert torch.equal(logits(learner, x), logits(other, x))
    for one in (learner, other):
        list(one.learn(task(part(x, range(3, 6)), x)))
    assert torch.equal(logits(learner, x), logits(other, x))


def any_order_of_classes(make: Make) -> None:
    x = drawn_features(1, views=make().views)
    learner = taught(make(), x)
    same(logits(taught(make(), *({c: x[c]} for c in (3, 0, 5, 1, 4, 2))), x), logits(learner, x))
    backwards = dict(reversed(x.items()))
    same(logits(taught(make(), backwards), x), logits(learner, x))


def any_batches(make: Make) -> None:
    """The same images in the same order, in batches that cut through classes."""
    x = drawn_features(1, views=make().views)
    cut = [{c: v[a:b] for c, v in x.items()} for a, b in ((0, 1), (1, 8), (8, 8), (8, 30))]
    if make().views > 1:  # the views of later images come after those of earlier ones
        cut = [x]
    same(logits(taught(make(), *cut), x), logits(taught(make(), x), x))


def any_order_of_images(make: Make) -> None:
    x = drawn_features(1)
    turned = {c: v.flip(0) for c, v in x.items()}
    same(logits(taught(make(), turned), x), logits(taught(make(), x), x))


def forgets_exactly(make: Make) -> None:
    """Learning and forgetting a class equals never having learnt it; in any order."""
    x = drawn_features(1, views=make().views)
    x[3] = 5 * x[3]
    learner = taught(make(), part(x, [0, 3]), part(x, [1, 2]))
    learner.forget(3, x[3])
    rest = part(x, [0, 1, 2])
    left = task(rest, rest)
    learner.refit(left.sample, left.sample_classes)
    assert learner.classes == (0, 1, 2)
    same(logits(learner, x), logits(taught(make(), rest), x))


def forgets_all(make: Make) -> None:
    """With every class forgotten it is as new, and learns again."""
    x = drawn_features(1, views=make().views)
    learner = taught(make(), x)
    for c in x:
        learner.forget(c, x[c])
    assert learner.classes == ()
    fresh = taught(make(), part(x, [1, 2]))
    list(learner.learn(task(part(x, [1, 2]), part(x, [1, 2]))))
    same(logits(learner, x), logits(fresh, x))


def exports_and_agrees(make: Make, path: str) -> None:
    """To ONNX with a free batch; the file gives the same logits for another batch size."""
    x = drawn_features(1, views=make().views)
    head, features = taught(make(), x).head().eval(), torch.cat(list(x.values()))
    free = ({0: torch.export.Dim("batch")},)
    torch.onnx.export(head, (features[:3],), path, dynamo=True, dynamic_shapes=free, verbose=False)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for batch in (features, features[:1]):
        (out,) = session.run(None, {session.get_inputs()[0].name: batch.numpy()})
        same(torch.tensor(out), head(batch))


CHECKS = (
    one_logit_per_class,
    remembers_the_old,
    learns_the_new,
    gains_images,
    same_seed_same_head,
    cancel_changes_nothing,
    inputs_unchanged,
    memory_survives_a_save,
    any_order_of_classes,
    any_batches,
    forgets_exactly,
    forgets_all,
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("case", SETTINGS)
def test_every_learner_passes_every_check(case: str, check: Callable[[Make], None]) -> None:
    check(maker(case))


@pytest.mark.parametrize("case", SETTINGS)
def test_order_of_images(case: str) -> None:
    """Where a learner says that the order of images is free, it is; TILDA with k > 1 says not."""
    assert maker(case)().order_free == (case in ORDER_FREE)
    if case in ORDER_FREE:
        any_order_of_images(maker(case))


@pytest.mark.parametrize(
    "case",
    [
        "ncm",
        "ncm-cosine",
        "slda",
        "roots",
        "ridge",
        "auto",
        "tilda-3",
        "tilda-views",
        "per-branch-split",
    ],
)
def test_head_exports_and_agrees(case: str, tmp_path) -> None:
    path = tmp_path / "head.onnx"
    exports_and_agrees(maker(case), str(path))
    assert path.stat().st_size < 100_000  # the weights and nothing else


def test_every_registered_learner_is_checked() -> None:
    assert {name for name, _ in SETTINGS.values()} == set(LEARNERS)


# The checks can fail: a learner with one fault each, which its check must find.


class Faulty(Learner):
    """Nearest class mean, kept as sums by class, with the fault that its test asks for."""

    def __init__(self, fault: str = "") -> None:
        self.fault, self.kept = fault, {}

    @property
    def classes(self) -> tuple[int, ...]:
        return tuple(sorted(self.kept))

    def learn(self, task: Task) -> Iterator[Step]:
        kept = self.kept if self.fault == "commits early" else dict(self.kept)
        if self.fault == "forgetful":
            kept = {c: (torch.randn(WIDTH).double(), 1) for c in kept}
        for i, (c, x) in enumerate(task.new.items()):
            total, n = kept.get(c, (0, 0))
            if self.fault == "ignores the known" and n:
                continue
            if self.fault == "spoils its inputs":
                x.add_(1)
            kept[c] = (total + x.double().sum(dim=(0, 1)), n + len(x))
            if self.fault == "last batch wins":
                kept[c] = (x.double().sum(dim=(0, 1)), len(x))
            if self.fault == "deaf" and self.kept:
                kept[c] = (torch.zeros(WIDTH).double(), 1)
            if self.fault == "position counts":
                kept[c] = (kept[c][0] + i, kept[c][1])
            yield Step(i + 1, len(task.new), {})
        self.kept = kept

    def forget(self, number: int, features: torch.Tensor) -> None:
        if self.fault == "keeps a trace" and len(self.kept) > 1:
            other = min(c for c in self.kept if c != number)
            self.kept[other] = (self.kept[other][0] + 1, self.kept[other][1])
        if self.fault != "can't let go":
            del self.kept[number]

    def refit(self, sample: torch.Tensor, sample_classes: torch.Tensor) -> None:
        pass

    def head(self) -> torch.nn.Module:
        means = [total / max(n, 1) for total, n in (self.kept[c] for c in self.classes)]
        if self.fault == "one logit too many":
            means.append(means[0])
        if self.fault == "rolls dice":
            means[0] = means[0] + torch.randn(WIDTH).double()
        m = torch.stack(means)
        linear = torch.nn.Linear(WIDTH, len(m))
        linear.weight.data, linear.bias.data = (2 * m).float(), -(m * m).sum(dim=1).float()
        return torch.nn.Sequential(torch.nn.Flatten(), linear)

    def memory(self) -> dict[str, np.ndarray]:
        kept = {str(c): np.array([*total.tolist(), n]) for c, (total, n) in self.kept.items()}
        return {c: v.round(0) for c, v in kept.items()} if self.fault == "rounds" else kept

    def restore(self, memory: Mapping[str, np.ndarray]) -> None:
        self.kept = {int(c): (torch.tensor(v[:-1]), int(v[-1])) for c, v in memory.items()}


FAULTS = {
    "one logit too many": one_logit_per_class,
    "forgetful": remembers_the_old,
    "deaf": learns_the_new,
    "ignores the known": gains_images,
    "rolls dice": same_seed_same_head,
    "commits early": cancel_changes_nothing,
    "spoils its inputs": inputs_unchanged,
    "rounds": memory_survives_a_save,
    "position counts": any_order_of_classes,
    "last batch wins": any_batches,
    "keeps a trace": forgets_exactly,
    "can't let go": forgets_all,
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_checks_pass_a_learner_without_fault(check: Callable[[Make], None]) -> None:
    check(Faulty)


@pytest.mark.parametrize("fault", FAULTS)
def test_checks_find_the_fault(fault: str) -> None:
    torch.manual_seed(0)
    with pytest.raises(AssertionError):
        FAULTS[fault](lambda: Faulty(fault))


def test_every_check_has_been_seen_to_fail() -> None:
    assert set(FAULTS.values()) == set(CHECKS)
