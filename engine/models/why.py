"""Where in an image an answer comes from: what each place of the network's maps adds to a logit.

Where features are means over positions and the head is linear, the logit is a sum over positions
(Zhou et al., Learning deep features for discriminative localization, CVPR 2016), and the reasons
are exact. A deviation is shared out among positions by what each has of the variance. For all other
networks and heads a patch is covered, and how much the logit falls is seen (Zeiler and Fergus,
Visualizing and understanding convolutional networks, ECCV 2014, section 4.2).

The logit is that of one class less the mean of all classes' logits: what speaks for this class
and not for any.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from threading import get_ident
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from engine.learners.linearised import FLOAT, Weights, weights_at
from engine.models.backbone import Backbone
from engine.models.features import LEAST, Carrying
from engine.models.trunk import Normalise

EXACT, FIRST_ORDER, OCCLUSION = "exact", "first order", "occlusion"
GRID = 8
"""Rows and columns of patches that are covered in turn; each patch is two of them wide."""
SAME = 1e-4
"""How far features may be from the mean of a map, in their largest, to be counted as it."""


@dataclass(frozen=True)
class Reasons:
    """What each position adds to a class's logit less the mean of all: float64 (h, w).

    By its `kind` the values sum to `logit` but for a rest, or, of an occlusion, are how much the
    logit falls. `explained` is the share of all that is added and taken away which is no rest, None
    for an occlusion; `shared` is how much of that are deviations, shared out among positions.
    `depends`: what a position adds depends on the others, since the head is not linear.
    """

    values: np.ndarray
    logit: float
    kind: str
    explained: float | None = None
    shared: float = 0.0
    depends: bool = False


@dataclass(frozen=True)
class Part:
    """Features that are means over the positions of `maps` (channels, h, w), float64; `shared`
    where these are shares of a variance."""

    maps: Tensor
    shared: bool = False


def decompose(
    backbone: Backbone, head: nn.Module, pixels: np.ndarray, place: int
) -> Reasons | None:
    """The reasons for the class at `place` in an image uint8 (size, size, 3), from one pass.

    None where the features are no means over positions of one image, or the head can't be taken
    apart.
    """
    if backbone.mirror:
        return None
    features, parts = looked(backbone, pixels)
    weights = weights_at(head, features) if parts is not None else None
    if parts is None or weights is None:
        return None
    row, bias, rest = against_mean(weights, place)
    shapes = [part.maps.shape for part in parts]
    side: tuple[int, int] = max(((h, w) for _, h, w in shapes), key=math.prod)
    values = torch.full(side, bias / math.prod(side), dtype=FLOAT)
    whole = size = 0.0
    for part, own in zip(parts, row.split([len(part.maps) for part in parts]), strict=True):
        added = torch.einsum("c,chw->hw", own, part.maps) / part.maps[0].numel()
        values += spread(added, side)
        size += float(added.abs().sum())
        whole += float(added.abs().sum()) if part.shared else 0.0
    told = float(values.abs().sum())
    return Reasons(
        values.numpy(),
        float(values.sum()) + rest,
        FIRST_ORDER if whole or weights.depends else EXACT,
        explained=told / (told + abs(rest)) if told else 1.0,
        shared=whole / size if size else 0.0,
        depends=weights.depends,
    )


def against_mean(weights: Weights, place: int) -> tuple[Tensor, float, float]:
    """A class's weights less those of all on average: for each feature, for none, and the rest."""
    row, bias, rest = (
        each[place] - each.mean(dim=0) for each in (weights.rows, weights.bias, weights.rest)
    )
    return row, float(bias), float(rest)


