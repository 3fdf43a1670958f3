"""How many cores this process may use, and before whom."""

from __future__ import annotations

import os

import psutil

POLITE = 5
"""By how much the engine's process steps back behind the window's, of 19."""


def available_cores() -> int:
    """The cores that this process may use; fewer than there are in containers, under taskset, or
    where a person set OMP_NUM_THREADS, as they would for any other program with PyTorch."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    most = int(wanted) if wanted.isdecimal() and int(wanted) else os.cpu_count() or 1
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else most
    return min(most, there)


def few_threads_for_numpy(count: int) -> None:
    """Lets NumPy's products take so many threads; to be called before NumPy is imported.

    It would take one for each core, and they wait for each other without sleeping: with two cores
    that others use too, a product of 1 ms took 20.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", str(count))


def give_way() -> None:
    """Lets every process of usual priority go before this one and those that it starts, so that
    all cores can be used while a window is open, and the window does not wait for one."""
    own = psutil.Process()
    try:
        if psutil.WINDOWS:
            own.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
        elif own.nice() < POLITE:
            own.nice(POLITE)
    except (psutil.Error, OSError):
        pass  # A system that forbids it is only less smooth.
