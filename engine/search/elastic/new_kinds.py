"""Whether a narrowed network still sees what it saw, on images of classes that came after its fold.

A fold is made for the images of then: on those of another kind it may lose much more (a network
folded on clothing has 38 % on CIFAR-100 where one folded on its images has 49).
"""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import dataclass

import torch

from engine.errors import Refused
from engine.events import Event, Progress
from engine.models.backbone import Backbone
from engine.models.elastic import passes
from engine.models.elastic.architecture import ElasticArchitecture
from engine.models.growth import growth_of
from engine.models.provenance import Origin
from engine.search.elastic import networks
from engine.search.elastic.bench import Bench, batches_of
from engine.session import Session

MOST = 96
"""Images of each kind that are looked at, at most."""
CLEARLY = 1.15
"""So many times the error of before is worth a word."""


@dataclass(frozen=True)
class Kinds:
    """Images of classes that came after a fold, and of those that it was made on: what was lost of
    their features, as a share of the features' variance."""

    new: tuple[int, ...]
    lost_then: float = 0.0
    lost_new: float = 0.0

    @property
    def worse(self) -> bool:
        return bool(self.new) and self.lost_new > CLEARLY * self.lost_then


def folded_on(backbone: Backbone) -> frozenset[int] | None:
    """The classes on whose images the network in use was narrowed; None of one that was not, or in
    a file of before, which does not say."""
    told = backbone.facts.get(networks.CLASSES)
    if told is None or not growth_of(backbone).narrowed:
        return None
    try:
        return frozenset(int(number) for number in json.loads(str(told)))
    except (ValueError, TypeError):
        return None


def in_use(backbone: Backbone) -> ElasticArchitecture:
    """The form that the project uses, as a fold makes it. Raises Refused where it uses none."""
    if networks.WHOLE not in backbone.facts or not growth_of(backbone).narrowed:
        raise Refused("The network of this project was not narrowed, so there is no fold to renew.")
    told = ElasticArchitecture.parse(str(backbone.facts["architecture"]))
    return ElasticArchitecture(told.network, told.resolution, told.shares)


def looked_at(session: Session) -> Generator[Event, None, Kinds]:
    """Measures the network in use beside the whole one on images of both kinds; nothing where no
    class came after the fold."""
    backbone = session.backbone()
    then = folded_on(backbone)
    if then is None:
        return Kinds(())
    bench = Bench(session.require())
    new = tuple(number for number in bench.classes if number not in then)
    if not new:
        return Kinds(())
    yield Progress(0, None, "Looking at the new classes")
    root = networks.root_of(session)
    yield from bench.prepare(backbone.preprocessing)
    # Images of new classes had no part in the fold, whether they are held out or not.
    pairs = [*bench.sample.held_out, *bench.sample.train]
    of_new = [pair for pair in pairs if pair[1] in new][:MOST]
    of_then = [pair for pair in bench.sample.held_out if pair[1] in then][:MOST]
    yield Progress(1, 2, "Looking at the new classes")
    return Kinds(new, *lost_on(bench, root, backbone, (of_then, of_new)))


def lost_on(
    bench: Bench, root: Origin, backbone: Backbone, kinds: tuple[list[tuple[str, int]], ...]
) -> list[float]:
    """What the features of a network lose beside the whole one's on images of each kind, as a
    share of the variance over all of them; without moments, which come last in all kinds."""
    pooled = networks.network_of(bench.project, root, backbone.preprocessing.size)
    whole = bench.dressed(pooled)

    def features(network: Backbone, some: list[tuple[str, int]]) -> torch.Tensor:
        batches = batches_of(bench.of(some)[0], network.preprocessing)
        found = passes.on_all_cores(network.below(), batches)
        return torch.cat(found)[:, : pooled.width]

    there = [some for some in kinds if some]
    expected = [features(whole, some) for some in there]
    found = [features(backbone, some) for some in there]
    every = torch.cat(expected).double()
    variance = float((every - every.mean(0)).square().sum(1).mean())
    lost = iter(
        float((a - b).double().square().sum(1).mean()) / variance
        for a, b in zip(found, expected, strict=True)
    )
    return [next(lost) if some else 0.0 for some in kinds]
