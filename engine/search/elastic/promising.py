"""Whether another network than the project's own is worth being made elastic for a search.

It takes a minute or two, once. Beside the best network of its kind another one hardly ever pays;
beside an older or a smaller one it pays by points (BENCHMARKS.md, "Narrowed networks").
"""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping

from engine.events import Event
from engine.models.elastic.architecture import ElasticArchitecture
from engine.models.provenance import Origin
from engine.search.elastic import networks
from engine.search.elastic.choice import Choice
from engine.search.elastic.feasible import whole_ms
from engine.search.elastic.likely import likely

HALF = 0.55
"""Of a whole network's time, what a narrower form takes that is hardly worse."""


def worth_folding(choice: Choice) -> Generator[Event, None, Origin | None]:
    """Of the other networks the cheapest whose narrower form may beat all that was measured; None
    where none may, and one at most, so that no search takes long."""
    if math.isinf(choice.target) or choice.measured >= choice.budget:
        return None
    best, expected = choice.allowed(), choice.expected()
    level = expected[best[0]["architecture"]] if best else -math.inf
    found = list[tuple[float, Origin]]()
    for origin in list(choice.origins.values())[1:]:
        if not networks.can_be_narrowed(choice.bench.project, origin):
            continue
        sizes = networks.possible(choice.bench.project, origin, choice.resolutions)
        if (yield from hope_of(choice, origin, sizes, expected)) > level:
            found.append(((yield from whole_ms(choice, origin, sizes[0])), origin))
    return min(found, key=lambda pair: pair[0])[1] if found else None


def hope_of(
    choice: Choice, origin: Origin, sizes: list[int], expected: Mapping[str, float]
) -> Generator[Event, None, float]:
    """The accuracy that a narrower form of a network may have: what the whole one would have at the
    largest resolution at which the narrower one fits; minus infinity where none is known to fit."""
    known = [s for s in sizes if str(ElasticArchitecture(origin.backbone, s)) in expected]
    fitting = list[int]()
    for size in sizes:
        whole = yield from whole_ms(choice, origin, size)
        if HALF * whole > choice.target:
            break
        fitting += [size] if whole > choice.target else []
    if not known or not fitting:
        return -math.inf
    measured = ElasticArchitecture(origin.backbone, known[-1])
    kind = choice.bench.features
    gain = likely(fitting[-1], 0.0, kind) - likely(known[-1], 0.0, kind)
    return expected[str(measured)] + gain
