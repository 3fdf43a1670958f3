"""The group that a process was started in (engine/system/torchrun.py)."""

from __future__ import annotations

import contextlib
import os
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

from engine.errors import ProcessLost
from engine.system import torchrun
from engine.training.distributed.group import ALONE, ENDS, Group

PATIENCE = timedelta(days=7)
"""So long one process waits for another that is there: the leader may decode images for hours. One
that is gone is seen at once, by the connection or by torchrun."""
_joined: list[Group] = []


def joined() -> Group:
    """The group of this process; ALONE where it was started by itself. Waits for all others."""
    if torchrun.inside() is None:
        return ALONE
    if not _joined:
        if not torchrun.all_there():
            raise ProcessLost("The process that leads has ended.")
        _joined.append(join())
    return _joined[0]


def join() -> Group:
    """Joins the others. What is said goes by gloo, what is computed on NVIDIA's cards by nccl."""
    place, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    cards = torch.cuda.is_available()
    if cards:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
    backend = "cpu:gloo,cuda:nccl" if cards else "gloo"
    dist.init_process_group(
        backend, store=store(place, size), rank=place, world_size=size, timeout=PATIENCE
    )
    leading = torch.tensor([place if torchrun.leads() else 0, int(torchrun.leads())])
    dist.all_reduce(leading)
    assert int(leading[1]) == 1, "one process leads"
    return Group(place, size, int(leading[0]), started=True)


def store(place: int, size: int) -> Any:
    """Where the processes of this round find each other: a file where all are on one computer."""
    folder = torchrun.inside()
    assert folder is not None
    if os.environ[torchrun.ACROSS] == "1":
        host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        return dist.TCPStore(host, port, size, is_master=place == 0)  # type: ignore[attr-defined]
    file = folder / f"store-{torchrun.this_round()}"
    return dist.FileStore(str(file), size)  # type: ignore[attr-defined]


def leave() -> None:
    """The leader lets all others go; those that are gone already don't hear it. Those of this
    computer that it never joined see by themselves that it ended (torchrun.all_there)."""
    if not _joined and os.environ[torchrun.ACROSS] != "1":
        return
    with contextlib.suppress(RuntimeError, ProcessLost):
        group = joined()
        group.say(ENDS)
        dist.destroy_process_group()
