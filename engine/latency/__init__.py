"""Latency on this machine, and what else a subnet costs: the door for all who ask."""

from engine.latency.building import Verdict, build_table, still_fits
from engine.latency.costs import (
    costs_of_genes,
    file_bytes,
    macs_of,
    parameters_of_subnet,
    peak_memory,
)
from engine.latency.table import Fit, LatencyTable
from engine.latency.timing import Setting, device_facts, device_key, time_network

__all__ = [
    "Fit",
    "LatencyTable",
    "Setting",
    "Verdict",
    "build_table",
    "costs_of_genes",
    "device_facts",
    "device_key",
    "file_bytes",
    "macs_of",
    "parameters_of_subnet",
    "peak_memory",
    "still_fits",
    "time_network",
]
