"""Heads of several branches as one: each looks at its own features, and their logits are joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from engine.errors import BadSetting

FLOAT = torch.float64
ROUNDS = 100
DOUBT = 0.01
"""The weight of what holds a scale where it is, in images."""
LEAST = 1e-3
"""The smallest scale: a branch's own classes keep their order."""


@dataclass(frozen=True)
class Scale:
    """What is done to a branch's logits before they are joined: times `times`, plus `plus`."""

    times: float = 1.0
    plus: float = 0.0

    def on(self, logits: Tensor) -> Tensor:
        """The scaled logits; the same bits where there is nothing to do."""
        return logits if self == Scale() else logits * self.times + self.plus


@dataclass(frozen=True)
class BranchHead:
    """A branch's head: the features that it looks at, and what its logits mean.

    `new` are the columns of the branch's own classes, `old` those of earlier branches' classes,
    where the head knows them.
    """

    head: nn.Module
    span: slice
    scale: Scale
    new: Sequence[int]
    old: Sequence[int] = ()

    def own(self, features: Tensor) -> Tensor:
        """The logits of the branch's own classes; against the earlier ones where it knows them."""
        logits = self.head(features[:, :, self.span])
        own = logits[:, list(self.new)]
        if len(self.old):
            own = own - logits[:, list(self.old)].logsumexp(dim=1, keepdim=True)
        return own

    def join(self, before: Tensor, own: Tensor) -> Tensor:
        """The branch's logits beside those of all earlier classes, which stay as they are.

        A head that knows the earlier classes says how much likelier than all of them together one
        of its own is, so its logits are put on top of what those have together.
        """
        own = self.scale.on(own)
        return own + before.logsumexp(dim=1, keepdim=True) if len(self.old) else own


class Joined(nn.Module):
    """Features (batch, views, width) to logits (batch, classes), by one head for each branch.

    `order` is the place of each class's logit among those of the parts, one after the other.
    """

    def __init__(self, parts: Sequence[BranchHead], order: Sequence[int]) -> None:
        super().__init__()
        self.parts = tuple(parts)
        self.heads = nn.ModuleList(part.head for part in parts)
        self.order: Tensor
        self.register_buffer("order", torch.tensor(order))

    def forward(self, features: Tensor) -> Tensor:
        first, *later = self.parts
        logits = first.own(features)
        for part in later:
            logits = torch.cat([logits, part.join(logits, part.own(features))], dim=1)
        return logits.index_select(1, self.order)


def read_split(text: str) -> tuple[list[int], dict[int, int]]:
    """The branches' widths, and the branch of each class that is named. Raises BadSetting."""
    widths: list[int] = []
    named: dict[int, int] = {}
    for branch, part in enumerate(text.split("|") if text.strip() else ()):
        width, _, classes = part.partition(":")
        try:
            widths.append(int(width))
            named |= {int(number): branch for number in classes.split(",") if number.strip()}
        except ValueError as error:
            raise BadSetting(
                f"The split can't be read at “{part}”. Write each branch as FEATURES:CLASSES, as "
                "in 1280:1,2|1280:3,4."
            ) from error
    if any(width < 1 for width in widths):
        raise BadSetting("A branch has at least one feature. Mend the split.")
    return widths, named


def written_split(widths: Sequence[int], classes: Sequence[Sequence[int]]) -> str:
    """What `read_split` reads: each branch's width and its classes."""
    pairs = zip(widths, classes, strict=True)
    return "|".join(f"{width}:{','.join(map(str, numbers))}" for width, numbers in pairs)


def read_scales(text: str, branches: int) -> list[Scale]:
    """The scale of each branch, the first one's 1 and 0; none where none are given.

    Raises BadSetting.
    """
    if not text.strip():
        return []
    try:
        found = [Scale(*map(float, pair.split(","))) for pair in text.split("|")]
    except (ValueError, TypeError) as error:
        raise BadSetting(
            f"The scales “{text}” can't be read. Write two numbers for each branch but the first, "
            "as in 0.8,-0.5|1,0."
        ) from error
    if len(found) != branches - 1 or not all(0 < s.times < inf and isfinite(s.plus) for s in found):
        raise BadSetting(
            f"There are {len(found)} scales for {branches} branches. Give one above 0 and a shift "
            "for each but the first."
        )
    return [Scale(), *found]


def written_scales(scales: Sequence[Scale]) -> str:
    """What `read_scales` reads; each number to its last bit."""
    return "|".join(f"{scale.times!r},{scale.plus!r}" for scale in scales[1:])


def fitted(old: Tensor, new: Tensor, places: Tensor, on_top: bool = False) -> Scale:
    """The scale and shift of a later branch's logits beside those of the earlier ones.

    `old` (images, classes before) stay as they are, `new` (images, classes of the branch) are
    scaled, and with `on_top` put on top of the old ones' log-sum-exp; `places` are the true
    classes, counted over both. No image may have had a part in the heads. Minimises the
    cross-entropy of softmax((old, times new + plus) / T) over T, times and plus (temperature
    scaling, Guo et al. 2017, with the temperature common to both). It is convex in (1 / T,
    times / T, plus / T), so Newton's method finds its one minimum.
    """
    if not len(places) or not old.shape[1] or not new.shape[1]:
        return Scale()
    old, new = old.to(FLOAT), new.to(FLOAT)
    size, other = (max(1e-12, float(z.square().mean().sqrt())) for z in (old, new))
    base = old.logsumexp(dim=1, keepdim=True) if on_top else torch.zeros_like(old[:, :1])
    beside = base.expand(-1, new.shape[1]) / size
    old, new = old / size, new / other
    zero, one = torch.zeros_like, torch.ones_like
    along = torch.stack(
        [
            torch.cat([old, beside], 1),
            torch.cat([zero(old), new], 1),
            torch.cat([zero(old), one(new)], 1),
        ],
        dim=2,
    )
    cool, times, plus = minimised(along, places).tolist()
    cool = max(cool, LEAST)
    return Scale(max(times / cool, LEAST) * size / other, plus / cool * size)


def minimised(along: Tensor, places: Tensor) -> Tensor:
    """The weights w for which logits `along` (images, classes, n) @ w have the least cross-entropy.

    A little doubt holds w near (1, 1, ..., 0), so that there is a minimum even where every image
    is right.
    """
    n = along.shape[2]
    start = torch.ones(n, dtype=FLOAT)
    start[-1] = 0.0
    doubt = DOUBT / len(places)

    def loss(w: Tensor) -> float:
        held = doubt / 2 * (w - start).square().sum()
        return float(cross_entropy(along @ w, places) + held)

    w, here = start, loss(start)
    rows = torch.arange(len(places))
    for _ in range(ROUNDS):
        p = (along @ w).softmax(1)
        mean = torch.einsum("ik,ikn->in", p, along)
        slope = (mean - along[rows, places]).mean(0) + doubt * (w - start)
        second = torch.einsum("ik,ikn,ikm->nm", p, along, along) / len(p)
        curve = second - mean.T @ mean / len(p) + doubt * torch.eye(n, dtype=FLOAT)
        way, length = torch.linalg.solve(curve, slope), 1.0
        while (there := loss(w - length * way)) > here and length > 1e-9:
            length /= 2
        if not there < here:
            return w
        w, here = w - length * way, there
    return w
