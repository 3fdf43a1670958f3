"""What networks take here, in time and size, and whether any can keep the limits of a search."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping
from dataclasses import replace

from engine.errors import Refused
from engine.events import Event, Progress
from engine.models.backbones import title_of
from engine.models.elastic.architecture import ElasticArchitecture
from engine.models.elastic.blocks import shaped, widths_of
from engine.models.elastic.costs import BlockCosts
from engine.models.elastic.passes import SHARES, width_at
from engine.models.provenance import Origin
from engine.search.elastic import folding, networks
from engine.search.elastic.bench import sizes_of
from engine.search.elastic.choice import Choice
from engine.storage import subnet_results

NUMBER = 4
"""Bytes of a number in a file."""
WORDS = {
    "macs": "{:,.0f} operations",
    "parameters": "{:,.0f} parameters",
    "memory": "{:,.0f} bytes of memory",
    "file_bytes": "{:,.0f} bytes as a file",
}


def check_possible(choice: Choice) -> Generator[Event, None, None]:
    """Raises Refused where even the smallest form of the smallest size takes too long."""
    least = min(choice.resolutions)
    check_sizes(choice, least)
    if math.isinf(choice.target):
        return
    costs = yield from costs_at(choice, choice.root, least)
    if costs.least > choice.target and not choice.allowed():
        fastest = min(costs.least, (yield from fastest_whole(choice, least)))
        if fastest > choice.target:
            raise Refused(
                f"No network meets this target: the smallest one takes {fastest:.2f} ms here. Ask "
                "for more, or allow a smaller resolution."
            )


def check_sizes(choice: Choice, resolution: int) -> None:
    """Raises Refused where even the smallest form is too large."""
    blocks = networks.places_of(choice.bench.project, choice.root)
    smallest = ElasticArchitecture.of(choice.root.backbone, resolution, [SHARES[-1]] * len(blocks))
    sizes = sizes_for(choice, smallest)
    missed = [WORDS[name].format(sizes[name]) for name in over(choice, sizes)]
    whole = (ElasticArchitecture(name, resolution) for name in list(choice.origins)[1:])
    if missed and all(over(choice, sizes_for(choice, other)) for other in whole):
        raise Refused(
            f"No network meets this: yours has at least {' and '.join(missed)}. Ask for more, or "
            "allow a smaller resolution."
        )


def sizes_for(choice: Choice, wanted: ElasticArchitecture) -> dict[str, float]:
    """What a form takes besides time, by the names of the limits; known before it is folded."""
    origin = choice.origins[wanted.network]
    network = networks.network_of(choice.bench.project, origin, wanted.resolution)
    full = widths_of(network.stages)
    shares = wanted.by_place(list(full))
    widths = {place: width_at(full[place], share) for place, share in shares.items()}
    stages, mirror = shaped(network.stages, widths), choice.bench.mirror
    sizes = sizes_of(replace(network, stages=stages, mirror=mirror))
    named = {"macs": sizes["macs"], "parameters": sizes["params"], "memory": sizes["memory"]}
    return {**named, "file_bytes": NUMBER * sizes["params"]}


def over(choice: Choice, sizes: Mapping[str, float]) -> list[str]:
    return [name for name, size in sizes.items() if size > choice.limits.get(name, math.inf)]


def too_large(choice: Choice, wanted: ElasticArchitecture) -> bool:
    """Whether a form exceeds a limit of another kind than time."""
    return bool(set(choice.limits) - {"ms"}) and bool(over(choice, sizes_for(choice, wanted)))


def fastest_whole(choice: Choice, resolution: int) -> Generator[Event, None, float]:
    """Milliseconds of the fastest other network at a resolution."""
    times = []
    for origin in list(choice.origins.values())[1:]:
        if networks.possible(choice.bench.project, origin, (resolution,)):
            costs = yield from whole_ms(choice, origin, resolution)
            times.append(costs)
    return min(times, default=math.inf)


def costs_at(choice: Choice, origin: Origin, resolution: int) -> Generator[Event, None, BlockCosts]:
    key = origin.backbone, resolution
    if key not in choice.costs:
        choice.costs[key] = yield from folding.costs_at(choice.bench, origin, resolution)
    return choice.costs[key]


def whole_ms(choice: Choice, origin: Origin, resolution: int) -> Generator[Event, None, float]:
    """What a whole network takes at a resolution here; timed once."""
    project, device = choice.bench.project, choice.bench.device
    key, name = f"{device}|{origin.digest}{choice.bench.mark}", f"whole {resolution}"
    facts = subnet_results.stored(project, key).get(name)
    if facts is None or choice.in_doubt({"timed": {device: facts}}):
        yield Progress(0, None, f"Timing {title_of(origin.backbone)} at {resolution} pixels")
        network = networks.network_of(project, origin, resolution)
        timed = choice.bench.only_timed(network)[device]
        facts = min(timed, facts or timed, key=lambda times: times["p50"])
        subnet_results.keep(project, key, name, facts)
    return float(facts["p50"])
