"""Several processes that train together, as tests and benches start, watch and kill them."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import torch
from safetensors.torch import load

from engine.models.backbone import digest_of
from engine.training.distributed.group import Group

PATIENCE = 600.0


def workers(agent: int) -> dict[int, psutil.Process]:
    """The processes that an agent started, by their place; those that are just gone left out."""
    found = {}
    for child in psutil.Process(agent).children():
        try:
            place = child.environ().get("LOCAL_RANK", "")
        except psutil.Error:
            continue
        if place.isdecimal():
            found[int(place)] = child
    return found


def wait_until(there: Callable[[], bool], agent: subprocess.Popen[str]) -> bool:
    """Waits for something; whether it came before the agent's end."""
    event = threading.Event()
    for _ in range(int(PATIENCE / 0.02)):
        if there():
            return True
        if agent.poll() is not None:
            return False
        event.wait(0.02)
    return False


def kill(agent: subprocess.Popen[str], place: int, after: Path) -> None:
    """Kills the worker at a place once a file is there: 0 leads."""
    assert wait_until(after.exists, agent), "it ended before"
    os.kill(workers(agent.pid)[place].pid, signal.SIGKILL)


def run_of(project: Path) -> dict[str, Any]:
    """The newest run of a closed project: its curve, and the digest of its weights."""
    with closing(sqlite3.connect(project / "project.db")) as db:
        question = "SELECT curve, weights, state FROM run ORDER BY id DESC LIMIT 1"
        curve, blob, state = db.execute(question).fetchone()
    weights = ""
    if blob:  # of the tensors: the texts beside them lie in the file in any order
        content = (project / "blobs" / blob[:2] / blob).read_bytes()
        weights = digest_of(load(content))
    return {"curve": json.loads(curve), "weights": weights, "state": state}


def apart(one: dict[str, Any], other: dict[str, Any], name: str = "loss") -> list[float]:
    """How far two runs' figures are from each other in each step, as shares."""
    pairs = zip(one["curve"]["steps"][name], other["curve"]["steps"][name], strict=True)
    return [abs(a - b) / max(abs(a), 1e-12) for a, b in pairs]


# The same in threads of one process, which start at once: what they say and compute is as it is
# between processes, but for how it goes from one to the other.


class Exchange:
    """Where threads give each other tensors."""

    def __init__(self, size: int) -> None:
        self.barrier = threading.Barrier(size, timeout=60)
        self.slots: list[torch.Tensor] = [torch.empty(0)] * size

    def all(self, place: int, values: torch.Tensor) -> list[torch.Tensor]:
        """What each gave, in order of their places."""
        self.slots[place] = values.detach().clone()
        self.barrier.wait()
        found = list(self.slots)
        self.barrier.wait()
        return found


@dataclass(frozen=True)
class Threads(Group):
    """A group of threads; the first leads."""

    exchange: Exchange = field(kw_only=True)

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        return torch.stack(self.exchange.all(self.place, values)).sum(0)

    def pass_on(self, values: torch.Tensor) -> None:
        values.copy_(self.exchange.all(self.place, values)[self.leader])


def threads(size: int) -> list[Threads]:
    exchange = Exchange(size)
    return [Threads(place, size, 0, True, exchange=exchange) for place in range(size)]


def led(works: Sequence[Callable[[], Any]]) -> list[Any]:
    """What each work gives, each in a thread of its own but for the first."""
    with ThreadPoolExecutor(len(works)) as pool:
        others = [pool.submit(work) for work in works[1:]]
        return [works[0](), *(other.result() for other in others)]
