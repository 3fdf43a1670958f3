"""A search among all networks that are here, whole at each resolution and folded to fit a target.

No evolution is needed: for a resolution and a target, what each block may cost is shared out in
closed form (models/elastic/passes.py), so that one network is folded for each resolution.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from engine.errors import BadSetting, Refused
from engine.events import Event, Progress, Saved, Work
from engine.models.backbones import title_of
from engine.models.elastic.architecture import ElasticArchitecture
from engine.models.elastic.blocks import shaped, widths_of
from engine.models.elastic.calibration import Calibration
from engine.models.elastic.costs import BlockCosts
from engine.models.elastic.passes import SHARES, allotted, width_at
from engine.models.provenance import Origin
from engine.results.specialise import SubnetRow
from engine.search.elastic import folding, networks
from engine.search.elastic.bench import Bench, sizes_of
from engine.search.elastic.likely import expected_of, likely
from engine.search.results import best_ms, candidate_event, mark_front, within
from engine.session import Session
from engine.storage import subnet_results

MARGIN = 0.95
"""A network is folded to take so much of the target by prediction: its median is a little more."""
BUDGETS, NARROW = (0.75, 0.5), (0.9, 0.75, 0.6, 0.5, 0.4, 0.3, 0.26)
"""Of what a network's blocks take, where no latency is asked for; or only limits of another kind,
of which the first that keeps them is taken."""
NUMBER = 4
"""Bytes of a number in a file."""
WORDS = {
    "macs": "{:,.0f} operations",
    "parameters": "{:,.0f} parameters",
    "memory": "{:,.0f} bytes of memory",
    "file_bytes": "{:,.0f} bytes as a file",
}
LEFT = 0.85
"""A network that takes less of the target than this could be wider."""
TRIES = 3
"""So often a network is folded for one target and resolution at most."""


@dataclass
class Choice:
    """One search: what measures, the networks, and what was found so far."""

    bench: Bench
    root: Origin
    origins: dict[str, Origin]
    """All networks by name, the project's own first."""
    resolutions: tuple[int, ...]
    limits: Mapping[str, float]
    budget: int
    measured: int = 0
    costs: dict[int, BlockCosts] = field(default_factory=dict)

    @property
    def target(self) -> float:
        return self.limits.get("ms", math.inf)

    def facts(self) -> dict[str, dict[str, Any]]:
        """All that was ever measured of these networks with these images, by architecture."""
        found: dict[str, dict[str, Any]] = {}
        for origin in self.origins.values():
            rows = subnet_results.stored(self.bench.project, self.bench.key(origin.digest))
            found |= {text: facts for text, facts in rows.items() if "accuracy" in facts}
        return found

    def rows(self) -> list[SubnetRow]:
        return rows_of(self.facts(), self.bench.device)

    def allowed(self) -> list[SubnetRow]:
        """The rows that keep all limits, at the resolutions that were asked for; best first."""
        known, rows = self.facts(), self.rows()
        images = len(self.bench.sample.held_out)
        published = networks.published(self.origins)
        expected = expected_of(known, self.root.backbone, images, self.bench.features, published)
        asked = [r for r in rows if resolution_of(r) in self.resolutions]
        return sorted(within(asked, self.limits), key=lambda r: -expected[r["architecture"]])


def resolution_of(row: SubnetRow) -> int:
    return ElasticArchitecture.parse(row["architecture"]).resolution


def rows_of(known: Mapping[str, Mapping[str, Any]], device: str) -> list[SubnetRow]:
    """Measured networks as the window lists them, by rising latency; the front is marked."""
    found: list[SubnetRow] = [
        {
            "architecture": text,
            "title": title_for(ElasticArchitecture.parse(text)),
            "predicted_ms": facts["predicted"].get(device, facts["timed"][device]["p50"]),
            "error_ms": 0.0,
            "measured_ms": facts["timed"][device]["p50"],
            "accuracy": facts["accuracy"],
            "macs": facts["macs"],
            "params": facts["params"],
            "memory": facts["memory"],
            "file_bytes": facts["file_bytes"],
            "front": False,
        }
        for text, facts in known.items()
        if device in facts["timed"]
    ]
    mark_front(found)
    return sorted(found, key=lambda row: (best_ms(row), -row["accuracy"]))


