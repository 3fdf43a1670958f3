"""A scheduler in a thread, and workers as processes: what runs on the computers that help.

Nothing of it listens to anybody unless a person asks for it.
"""

from __future__ import annotations

import asyncio
import multiprocessing as mp
import os
import signal
import socket
import tempfile
import threading
import time
import uuid
import warnings
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from engine.cluster.addresses import Address, address_of, is_loopback, security
from engine.cluster.library import distributed, why
from engine.errors import Refused
from engine.system.apart import no_interrupts
from engine.system.cpu import few_threads_for_numpy, give_way

DEATH = "30s"
"""After so long without a scheduler a worker's process ends, and is started anew."""
BACKOFF = (1.0, 2.0, 5.0, 10.0, 30.0)
START = 30.0
REACH = 2.0
"""Seconds in which a scheduler that is there lets others connect."""
NO_PAGE = "127.0.0.1:0"
"""Dask insists on a server of pages: here it has none, and only this computer reaches it."""
EVERYWHERE = ("0.0.0.0", "::")
JOINED = b"joined"
"""What a worker's process says to the one that started it."""


class SchedulerThread:
    """A Dask scheduler that listens at `listen` until it is closed. Raises Refused."""

    def __init__(self, listen: str, keys: str) -> None:
        address = address_of(listen, 1)
        self.sure = security(address, keys)
        try:
            can_listen(address)
        except OSError as error:
            raise self.refusal(address, error) from error
        self.ended = asyncio.Event()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.started: Future[str] = Future()
        self.thread = threading.Thread(
            target=self.run, args=(address,), name="espalier-scheduler", daemon=True
        )
        self.thread.start()
        try:
            self.url = self.started.result(START)
        except (OSError, ValueError, TimeoutError, RuntimeError) as error:
            self.thread.join(START)
            raise self.refusal(address, error) from error

    def refusal(self, address: Address, error: BaseException) -> Refused:
        return Refused(
            f"The scheduler can't listen at {address.url(self.sure is not None)}{why(error)}. "
            "Name another address or port."
        )

    def run(self, address: Address) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            asyncio.run(self.serve(address))

    async def serve(self, address: Address) -> None:
        """Listens until `close`; `started` gets the address, or why there is none."""
        self.loop = asyncio.get_running_loop()
        url = address.url(self.sure is not None)
        try:
            scheduler = await distributed().Scheduler(
                host=url.rpartition(":")[0],
                port=address.port,
                security=self.sure,
                dashboard=False,
                dashboard_address=NO_PAGE,
            )
        except BaseException as error:
            self.started.set_exception(error)
            return
        self.started.set_result(scheduler.address)
        try:
            await self.ended.wait()
        finally:
            await scheduler.close()

    def close(self) -> None:
        if self.loop is not None and self.thread.is_alive():
            self.loop.call_soon_threadsafe(self.ended.set)
        self.thread.join(START)


def can_listen(address: Address) -> None:
    """Asked before Dask is, which leaves its socket open where it fails. Raises OSError."""
    family, *_ = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0]
    socket.create_server((address.host, address.port), family=family).close()


class WorkerProcesses:
    """Processes that work for a scheduler, one thread each; those that end are started anew."""

    def __init__(self, scheduler: str, keys: str, count: int) -> None:
        address = address_of(scheduler, 1)
        if address.workers:
            raise Refused(
                "A worker needs the address of a scheduler, like tls://192.168.1.20:8786."
            )
        self.sure = security(address, keys)
        distributed()
        self.place = address
        self.url, self.keys = address.url(self.sure is not None), keys
        self.host = address.host if is_loopback(address.host) else ""
        self.folder = tempfile.TemporaryDirectory(prefix="espalier-worker-")
        self.hands = [Hand(self, number) for number in range(count)]

    def look(self) -> int:
        """Starts again what ended, in its time; returns how many were started."""
        return sum(hand.look() for hand in self.hands)

    def joined(self) -> int:
        """How many the scheduler knows by now."""
        return sum(hand.has_joined() for hand in self.hands)

    def reached(self) -> bool:
        """Whether anybody answers where the scheduler is to be."""
        try:
            socket.create_connection((self.place.host, self.place.port), REACH).close()
        except OSError:
            return False
        return True

    def close(self) -> None:
        for hand in self.hands:
            hand.end()
        for hand in self.hands:
            hand.wait()
        self.folder.cleanup()


