"""Latency tables for tests."""

from __future__ import annotations

from dataclasses import replace

from engine.models.timing import Setting
from engine.search import latency
from engine.search.latency.table import Fit, LatencyTable, all_parts


def invented(resolutions: tuple[int, ...] = (48, 64), **facts: object) -> LatencyTable:
    """A table of a device on which each block takes as long as its operations say."""
    parts = {str(p): p for r in resolutions for p in all_parts(0.25, r)}
    entries = {key: 1e-3 + 1e-6 * latency.costs.part_macs(p) for key, p in parts.items()}
    fits = {r: Fit(1.1, 0.02 * r, 0.01, 0.03, 1.2, 12) for r in resolutions}
    device = {"processor": "Abacus 3", "cores": 2}
    table = LatencyTable(0.25, Setting(), device, entries, fits, "2026-01-01", 0.005)
    return replace(table, **facts)