def title_for(architecture: ElasticArchitecture) -> str:
    """What a person reads: the network, its resolution, and how wide its blocks are on average."""
    whole = f"{title_of(architecture.network)}, {architecture.resolution} pixels"
    if not architecture.shares:
        return whole
    return f"{whole}, {sum(architecture.shares) / len(architecture.shares):.0f} % wide"


def choice_for(
    session: Session, resolutions: Sequence[int], limits: Mapping[str, float], budget: int
) -> Choice:
    """What a search needs. Raises Refused or BadSetting."""
    root = networks.root_of(session)
    project = session.require()
    bench = Bench(project)
    usual = tuple(sorted({*networks.RESOLUTIONS, root.size}))
    sizes = networks.possible(project, root, tuple(sorted(set(resolutions))) or usual)
    if not sizes:
        raise BadSetting(f"{title_of(root.backbone)} takes no images of these sizes.")
    origins = {origin.backbone: origin for origin in (root, *networks.others(root))}
    return Choice(bench, root, origins, tuple(sizes), limits, budget)


def search(choice: Choice) -> Work[SubnetRow]:
    """Measures what is most promising, and gives the most accurate network within the limits."""
    yield from check_possible(choice)
    yield from whole_networks(choice)
    calibration = yield from folding.calibrated(choice.bench, choice.root)
    assert calibration is not None
    for wanted in (yield from proposals(choice, calibration)):
        if choice.measured >= choice.budget:
            break
        yield from measure_folded(choice, wanted, calibration)
    best = choice.allowed()
    if not best:
        raise Refused(
            "Nothing that was measured keeps these limits. Ask for a little more, or try more "
            "networks."
        )
    return best[0]


def check_possible(choice: Choice) -> Generator[Event, None, None]:
    """Raises Refused where even the smallest form of the smallest size takes too long."""
    least = min(choice.resolutions)
    check_sizes(choice, least)
    if math.isinf(choice.target):
        return
    costs = yield from costs_at(choice, least)
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
    sizes = sizes_of(replace(network, stages=shaped(network.stages, widths)))
    named = {"macs": sizes["macs"], "parameters": sizes["params"], "memory": sizes["memory"]}
    return {**named, "file_bytes": NUMBER * sizes["params"]}


def over(choice: Choice, sizes: Mapping[str, float]) -> list[str]:
    return [name for name, size in sizes.items() if size > choice.limits.get(name, math.inf)]


def fastest_whole(choice: Choice, resolution: int) -> Generator[Event, None, float]:
    """Milliseconds of the fastest other network at a resolution."""
    times = []
    for origin in list(choice.origins.values())[1:]:
        if networks.possible(choice.bench.project, origin, (resolution,)):
            costs = yield from whole_ms(choice, origin, resolution)
            times.append(costs)
    return min(times, default=math.inf)


def costs_at(choice: Choice, resolution: int) -> Generator[Event, None, BlockCosts]:
    if resolution not in choice.costs:
        found = yield from folding.costs_at(choice.bench, choice.root, resolution)
        choice.costs[resolution] = found
    return choice.costs[resolution]


def whole_ms(choice: Choice, origin: Origin, resolution: int) -> Generator[Event, None, float]:
    """What a whole network takes at a resolution here; timed once."""
    project, device = choice.bench.project, choice.bench.device
    key, name = f"{device}|{origin.digest}{choice.bench.mark}", f"whole {resolution}"
    facts = subnet_results.stored(project, key).get(name)
    if facts is None:
        yield Progress(0, None, f"Timing {title_of(origin.backbone)} at {resolution} pixels")
        network = networks.network_of(project, origin, resolution)
        facts = choice.bench.only_timed(network)[device]
        subnet_results.keep(project, key, name, facts)
    return float(facts["p50"])


# What is worth a measurement.