class Hand:
    """One process of a worker, and when to start it again."""

    def __init__(self, all: WorkerProcesses, number: int) -> None:
        self.all, self.number = all, number
        self.process: mp.process.BaseProcess | None = None
        self.pipe: Connection | None = None
        self.failures, self.due = 0, 0.0
        self.began, self.joined = 0.0, False

    def look(self) -> bool:
        now = time.monotonic()
        if self.process is not None and self.process.is_alive():
            return False
        if self.process is not None:
            self.wait()
            self.failures = 0 if now - self.began > BACKOFF[-1] else self.failures + 1
            self.due = now + BACKOFF[min(self.failures, len(BACKOFF)) - 1]
        if now < self.due:
            return False
        self.start()
        return True

    def start(self) -> None:
        self.pipe, there = mp.get_context("spawn").Pipe()
        given = (there, self.all.url, self.all.keys, self.all.host, self.all.folder.name)
        self.process = mp.get_context("spawn").Process(
            target=work, args=given, name=f"espalier-worker-{self.number}", daemon=True
        )
        with no_interrupts():
            self.process.start()
        there.close()
        self.began, self.joined = time.monotonic(), False

    def has_joined(self) -> bool:
        """Whether it said that it joined the scheduler, and goes on."""
        with suppress(EOFError, OSError):  # it has ended, which `look` sees
            if self.pipe is not None and self.pipe.poll():
                self.joined = self.pipe.recv_bytes() == JOINED
        return self.joined and self.process is not None and self.process.is_alive()

    def end(self) -> None:
        """Asks it to end; it also does so once this process is gone."""
        if self.pipe is not None:
            self.pipe.close()
            self.pipe = None

    def wait(self) -> None:
        self.end()
        if self.process is not None:
            self.process.join(5.0)
            if self.process.is_alive():
                self.process.kill()
                self.process.join()
            self.process.close()
            self.process = None


def work(pipe: Connection, url: str, keys: str, host: str, folder: str) -> None:
    """A worker's process: it serves until its scheduler or the process that started it is gone."""
    few_threads_for_numpy(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    give_way()
    threading.Thread(target=end_with, args=(pipe,), daemon=True).start()
    warnings.simplefilter("ignore")
    from engine.cluster import work as functions  # noqa: F401  before anybody waits for them

    asyncio.run(serve(url, keys, host, folder, partial(pipe.send_bytes, JOINED)))


def end_with(pipe: Connection) -> None:
    """Ends this process once the other end of the pipe is closed, however that came."""
    try:
        pipe.recv_bytes()
    except (EOFError, OSError):
        os._exit(0)


async def serve(url: str, keys: str, host: str, folder: str, joined: Callable[[], None]) -> None:
    """Works for a scheduler until that is gone; what it keeps lies below `folder`. Says when it has
    `joined`."""
    name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
    place = Path(folder) / name
    place.mkdir()
    options: dict[str, Any] = {"host": host} if host else {}
    worker = await distributed().Worker(
        url,
        nthreads=1,
        name=name,
        security=security(address_of(url, 1), keys),
        dashboard=False,
        dashboard_address=NO_PAGE,
        memory_limit=0,
        local_directory=str(place),
        death_timeout=DEATH,
        **options,
    )
    joined()
    await worker.finished()


def reached_at(url: str) -> str:
    """The address that other computers type: one that listens everywhere is named by its own."""
    from distributed.utils import get_ip

    place = address_of(url, 1)
    host = get_ip() if place.host in EVERYWHERE else place.host
    return Address(host, place.port).url(url.startswith("tls"))
