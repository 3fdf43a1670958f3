"""A head as weights at one image: how much of each logit comes from each feature."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize, pad

from engine.learners.heads import Chosen, Linear, RandomRelu, Roots
from engine.learners.joining import BranchHead, Joined
from engine.learners.pooling import Pooled

FLOAT = torch.float64


@dataclass(frozen=True)
class Weights:
    """Logits = rows x + bias + rest, at the features x of one image; all float64.

    `rows` (classes, width), `bias` (classes,) is the same for all images; `rest` (classes,) is
    what belongs to no feature, 0 for most heads. `depends` says that the head is not linear: how
    much a feature brings depends on the others.
    """

    rows: Tensor
    bias: Tensor
    rest: Tensor
    depends: bool = False

    def logits(self, x: Tensor) -> Tensor:
        return self.rows @ x + self.bias + self.rest

    def pick(self, places: Tensor) -> Weights:
        """Those of some classes."""
        return Weights(self.rows[places], self.bias[places], self.rest[places], self.depends)


@singledispatch
def weights_at(head: nn.Module, x: Tensor) -> Weights | None:
    """The weights that a head gives to features x, float64 (width,), of an image with one view.

    None for a head whose answer can't be taken apart, such as one that counts votes.
    """
    return None


@weights_at.register
def linear(head: Linear, x: Tensor) -> Weights:
    """The length of the features, where they are brought to 1, is that of the whole image."""
    W, b = head.weight.to(FLOAT), head.bias.to(FLOAT)
    rows = W / x.norm().clamp(min=1e-12) if head.unit else W
    return Weights(rows, b, torch.zeros_like(b))


@weights_at.register
def random_relu(head: RandomRelu, x: Tensor) -> Weights:
    """relu(x P) Q is x P' Q' for those random features that are above 0 here."""
    P, Q = head.projection.to(FLOAT), head.weight.to(FLOAT)
    on = x @ P > 0
    rows = (P[:, on] @ Q[on]).T
    none = torch.zeros(len(rows), dtype=FLOAT)
    return Weights(rows, none, none, depends=True)


@weights_at.register
def chain(head: nn.Sequential, x: Tensor) -> Weights | None:
    """A root is its feature over itself: sign(x) |x|^(1/2) / n = x / (|x|^(1/2) n)."""
    if len(head) != 2 or not isinstance(head[0], Roots):
        return None
    root = x.abs().sqrt()
    found = weights_at(head[1], normalize(x.sign() * root, dim=0))
    if found is None:
        return None
    by = torch.where(root > 0, 1 / root.clamp(min=1e-12), 0.0) / root.norm().clamp(min=1e-12)
    return Weights(found.rows * by, found.bias, found.rest, depends=True)


@weights_at.register
def pooled(head: Pooled, x: Tensor) -> Weights | None:
    parts = [weights_at(part, x) for part in head.heads]
    found = [(w, part) for w, part in zip(head.weights, parts, strict=True) if part is not None]
    if len(found) < len(parts):
        return None
    rows, bias, rest = (
        torch.stack([w * getattr(part, name) for w, part in found]).sum(dim=0)
        for name in ("rows", "bias", "rest")
    )
    return Weights(rows, bias, rest, any(part.depends for _, part in found))


@weights_at.register
def chosen(head: Chosen, x: Tensor) -> Weights | None:
    found = weights_at(head.head, x)
    return None if found is None else found.pick(head.places)


@weights_at.register
def joined(head: Joined, x: Tensor) -> Weights | None:
    """Branches side by side; what is put on top of earlier classes is taken to first order."""
    so_far: Weights | None = None
    for part in head.parts:
        found = branch(part, x, so_far)
        if found is None:
            return None
        so_far = found if so_far is None else beside(so_far, found)
    return None if so_far is None else so_far.pick(head.order)


def branch(part: BranchHead, x: Tensor, before: Weights | None) -> Weights | None:
    """A branch's own classes among the weights of all features."""
    start, stop, _ = part.span.indices(len(x))
    narrow = weights_at(part.head, x[part.span])
    if narrow is None:
        return None
    rows = pad(narrow.rows, (start, len(x) - stop))
    wide = Weights(rows, narrow.bias, narrow.rest, narrow.depends)
    own = wide.pick(torch.tensor(part.new))
    if len(part.old):
        own = plus(own, together(wide.pick(torch.tensor(part.old)), x), -1)
    times, more = part.scale.times, part.scale.plus
    own = Weights(own.rows * times, own.bias * times + more, own.rest * times, own.depends)
    if len(part.old) and before is not None:
        own = plus(own, together(before, x))
    return own


def together(found: Weights, x: Tensor) -> Weights:
    """The log-sum-exp of logits: their mean by probability, and the entropy, which is the rest."""
    z = found.logits(x)
    p = z.softmax(dim=0)[None]
    rest = (p @ found.rest) + z.logsumexp(dim=0) - p @ z
    return Weights(p @ found.rows, p @ found.bias, rest, depends=True)


def plus(a: Weights, b: Weights, sign: int = 1) -> Weights:
    rows, bias, rest = a.rows + sign * b.rows, a.bias + sign * b.bias, a.rest + sign * b.rest
    return Weights(rows, bias, rest, a.depends or b.depends)


def beside(a: Weights, b: Weights) -> Weights:
    rows, bias, rest = (
        torch.cat([getattr(a, name), getattr(b, name)]) for name in ("rows", "bias", "rest")
    )
    return Weights(rows, bias, rest, a.depends or b.depends)
