"""A network's elastic form on a project's images: calibrated once, folded when it is wanted."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import replace
from typing import TypeVar

import torch

from engine.events import Event, Progress, Saved
from engine.models.backbone import Backbone, Stage
from engine.models.branches import retold
from engine.models.elastic import passes
from engine.models.elastic.architecture import ElasticArchitecture
from engine.models.elastic.blocks import blocks_of, rebuilt, widths_of
from engine.models.elastic.calibration import MOST_OF, SHORT, Calibration
from engine.models.elastic.costs import BlockCosts, measured_costs
from engine.models.growth import growth_of
from engine.models.provenance import Origin
from engine.search.elastic.bench import Bench, batches_of
from engine.search.elastic.networks import network_of
from engine.storage import subnet_results
from engine.system.progress import Eta

State = TypeVar("State")

AT = 128
"""Pixels at which a network is calibrated: orders and what blocks lose hold for other sizes too."""
PIXELS = 1000 * AT**2
"""So many are looked at at most: what a layer makes of more would fill the memory."""
HELD_OUT = 128
"""Images that had no part in a fold, and tell what was lost."""
CALIBRATION, COSTS = "calibration", "costs"
WHY = "what an elastic network needs to be known"


def calibrated(
    bench: Bench, origin: Origin, known_only: bool = False, anew: bool = False
) -> Generator[Event, None, Calibration | None]:
    """What was measured of a network on most of these images, measured now where it was not, or
    `anew`: then unless it was measured on all of them.

    With `known_only` None is returned instead.
    """
    project, key = bench.project, f"{CALIBRATION}|{origin.digest}"
    train = [sha256 for sha256, _ in bench.sample.train]
    blob = subnet_results.stored(project, key).get(CALIBRATION, {}).get("blob", "")
    found = Calibration.parse(project.blobs.get(blob) or b"") if blob else None
    if found is not None and not found.fits(train, 1.0 if anew else MOST_OF):
        found = None
    if found is None and not known_only:
        made = yield from measured(bench, network_of(project, origin, AT))
        found = replace(made, images=frozenset(sha256[:SHORT] for sha256 in train))
        blob = project.blobs.put(found.content())
        with project.transaction() as db:
            db.execute("INSERT OR IGNORE INTO kept VALUES (?, ?)", [blob, WHY])
        subnet_results.keep(project, key, CALIBRATION, {"blob": blob})
        yield Saved("calibration")
    return found


def measured(bench: Bench, network: Backbone) -> Generator[Event, None, Calibration]:
    """One pass over the images, the orders of all channels, and each block's sensitivity."""
    yield from bench.prepare(network.preprocessing)
    batches = images_of(bench, network)
    held_out = torch.cat(
        batches_of(bench.of(bench.sample.held_out)[0][:HELD_OUT], network.preprocessing)
    )
    blocks = len(blocks_of(network.stages))
    pace = Eta(len(batches) + blocks, "Making the network elastic")
    yield pace.at(0)
    moments = yield from followed(passes.measured(network.stages, batches), pace)
    orders = passes.orders_of(network.stages, moments)
    lost = passes.sensitivities(network.stages, moments, orders, held_out)
    known = yield from followed(lost, pace, len(batches))
    return Calibration(orders, known.errors)


def images_of(bench: Bench, network: Backbone) -> list[torch.Tensor]:
    """Images to learn from, without their classes, as many as the memory holds."""
    size = network.preprocessing.size
    pixels, _ = bench.of(bench.sample.train)
    step = -(-len(pixels) * size * size // PIXELS)
    return batches_of(pixels[::step], network.preprocessing)


def costs_at(bench: Bench, origin: Origin, resolution: int) -> Generator[Event, None, BlockCosts]:
    """What a network's blocks take here at a resolution, timed now where they were not."""
    project, key = bench.project, f"{bench.device}|{origin.digest}{bench.mark}"
    name = f"{COSTS} {resolution}"
    facts = subnet_results.stored(project, key).get(name)
    if facts is None:
        yield Progress(0, None, f"Timing its blocks at {resolution} pixels")
        network = network_of(project, origin, resolution)
        whole = bench.only_timed(network)[bench.device]["low"]
        looks = 2 if bench.mirror else 1
        found: BlockCosts | None = None
        for costs in measured_costs(network, whole / looks, bench.setting):
            found = costs
            yield Progress(0, None, f"Timing its blocks at {resolution} pixels")
        assert found is not None
        blocks = {p: [[s, looks * ms] for s, ms in of.items()] for p, of in found.blocks.items()}
        facts = {"blocks": blocks, "rest": looks * found.rest}
        subnet_results.keep(project, key, name, facts)
    return BlockCosts({place: dict(of) for place, of in facts["blocks"].items()}, facts["rest"])


def folded(
    bench: Bench, origin: Origin, wanted: ElasticArchitecture, calibration: Calibration
) -> Generator[Event, None, Backbone]:
    """The network of an architecture, folded on the project's images; always the same."""
    network = network_of(bench.project, origin, wanted.resolution)
    if not wanted.shares:
        return network
    yield from bench.prepare(network.preprocessing)
    shares = wanted.by_place(calibration.places)
    steps = passes.folded(network.stages, calibration.orders, shares, images_of(bench, network))
    pace = Eta(len(calibration.places), f"Fitting a smaller network at {wanted.resolution} pixels")
    yield pace.at(0)
    made = yield from followed(steps, pace)
    return narrowed(network, rebuilt(network.stages, made))


def lost(bench: Bench, origin: Origin, network: Backbone) -> float:
    """The error of a narrower network's features beside the whole one's, on held-out images, as a
    share of their variance."""
    whole = network_of(bench.project, origin, network.preprocessing.size)
    batches = batches_of(bench.of(bench.sample.held_out)[0][:HELD_OUT], network.preprocessing)

    def features(backbone: Backbone) -> torch.Tensor:
        return torch.cat(passes.on_all_cores(backbone.below(), batches))

    return passes.feature_error(features(network), features(whole))


def followed(states: Iterable[State], pace: Eta, before: int = 0) -> Generator[Event, None, State]:
    """The last state of a pass; says after each how far it is."""
    for done, state in enumerate(states, before + 1):
        last = state
        yield pace.at(min(done, pace.total))
    return last


def narrowed(network: Backbone, stages: list[Stage]) -> Backbone:
    """A backbone with narrower blocks, told so in its facts."""
    before, after = widths_of(network.stages), widths_of(stages)
    fewer = {place: width for place, width in after.items() if width != before[place]}
    growth = growth_of(network)
    told = replace(growth, narrowed={**growth.narrowed, **fewer})
    return retold(replace(network, stages=stages), told)
