"""A search among all networks that are here, whole at each resolution and folded to fit a target.

No evolution is needed: for a resolution and a target, what each block may cost is shared out in
closed form (models/elastic/passes.py), so that one network is folded for each resolution.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Sequence
from typing import Any

from engine.errors import Refused
from engine.events import Event, Notice, Saved, Work
from engine.models.backbone import Backbone
from engine.models.elastic.architecture import ElasticArchitecture
from engine.models.elastic.calibration import Calibration
from engine.models.elastic.costs import BlockCosts
from engine.models.elastic.passes import allotted
from engine.models.provenance import Origin
from engine.results.specialise import SubnetRow
from engine.search.elastic import folding, networks
from engine.search.elastic.choice import Choice
from engine.search.elastic.feasible import check_possible, costs_at, too_large, whole_ms
from engine.search.elastic.likely import likely
from engine.search.elastic.promising import worth_folding
from engine.search.results import candidate_event
from engine.storage import subnet_results
from engine.system.words import per_cent

MARGIN = 0.95
"""A network is folded to take so much of the target by prediction: its median is a little more."""
BUDGETS, NARROW = (0.75, 0.5), (0.9, 0.75, 0.6, 0.5, 0.4, 0.3, 0.26)
"""Of what a network's blocks take, where no latency is asked for; or only limits of another kind,
of which the first that keeps them is taken."""
LEFT = 0.85
"""A network that takes less of the target than this could be wider."""
TRIES = 3
"""So often a network is folded for one target and resolution at most."""


def search(choice: Choice) -> Work[SubnetRow]:
    """Measures what is most promising, and gives the most accurate network within the limits."""
    yield from check_possible(choice)
    yield from whole_networks(choice)
    yield from folded_forms(choice, choice.root)
    other = yield from worth_folding(choice)
    if other is not None:
        yield from folded_forms(choice, other)
    best = choice.allowed()
    if not best:
        raise Refused(
            "Nothing that was measured keeps these limits. Ask for a little more, or try more "
            "networks."
        )
    yield from seemed_better(best)
    yield from slowed_down(choice, best[0])
    return best[0]


def seemed_better(best: Sequence[SubnetRow]) -> Iterable[Event]:
    """Says why the likely best is not the one that the held-out images alone say."""
    first, most = best[0], max(best, key=lambda row: row["accuracy"])
    if most["accuracy"] > first["accuracy"]:
        yield Notice(
            f"{most['title']} has more of the held-out images right "
            f"({per_cent(most['accuracy'])}), but those are few: by all that was measured, "
            f"{first['title']} is likely better."
        )


def slowed_down(choice: Choice, first: SubnetRow) -> Iterable[Event]:
    """Says where a better network may have missed the target by other work on this computer."""
    known, expected = choice.facts(), choice.expected()
    others = choice.allowed(but="ms")
    doubtful = [row for row in others if choice.in_doubt(known[row["architecture"]])]
    if doubtful and expected[doubtful[0]["architecture"]] > expected[first["architecture"]]:
        timed = known[doubtful[0]["architecture"]]["timed"][choice.bench.device]
        yield Notice(
            f"{doubtful[0]['title']} is likely better and took {timed['low']:.2f} ms at its "
            f"fastest, but {timed['p50']:.2f} ms as a rule. If much else runs on this computer, "
            "stop it and search again."
        )


def folded_forms(choice: Choice, origin: Origin) -> Generator[Event, None, None]:
    """Measures narrower forms of a network, the most promising first."""
    calibration = yield from folding.calibrated(choice.bench, origin)
    assert calibration is not None
    for wanted in (yield from proposals(choice, origin, calibration)):
        if choice.measured >= choice.budget:
            break
        yield from measure_folded(choice, origin, wanted, calibration)


# What is worth a measurement.


def whole_networks(choice: Choice) -> Generator[Event, None, None]:
    """Measures each network at the largest resolution that keeps the limits; the project's own,
    with which all is compared, at all of them where no latency was asked for."""
    for origin in choice.origins.values():
        sizes = networks.possible(choice.bench.project, origin, choice.resolutions)
        own, fitting = origin is choice.root, list[int]()
        for size in sizes:
            if (yield from whole_ms(choice, origin, size)) > choice.target:
                break
            if own or not too_large(choice, ElasticArchitecture(origin.backbone, size)):
                fitting.append(size)
        every = math.isinf(choice.target) and own
        for size in fitting if every else fitting[-1:]:
            if choice.measured < choice.budget:
                wanted = ElasticArchitecture(origin.backbone, size)
                yield from measure(choice, origin, wanted)


def proposals(
    choice: Choice, origin: Origin, calibration: Calibration
) -> Generator[Event, None, list[ElasticArchitecture]]:
    """Folded forms of a network, the most promising first."""
    found: list[tuple[float, ElasticArchitecture]] = []
    for size in networks.possible(choice.bench.project, origin, choice.resolutions):
        costs = yield from costs_at(choice, origin, size)
        for budget in budgets_at(choice, costs):
            shares = allotted(calibration.errors, costs.of, budget - costs.rest)
            wanted = ElasticArchitecture.of(origin.backbone, size, list(shares.values()))
            fits = costs.total(shares) <= budget and wanted.shares
            if not fits or too_large(choice, wanted):
                continue
            lost = sum(calibration.errors[p][s] for p, s in shares.items())
            found.append((likely(size, lost, choice.bench.features), wanted))
            if choice.limits:
                break  # the widest that keeps them
    found.sort(key=lambda pair: -pair[0])
    return [wanted for _, wanted in found]


def budgets_at(choice: Choice, costs: BlockCosts) -> list[float]:
    """Milliseconds that a folded network may take at a resolution."""
    whole = costs.total({})
    if math.isinf(choice.target):
        parts = NARROW if choice.limits else BUDGETS
        return [costs.rest + part * (whole - costs.rest) for part in parts]
    return [MARGIN * choice.target] if costs.least <= choice.target < whole else []


# Measuring.


def measure_folded(
    choice: Choice, origin: Origin, wanted: ElasticArchitecture, calibration: Calibration
) -> Generator[Event, None, None]:
    """Measures a folded network; one that missed its target when timed is folded narrower, one
    that leaves much of it wider."""
    costs = yield from costs_at(choice, origin, wanted.resolution)
    places, tried = calibration.places, set[ElasticArchitecture]()
    points = list[tuple[float, float]]()
    while wanted not in tried and len(tried) < TRIES and choice.measured < choice.budget:
        tried.add(wanted)
        facts = yield from measure(choice, origin, wanted, calibration)
        ms = facts["timed"][choice.bench.device]["p50"]
        if math.isinf(choice.target) or LEFT * choice.target <= ms <= choice.target:
            return
        points.append((costs.total(wanted.by_place(places)), ms))
        budget = predicted_for(MARGIN * choice.target, points)
        shares = allotted(calibration.errors, costs.of, budget - costs.rest)
        wanted = ElasticArchitecture.of(origin.backbone, wanted.resolution, list(shares.values()))


def predicted_for(ms: float, points: Sequence[tuple[float, float]]) -> float:
    """What is to be predicted for a network that shall take so long. `points` are predicted and
    measured milliseconds: between one that is faster and one that is slower time is told by a line;
    with less known, all of the error is in what has no choice."""
    faster = max((p for p in points if p[1] <= ms), key=lambda p: p[1], default=None)
    slower = min((p for p in points if p[1] > ms), key=lambda p: p[1], default=None)
    if faster is None or slower is None:
        predicted, measured = points[-1]
        return predicted + ms - measured
    part = (ms - faster[1]) / (slower[1] - faster[1])
    return faster[0] + part * (slower[0] - faster[0])


def measure(
    choice: Choice,
    origin: Origin,
    wanted: ElasticArchitecture,
    calibration: Calibration | None = None,
) -> Generator[Event, None, dict[str, Any]]:
    """Folds a network where it is to be, and measures it; what is known is taken as it is, but a
    timing that missed the target by other work here, it may be."""
    bench, text = choice.bench, str(wanted)
    key = bench.key(origin.digest)
    known = subnet_results.stored(bench.project, key).get(text, {})
    choice.measured += 1
    new = bench.device not in known.get("timed", {})
    if new or choice.in_doubt(known):
        if calibration is None:
            network = networks.network_of(bench.project, origin, wanted.resolution)
        else:
            network = yield from folding.folded(bench, origin, wanted, calibration)
        if new:
            found = yield from measured(choice, origin, network, wanted, calibration)
            devices = {n: {**known.get(n, {}), **found[n]} for n in ("timed", "predicted")}
            known = found | devices
        else:
            again, device = bench.only_timed(network), bench.device
            timed = min(known["timed"], again, key=lambda of: of[device]["p50"])
            known = {**known, "timed": {**known["timed"], **timed}}
        subnet_results.keep(bench.project, key, text, known)
        yield Saved("candidate")
    yield from tell(choice, text)
    return known


def measured(
    choice: Choice,
    origin: Origin,
    network: Backbone,
    wanted: ElasticArchitecture,
    calibration: Calibration | None,
) -> Generator[Event, None, dict[str, Any]]:
    """All that is kept of a network."""
    bench = choice.bench
    yield from bench.prepare(network.preprocessing)
    predicted = yield from predicted_ms(choice, origin, wanted, calibration)
    lost = folding.lost(bench, origin, network) if wanted.shares else 0.0
    return {**bench.facts_of(network), "lost": lost, "predicted": {bench.device: predicted}}


def predicted_ms(
    choice: Choice, origin: Origin, wanted: ElasticArchitecture, calibration: Calibration | None
) -> Generator[Event, None, float]:
    """By the times of its blocks; of a whole network by an earlier timing of it."""
    if calibration is None:
        return (yield from whole_ms(choice, origin, wanted.resolution))
    costs = yield from costs_at(choice, origin, wanted.resolution)
    return costs.total(wanted.by_place(calibration.places))


def tell(choice: Choice, text: str) -> Iterable[Event]:
    for row in choice.rows():
        if row["architecture"] == text:
            yield candidate_event(row)
