"""One search among networks: what measures them, which there are, and what was found so far."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.errors import BadSetting
from engine.models.backbones import title_of
from engine.models.elastic.architecture import TRAINED, ElasticArchitecture
from engine.models.elastic.costs import BlockCosts
from engine.models.provenance import Origin
from engine.results.specialise import SubnetRow
from engine.search.elastic import networks
from engine.search.elastic.bench import Bench
from engine.search.elastic.likely import expected_of
from engine.search.results import best_ms, mark_front, within
from engine.session import Session
from engine.storage import subnet_results


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
    costs: dict[tuple[str, int], BlockCosts] = field(default_factory=dict)

    @property
    def target(self) -> float:
        return self.limits.get("ms", math.inf)

    def in_doubt(self, facts: Mapping[str, Any]) -> bool:
        """Whether a network missed the target by other work on this computer, it may be."""
        timed = facts["timed"].get(self.bench.device)
        return timed is not None and timed["low"] <= self.target < timed["p50"]

    def facts(self) -> dict[str, dict[str, Any]]:
        """All that was ever measured of these networks with these images, by architecture."""
        found: dict[str, dict[str, Any]] = {}
        for origin in self.origins.values():
            rows = subnet_results.stored(self.bench.project, self.bench.key(origin.digest))
            found |= {text: facts for text, facts in rows.items() if "accuracy" in facts}
        return found

    def rows(self) -> list[SubnetRow]:
        return rows_of(self.facts(), self.bench.device)

    def expected(self) -> dict[str, float]:
        """The accuracy to expect of each network that was measured, by architecture."""
        published = networks.published(self.origins)
        told = self.bench.judges, self.bench.features, published
        return expected_of(self.facts(), self.root.backbone, *told)

    def allowed(self, but: str = "") -> list[SubnetRow]:
        """The rows that keep all limits, or all but one, at the resolutions that were asked for;
        best first."""
        limits = {name: most for name, most in self.limits.items() if name != but}
        expected, rows = self.expected(), self.rows()
        asked = [r for r in rows if resolution_of(r) in self.resolutions]
        return sorted(within(asked, limits), key=lambda r: -expected[r["architecture"]])


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
    words = [title_of(architecture.network), f"{architecture.resolution} pixels"]
    if architecture.shares:
        words.append(f"{sum(architecture.shares) / len(architecture.shares):.0f} % wide")
    return ", ".join([*words, *([TRAINED] if architecture.trained else [])])


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
