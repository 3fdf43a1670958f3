"""TILDA: anchors in subspaces, where each subspace votes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot, pad

from engine.errors import Refused
from engine.events import Step
from engine.learners import LEARNERS, Learner, Task
from engine.learners.sums import NOTHING, finite
from engine.registry import setting

EVERY = 32


@LEARNERS.register("tilda", "TILDA: anchors that vote")
@dataclass
class Tilda(Learner):
    """Each class keeps a few anchors in each part of the features; every part casts a vote.

    Hacene et al., Transfer incremental learning using data augmentation, 2018. A d-vector is split
    into P subvectors; each class has k anchors Y in each subspace. A vector x updates one anchor of
    its class in each: n += 1; Y += (x - Y)/n. Each subspace votes for the class of the nearest
    anchor; the votes of all views are added up. P = k = views = 1 is nearest class mean. The first
    k vectors of a class found its anchors, so for k > 1 the order of images matters, but never
    that of classes. Memory: 4 bytes for each of (classes) k d numbers.
    """

    subspaces: int = setting(
        8, "Into how many equal parts (P) the features are split; each has a vote.", least=1
    )
    anchors: int = setting(
        30, "How many anchors (k) each class keeps in each part.", least=1, most=1000
    )
    update: str = setting(
        "nearest",
        "Which anchor an image moves: the nearest one, or the one with the fewest images.",
        choices=("nearest", "fewest"),
    )
    views: int = setting(
        1, "How many augmented views of each image are learnt and vote.", least=1, most=32
    )

    def __post_init__(self) -> None:
        self._Y: dict[int, Tensor] = {}  # float32 (k, P, d/P) for each class
        self._n: dict[int, Tensor] = {}  # int64 (k, P): how many vectors each anchor is the mean of
        self._width = 0

    @property
    def order_free(self) -> bool:
        return self.anchors == 1

    @property
    def classes(self) -> tuple[int, ...]:
        return tuple(sorted(self._Y))

    def learn(self, task: Task) -> Iterator[Step]:
        """All classes at once, a vector of each at a time: classes don't touch one another."""
        vectors = {c: self._split(x) for c, x in task.new.items() if len(x)}
        order = sorted(vectors, key=lambda c: -len(vectors[c]))
        if not order:
            return
        Y, n = self._anchors_of(order, vectors[order[0]].shape[-1])
        total = len(vectors[order[0]])
        for j in range(total):
            x = torch.stack([vectors[c][j] for c in order if j < len(vectors[c])])
            move(Y[: len(x)], n[: len(x)], x, self.update)
            if j % EVERY == EVERY - 1 or j == total - 1:
                yield Step(j + 1, total, {"images": int(n.sum()) // self.subspaces})
        self._Y |= dict(zip(order, Y, strict=True))
        self._n |= dict(zip(order, n, strict=True))
        self._width = next(iter(task.new.values())).shape[-1]

    def forget(self, number: int, features: Tensor) -> None:
        learnt = int(self._n[number].sum()) // (self.subspaces * self.views)
        if learnt != len(features):
            raise ValueError(f"class {number} was learnt from {learnt}, not {len(features)}")
        del self._Y[number], self._n[number]

    def refit(self, sample: Tensor, sample_classes: Tensor) -> None:
        """Nothing to choose: anchors have no regularisation."""

    def head(self) -> nn.Module:
        if not self._Y:
            raise Refused(NOTHING)
        Y = torch.stack([self._Y[c] for c in self.classes])
        n = torch.stack([self._n[c] for c in self.classes])
        # An anchor that is not yet founded would lie at 0 and win there: the first stands in.
        Y = torch.where(n[..., None] > 0, Y, Y[:, :1])
        return Votes(Y, self._width)

    def memory(self) -> dict[str, np.ndarray]:
        kept = {"classes": np.array(self.classes, dtype=np.int64), "width": np.array(self._width)}
        if self.classes:
            kept["anchors"] = torch.stack([self._Y[c] for c in self.classes]).numpy()
            kept["counts"] = torch.stack([self._n[c] for c in self.classes]).numpy()
        return kept

    def restore(self, memory: Mapping[str, np.ndarray]) -> None:
        classes = [int(c) for c in memory["classes"]]
        self._width = int(memory["width"])
        Y = torch.tensor(memory["anchors"]).unbind() if classes else ()
        n = torch.tensor(memory["counts"]).unbind() if classes else ()
        self._Y, self._n = dict(zip(classes, Y, strict=True)), dict(zip(classes, n, strict=True))

    def _split(self, features: Tensor) -> Tensor:
        """(images, views, d) as vectors (views x images, P, d/P): every image's first view first.

        So that different images, not views of one, found a class's anchors.
        """
        x = finite(features).float().transpose(0, 1).flatten(0, 1)
        return padded(x, self.subspaces).unflatten(1, (self.subspaces, -1))

    def _anchors_of(self, order: list[int], s: int) -> tuple[Tensor, Tensor]:
        """Copies of the anchors and counts of these classes, empty for a new one."""
        k, P = self.anchors, self.subspaces
        Y0, n0 = torch.zeros(k, P, s), torch.zeros(k, P, dtype=torch.int64)
        Y = torch.stack([self._Y.get(c, Y0) for c in order])
        return Y, torch.stack([self._n.get(c, n0) for c in order])


def padded(x: Tensor, P: int) -> Tensor:
    """Zeros at the end where d is no multiple of P; they change no distance."""
    return pad(x, (0, -x.shape[-1] % P))


def move(Y: Tensor, n: Tensor, x: Tensor, update: str) -> None:
    """Moves, in place, one anchor of each class in each subspace toward the class's vector.

    Y (classes, k, P, d/P), n (classes, k, P), x (classes, P, d/P). An anchor without vectors comes
    first, whatever the rule.
    """
    a = n.argmin(dim=1, keepdim=True)
    if update == "nearest":
        near = (Y - x[:, None]).square().sum(dim=-1).argmin(dim=1, keepdim=True)
        a = torch.where(n.gather(1, a) == 0, a, near)
    n.scatter_add_(1, a, torch.ones_like(a))
    at = a[..., None].expand(-1, -1, -1, Y.shape[-1])
    old = Y.gather(1, at)
    Y.scatter_(1, at, old + (x[:, None] - old) / n.gather(1, a)[..., None])


class Votes(nn.Module):
    """How many (view, subspace) pairs have a class's anchor nearest, plus a fraction below 1.

    The fraction is greater for classes whose anchors are nearer in all, so that it settles ties and
    nothing else.
    """

    def __init__(self, Y: Tensor, width: int) -> None:
        super().__init__()
        self.C, self.k, self.P, _ = Y.shape
        o = Y.mean(dim=(0, 1))  # distances are the same from anywhere; from here they round least
        y = (Y - o).permute(2, 3, 0, 1).flatten(2)
        self.origin: Tensor
        self.y: Tensor
        self.yy: Tensor
        self.register_buffer("origin", o.flatten()[:width].clone())
        self.register_buffer("y", y.clone())  # (P, d/P, classes x k)
        self.register_buffer("yy", y.square().sum(dim=1)[:, None])

    def forward(self, features: Tensor) -> Tensor:
        views = features.shape[1]
        x = padded(features - self.origin, self.P).flatten(0, 1).unflatten(1, (self.P, -1))
        x = x.transpose(0, 1)  # (P, batch x views, d/P)
        d = self.yy - 2 * (x @ self.y) + x.square().sum(dim=2, keepdim=True)
        d = d.unflatten(2, (self.C, self.k)).amin(dim=3).clamp(min=0)
        votes = one_hot(d.argmin(dim=2), self.C).sum(dim=0).unflatten(0, (-1, views)).sum(dim=1)
        far = d.sum(dim=0).unflatten(0, (-1, views)).sum(dim=1)
        return votes + 0.9 * (far.amin(dim=1, keepdim=True) + 1e-6) / (far + 1e-6)
