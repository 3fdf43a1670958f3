"""What was measured of subnets, kept in the project: a search that was stopped goes on from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.events import Candidate
from engine.models.supernet.architecture import Architecture
from engine.models.timing import device_key
from engine.results.specialise import SubnetRow
from engine.search.latency.costs import file_bytes, macs_of, parameters_of_subnet, peak_memory
from engine.search.latency.table import LatencyTable
from engine.search.searchers.fronts import on_front

SHORT = {"parameters": "params"}
"""Costs that have another name in rows, as the command line prints them."""


@dataclass(frozen=True)
class Costs:
    """What subnets cost on a device: the latency table, and the sizes that need no measuring."""

    table: LatencyTable

    @property
    def device(self) -> str:
        """Names the device and the way of running on which timings were made."""
        return device_key(self.table.setting, self.table.device)

    def rows(self, found: Mapping[str, Mapping[str, Any]]) -> list[SubnetRow]:
        """Measured subnets as the window lists them, by rising latency; the front is marked."""
        architectures = [Architecture.parse(text) for text in found]
        if not architectures:
            return []
        predicted = self.table.predict(architectures)
        rows = [
            self.row(architecture, float(ms), found[str(architecture)])
            for architecture, ms in zip(architectures, predicted, strict=True)
        ]
        mark_front(rows)
        return sorted(rows, key=lambda row: (best_ms(row), -row["accuracy"]))

    def row(
        self, architecture: Architecture, predicted: float, facts: Mapping[str, Any]
    ) -> SubnetRow:
        """One subnet with its costs; it is measured in time only where it was on this device."""
        timed = facts.get("timed", {}).get(self.device)
        size = sizes(architecture, self.table.multiplier)
        return {
            "architecture": str(architecture),
            "title": f"subnet at {architecture.resolution} pixels",
            "predicted_ms": predicted,
            "error_ms": self.table.error_ms,
            "measured_ms": timed["p50"] if timed else None,
            "accuracy": facts["accuracy"],
            "macs": size["macs"],
            "params": size["params"],
            "memory": size["memory"],
            "file_bytes": size["file_bytes"],
            "front": False,
        }


def sizes(architecture: Architecture, multiplier: float) -> dict[str, int]:
    """What a subnet takes besides time: operations, numbers, memory and file."""
    return {
        "macs": int(macs_of(architecture, multiplier)),
        "params": int(parameters_of_subnet(architecture, multiplier)),
        "memory": int(peak_memory(architecture, multiplier)),
        "file_bytes": int(file_bytes(architecture, multiplier)),
    }


def best_ms(row: SubnetRow) -> float:
    """The measured latency where there is one, otherwise the predicted one."""
    return row["measured_ms"] if row["measured_ms"] is not None else row["predicted_ms"]


def mark_front(rows: Sequence[SubnetRow]) -> None:
    """Marks the rows that no other beats in both accuracy and latency."""
    accuracy = np.array([row["accuracy"] for row in rows])
    cost = np.array([best_ms(row) for row in rows])
    for row, front in zip(rows, on_front(accuracy, cost), strict=True):
        row["front"] = bool(front)


def within(rows: Iterable[SubnetRow], limits: Mapping[str, float]) -> list[SubnetRow]:
    """The rows that keep all limits, the most accurate first; of equal ones the fastest."""

    def cost(row: SubnetRow, name: str) -> float:
        sizes: Mapping[str, Any] = row
        return best_ms(row) if name == "ms" else sizes[SHORT.get(name, name)]

    kept = [row for row in rows if all(cost(row, n) <= most for n, most in limits.items())]
    return sorted(kept, key=lambda row: (-row["accuracy"], best_ms(row)))


def candidate_event(row: SubnetRow) -> Candidate:
    """A row of the list as an event."""
    return Candidate(
        architecture=row["architecture"],
        title=row["title"],
        predicted_ms=row["predicted_ms"],
        error_ms=row["error_ms"],
        measured_ms=row["measured_ms"],
        accuracy=row["accuracy"],
        macs=row["macs"],
        parameters=row["params"],
        memory=row["memory"],
        file_bytes=row["file_bytes"],
        front=row["front"],
    )
