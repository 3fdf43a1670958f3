"""Jobs on other computers: choose them, see them, be one of them, and make their keys.

Nothing here imports PyTorch: a worker works without it.
"""

from __future__ import annotations

import shlex
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cluster import library
from engine.cluster.keys import new_keys
from engine.cluster.serving import SchedulerThread, WorkerProcesses, reached_at
from engine.errors import EndEarly, Refused
from engine.events import Notice, Progress, Work
from engine.jobs import job
from engine.results.cluster import ComputersChosen, ComputersSeen, KeysMade, Served, WorkerRow
from engine.system.cpu import available_cores

if TYPE_CHECKING:
    from engine.session import Session

TICK = 0.25


@job("Choose the computers")
def use_computers(session: Session, *, address: str = "", keys: str = "") -> Work[ComputersChosen]:
    """Works from now on with the workers of the scheduler at `address`, or with "local:N" processes
    of this computer; without an address on this computer alone, as usual. `keys` is the folder of
    the files that make_keys made."""
    yield Progress(0, None, "Looking for workers" if address else "Leaving the workers")
    from engine.cluster.computers import connect  # which knows networks, and so PyTorch

    session.use_computers(None)
    if address.strip():
        session.use_computers(connect(address, keys))
    computers = session.computers
    workers = len(computers.there()) if computers is not None else 0
    return {"address": computers.address if computers is not None else "", "workers": workers}


@job("Look at the computers", reads=True)
def see_computers(session: Session) -> Work[ComputersSeen]:
    """Each worker with what it does now. Asked again and again while somebody looks on."""
    yield Progress(0, None, "Looking")
    missing = "" if library.is_there() else library.MISSING
    computers = session.computers
    rows: list[WorkerRow] = computers.rows() if computers is not None else []
    address = computers.address if computers is not None else ""
    return {"address": address, "missing": missing, "workers": rows}


@job("Make keys", reads=True)
def make_keys(session: Session | None, *, folder: str) -> Work[KeysMade]:
    """Makes the three files by which computers know each other."""
    yield Progress(0, None, "Making keys")
    if not folder.strip():
        raise Refused("Name the folder that the keys are written to.")
    return new_keys(Path(folder))


@job("Be the scheduler", reads=True)
def be_scheduler(session: Session | None, *, listen: str, keys: str = "") -> Work[Served]:
    """Lets workers and projects find each other, until it is ended."""
    yield Progress(0, None, "Starting")
    begun = time.monotonic()
    with closing(SchedulerThread(listen, keys)) as scheduler:
        url = reached_at(scheduler.url)
        named = f" --keys {shlex.quote(keys)}" if keys else ""
        yield Notice(
            f"The scheduler listens at {url}. Type the first line on each computer that is to "
            "work, and the second where the project is:",
            details=(
                f"espalier worker --scheduler {url}{named}",
                f"espalier learn PROJECT FOLDER --cluster {url}{named}",
            ),
        )
        with suppress(EndEarly):
            while scheduler.thread.is_alive():
                scheduler.thread.join(TICK)
                yield Progress(0, None, "Serving")
    return {"address": url, "seconds": time.monotonic() - begun}


@job("Be a worker", reads=True)
def be_worker(
    session: Session | None, *, scheduler: str, keys: str = "", processes: int = 0
) -> Work[Served]:
    """Works for the scheduler at an address, with so many processes (0: one for each core), until
    it is ended. While no scheduler answers it waits for one."""
    if processes < 0:
        raise Refused("A worker has 1 process or more, or 0 for one for each core.")
    yield Progress(0, None, "Starting")
    begun, count = time.monotonic(), processes or available_cores()
    with closing(WorkerProcesses(scheduler, keys, count)) as workers:
        starting = "A process starts" if count == 1 else f"{count} processes start"
        yield Notice(f"{starting} for {workers.url}. Ctrl+C ends the work.")
        waits, at_work, words = False, False, ""
        with suppress(EndEarly):
            while True:
                if workers.look():
                    reached, at_work = workers.reached(), False
                    if not reached and not waits:
                        yield Notice(f"Nobody answers at {workers.url} yet; this waits.")
                    waits = not reached
                if not at_work and workers.joined() == count:
                    yield Notice(f"{processes_of(count)}{words}.")
                    at_work, words = True, " again"
                time.sleep(TICK)
                yield Progress(0, None, "Working")
    return {"address": workers.url, "seconds": time.monotonic() - begun}


def processes_of(count: int) -> str:
    return "One process works" if count == 1 else f"{count} processes work"
