"""How many cores this process may use."""

from __future__ import annotations

import os


def available_cores() -> int:
    """The cores that this process may use; fewer than there are in containers, under taskset, or
    where a person set OMP_NUM_THREADS, as they would for any other program with PyTorch."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    most = int(wanted) if wanted.isdecimal() and int(wanted) else os.cpu_count() or 1
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else most
    return min(most, there)