def whole_networks(choice: Choice) -> Generator[Event, None, None]:
    """Measures each network at the largest resolution that keeps the target; the project's own at
    all of them where no latency was asked for."""
    for origin in choice.origins.values():
        sizes = networks.possible(choice.bench.project, origin, choice.resolutions)
        fitting = []
        for size in sizes:
            if (yield from whole_ms(choice, origin, size)) > choice.target:
                break
            fitting.append(size)
        every = math.isinf(choice.target) and origin is choice.root
        for size in fitting if every else fitting[-1:]:
            if choice.measured < choice.budget:
                wanted = ElasticArchitecture(origin.backbone, size)
                yield from measure(choice, origin, wanted)


def proposals(
    choice: Choice, calibration: Calibration
) -> Generator[Event, None, list[ElasticArchitecture]]:
    """Folded forms of the project's network, the most promising first."""
    found: list[tuple[float, ElasticArchitecture]] = []
    for size in choice.resolutions:
        costs = yield from costs_at(choice, size)
        for budget in budgets_at(choice, costs):
            shares = allotted(calibration.errors, costs.of, budget - costs.rest)
            wanted = ElasticArchitecture.of(choice.root.backbone, size, list(shares.values()))
            fits = costs.total(shares) <= budget and wanted.shares
            if not fits or over(choice, sizes_for(choice, wanted)):
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
    choice: Choice, wanted: ElasticArchitecture, calibration: Calibration
) -> Generator[Event, None, None]:
    """Measures a folded network; one that missed its target when timed is folded narrower, one
    that leaves much of it wider."""
    costs, budget = choice.costs[wanted.resolution], MARGIN * choice.target
    tried = set[ElasticArchitecture]()
    while wanted not in tried and len(tried) < TRIES and choice.measured < choice.budget:
        tried.add(wanted)
        facts = yield from measure(choice, choice.root, wanted, calibration)
        ms = facts["timed"][choice.bench.device]["p50"]
        if math.isinf(choice.target) or LEFT * choice.target <= ms <= choice.target:
            return
        budget *= MARGIN * choice.target / ms
        shares = allotted(calibration.errors, costs.of, budget - costs.rest)
        wanted = ElasticArchitecture.of(
            choice.root.backbone, wanted.resolution, list(shares.values())
        )


def measure(
    choice: Choice,
    origin: Origin,
    wanted: ElasticArchitecture,
    calibration: Calibration | None = None,
) -> Generator[Event, None, dict[str, Any]]:
    """Folds a network where it is to be, and measures it; what is known is taken as it is."""
    bench, text = choice.bench, str(wanted)
    key = bench.key(origin.digest)
    known = subnet_results.stored(bench.project, key).get(text, {})
    choice.measured += 1
    if bench.device not in known.get("timed", {}):
        if calibration is None:
            network = networks.network_of(bench.project, origin, wanted.resolution)
        else:
            network = yield from folding.folded(bench, origin, wanted, calibration)
        yield from bench.prepare(network.preprocessing)
        predicted = yield from predicted_ms(choice, origin, wanted, calibration)
        lost = folding.lost(bench, origin, network) if wanted.shares else 0.0
        facts = {**bench.facts_of(network), "lost": lost}
        facts["timed"] |= known.get("timed", {})
        facts["predicted"] = {**known.get("predicted", {}), bench.device: predicted}
        known = facts
        subnet_results.keep(bench.project, key, text, known)
        yield Saved("candidate")
    yield from tell(choice, text)
    return known


def predicted_ms(
    choice: Choice, origin: Origin, wanted: ElasticArchitecture, calibration: Calibration | None
) -> Generator[Event, None, float]:
    """By the times of its blocks; of a whole network by an earlier timing of it."""
    if calibration is None:
        return (yield from whole_ms(choice, origin, wanted.resolution))
    costs = yield from costs_at(choice, wanted.resolution)
    return costs.total(wanted.by_place(calibration.places))


def tell(choice: Choice, text: str) -> Iterable[Event]:
    for row in choice.rows():
        if row["architecture"] == text:
            yield candidate_event(row)
