"""Latency on this machine, and what else a subnet costs: the door for all who ask."""

from __future__ import annotations

from engine.models.timing import Setting, device_facts, device_key, time_network
from engine.search.latency.costs import (
    costs_of_genes,
    file_bytes,
    macs_of,
    parameters_of_subnet,
    peak_memory,
)
from engine.search.latency.files import (
    all_tables,
    find_table,
    in_short,
    is_own,
    load_table,
    one_table,
    save_table,
    store,
)
from engine.search.latency.measuring import Verdict, build_table, checked, still_fits
from engine.search.latency.ofa_tables import read_original, write_original
from engine.search.latency.table import Fit, LatencyTable

__all__ = [
    "Fit",
    "LatencyTable",
    "Setting",
    "Verdict",
    "all_tables",
    "build_table",
    "checked",
    "costs_of_genes",
    "device_facts",
    "device_key",
    "file_bytes",
    "find_table",
    "in_short",
    "is_own",
    "load_table",
    "macs_of",
    "one_table",
    "parameters_of_subnet",
    "peak_memory",
    "read_original",
    "save_table",
    "still_fits",
    "store",
    "time_network",
    "write_original",
]