def looked(backbone: Backbone, pixels: np.ndarray) -> tuple[Tensor, list[Part] | None]:
    """An image's features float64 (width,), and the maps that they are means of, in their order."""
    found: list[Part] = []
    me = get_ident()  # another thread may run the same layers

    def keep(_: nn.Module, given: Any, made: Any) -> None:
        maps = [x for x in (*given, made) if isinstance(x, Tensor) and x.ndim == 4]
        if get_ident() == me:
            found.extend(Part(doubled(x)[0]) for x in maps)

    def keep_moments(module: nn.Module, given: Any, made: Any) -> None:
        assert isinstance(module, Carrying)
        if get_ident() == me:
            x = doubled(given[0])[0]
            own = doubled(made)[0, : -2 * len(x)]
            found.extend([Part(own), *moments(x, module.scale)])

    network = backbone.below().eval()
    carrying = [module for module in network.modules() if isinstance(module, Carrying)]
    last = [m for m in backbone.stages[-1].module.modules() if not any(m.children())]
    with torch.inference_mode(), ExitStack() as hooks:
        for modules, hook in ((last, keep), (carrying, keep_moments)):
            for module in modules:
                hooks.callback(module.register_forward_hook(hook).remove)
        x = Normalise(backbone.preprocessing)(torch.from_numpy(pixels)[None])
        weight = next(network.parameters(), x)
        features = doubled(network(x.to(weight.device)))[0]
    return features, matched(features, found)


def doubled(x: Tensor) -> Tensor:
    """As float64 on the processor: not every graphics card knows it."""
    return x.cpu().to(FLOAT)


def moments(x: Tensor, scale: float) -> list[Part]:
    """What `Carrying` takes the mean and the deviation of; s is the sum of (x - m)^2 / s, but for
    what holds its root above 0."""
    off = (x - x.mean(dim=(1, 2), keepdim=True)).square() + LEAST
    s = off.mean(dim=(1, 2), keepdim=True).sqrt()
    return [Part(scale * x), Part(scale * off / s, shared=True)]


def matched(features: Tensor, found: Sequence[Part]) -> list[Part] | None:
    """Maps whose means are the features, one part after the other; None where some are no means.

    Of several the narrowest: a wider one may hold moments that are the same at all positions.
    """
    near = SAME * float(features.abs().max().clamp(min=1e-12))
    wide = sorted((part for part in found if part.maps[0].numel() > 1), key=lambda p: len(p.maps))
    means = [part.maps.mean(dim=(1, 2)) for part in wide]
    parts: list[Part] = []
    start = 0
    while start < len(features):
        for part, mean in zip(wide, means, strict=True):
            own = features[start : start + len(mean)]
            if len(own) == len(mean) and bool(((own - mean).abs() <= near).all()):
                parts.append(part)
                start += len(mean)
                break
        else:
            return None
    return parts


def spread(values: Tensor, side: tuple[int, int]) -> Tensor:
    """Coarse values (h, w) on a finer grid, smoothly, with the same sum."""
    if tuple(values.shape) == side:
        return values
    down, across = (share(few, many) for few, many in zip(values.shape, side, strict=True))
    return down @ values @ across.T


def share(few: int, many: int) -> Tensor:
    """Which share of each of `few` cells each of `many` gets: (many, few), columns sum to 1."""
    each = interpolate(torch.eye(few, dtype=FLOAT)[None], many, mode="linear")[0].T
    return each / each.sum(dim=0)


def occlude(
    logits: Callable[[np.ndarray], np.ndarray], pixels: np.ndarray, place: int, batch: int = 8
) -> Generator[tuple[int, int], None, Reasons]:
    """The reasons for the class at `place`, by covering patches of an image uint8 (size, size, 3).

    `logits` takes images uint8 (n, size, size, 3) and gives (n, classes). Patches get the image's
    mean colour. Yields how many of how many were looked at.
    """
    size = pixels.shape[0]
    edges = np.linspace(0, size, GRID + 1).round().astype(int)
    colour = pixels.reshape(-1, 3).mean(axis=0).round().astype(np.uint8)
    covered = []
    for row in range(GRID - 1):
        for column in range(GRID - 1):
            one = pixels.copy()
            one[edges[row] : edges[row + 2], edges[column] : edges[column + 2]] = colour
            covered.append(one)
    whole = contrast(logits(pixels[None]), place)[0]
    falls: list[float] = []
    while len(falls) < len(covered):
        some = np.stack(covered[len(falls) : len(falls) + batch])
        falls += (whole - contrast(logits(some), place)).tolist()
        yield len(falls), len(covered)
    values = np.array(falls).reshape(GRID - 1, GRID - 1)
    return Reasons(values, float(whole), OCCLUSION)


def contrast(logits: np.ndarray, place: int) -> np.ndarray:
    found = logits.astype(np.float64)
    return np.asarray(found[:, place] - found.mean(axis=1))
