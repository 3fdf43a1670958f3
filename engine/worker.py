"""The engine thread: takes jobs from the window, and owns the engine process that does them.

The window's process imports no PyTorch; a crash, a kill or a hang of the engine process comes
back as `Ended("lost")`, the process is started again and the project reopened.
"""

from __future__ import annotations

import atexit
import itertools
import logging
import multiprocessing as mp
import signal
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

from engine import process
from engine.events import CANCEL, FINISH, Changed, Ended, Event, Notice, Watched
from engine.system.crash_reports import keep_report, note, take_fault

log = logging.getLogger(__name__)

PING_EVERY = 2.0
PATIENCE = 60.0
CANCEL_PATIENCE = 60.0
LOSSES_IN_A_ROW = 3
KILLED = 9
OUT_OF_MEMORY = ", most often because memory ran out"
LOST = "The engine stopped unexpectedly. Everything saved before is kept. Do it again to go on."


@dataclass
class Order:
    """One job that was asked for."""

    ticket: int
    name: str
    settings: dict[str, Any]
    reads: bool
    cancelled_at: float = 0.0
    events: list[Event] = field(default_factory=list)


class Engine:
    """Submit jobs, take events. All methods return at once; ticket 0 is the engine itself."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._tickets = itertools.count(1)
        self._guard = threading.Lock()
        self._orders: deque[tuple[str, Any]] = deque()
        self._outbox: list[tuple[int, Event]] = []
        self._listeners: list[Callable[[], object]] = []
        self._wake_read, self._wake_write = mp.Pipe(duplex=False)
        self._project = ""
        self._process: mp.process.BaseProcess | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._live, name="espalier-engine", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    @property
    def process_id(self) -> int | None:
        """The number of the engine process, None while there is none."""
        return self._process.pid if self._process is not None else None

    def submit(self, name: str, /, *, reads: bool = False, **settings: Any) -> int:
        """Asks for a job; those that change something wait for each other. Returns its ticket."""
        ticket = next(self._tickets)
        note(f"job {ticket} asked for: {name}")
        self._post("order", Order(ticket, name, settings, reads))
        return ticket

    def cancel(self, ticket: int) -> None:
        """Asks a job to stop, whether it runs or waits. It ends as cancelled."""
        self._post(CANCEL, ticket)

    def finish(self, ticket: int) -> None:
        """Asks a job to end with what it has; one that can't, or that waits, ends as cancelled."""
        self._post(FINISH, ticket)

    def take(self) -> list[tuple[int, Event]]:
        """All events since the last call, in order, each with its job's ticket."""
        with self._guard:
            events, self._outbox = self._outbox, []
        return events

    def listen(self, tell: Callable[[], object]) -> None:
        """`tell` is called, in the engine thread, when there is something to take again; it returns
        at once and asks nothing of this engine."""
        with self._guard:
            self._listeners.append(tell)
            if self._outbox:
                tell()

    def unlisten(self, tell: Callable[[], object]) -> None:
        """`tell` is called no more, if it ever was."""
        with self._guard:
            self._listeners = [other for other in self._listeners if other != tell]

    def close(self, patience: float = 10.0) -> None:
        """Stops the running job at its next event, then the engine process and the thread."""
        if not self._closed.is_set():
            self._post("close", None)
            self._thread.join(patience)
            if self._thread.is_alive() and self._process is not None:
                self._process.kill()
                self._thread.join(patience)
        atexit.unregister(self.close)

    # The rest runs in the engine thread.

    def _post(self, kind: str, what: Any) -> None:
        with self._guard:
            self._orders.append((kind, what))
            if not self._closed.is_set():
                self._wake_write.send_bytes(b"!")

    def _say(self, ticket: int, event: Event) -> None:
        if isinstance(event, Changed):
            self._project = event.project.path if event.project is not None else ""
        elif isinstance(event, Ended):
            note(f"job {ticket} ended: {event.how}")
        with self._guard:
            first = not self._outbox
            if isinstance(event, Watched) and not event.path:
                # The newest frame wins, so that a window that is busy queues none.
                self._outbox = [
                    (t, e) for t, e in self._outbox if t != ticket or not isinstance(e, Watched)
                ]
            self._outbox.append((ticket, event))
            for tell in self._listeners if first else ():
                tell()

    def _live(self) -> None:
        waiting: deque[Order] = deque()
        closing = False
        losses = 0
        while not closing:
            child = Child(self._start())
            if self._project:
                child.run(Order(0, "open_project", {"path": self._project}, reads=False))
            closing = self._serve(child, waiting)
            child.end()
            if not closing:
                name, number = "engine", child.process.pid
                assert number is not None  # it was started
                keep_report(f"the engine process {child.why()}", [name], take_fault(name, number))
            losses = 0 if child.was_useful else losses + 1
            given_up = [*waiting] if losses >= LOSSES_IN_A_ROW else []
            for order in [*child.running(), *given_up]:
                self._say(order.ticket, Ended("lost", LOST))
            if given_up:
                waiting.clear()
            self._process = None
            if losses >= LOSSES_IN_A_ROW and not closing:
                # It can't start at all: wait until a person asks again instead of spinning.
                wait([self._wake_read])
        with self._guard:
            self._closed.set()
            self._wake_write.close()
            self._wake_read.close()

    def _start(self) -> tuple[mp.process.BaseProcess, Connection]:
        # spawn: a fork of a process with Qt's or PyTorch's threads deadlocks.
        context = mp.get_context("spawn")
        here, there = context.Pipe()
        self._process = context.Process(target=process.main, args=(there,), name="espalier-engine")
        self._process.start()
        there.close()
        return self._process, here

    def _serve(self, child: Child, waiting: deque[Order]) -> bool:
        """Serves until the window closes (True) or the engine process is lost (False)."""
        while True:
            ready = wait([child.pipe, self._wake_read, child.process.sentinel], PING_EVERY)
            if self._wake_read in ready:
                self._wake_read.recv_bytes()
                if self._obey(child, waiting):
                    return True
            if child.pipe in ready and not self._hear(child):
                return self._lost(child)
            if child.pipe not in ready and child.process.sentinel in ready:
                return self._lost(child)
            if not child.alive(self._patience):
                log.warning("the engine process does not answer; it is started again")
                child.silent = True
                return self._lost(child)
            while waiting and child.main is None:
                child.run(waiting.popleft())

    def _obey(self, child: Child, waiting: deque[Order]) -> bool:
        with self._guard:
            orders = list(self._orders)
            self._orders.clear()
        for kind, what in orders:
            if kind == "close":
                return True
            if kind == "order" and what.reads:
                child.run(what)
            elif kind == "order":
                waiting.append(what)
            elif not child.stop(what, kind):
                for order in [o for o in waiting if o.ticket == what]:
                    waiting.remove(order)
                    self._say(order.ticket, Ended("cancelled", "Cancelled before it began."))
        return False

    def _hear(self, child: Child) -> bool:
        try:
            ticket, event = child.pipe.recv()
        except (EOFError, OSError):
            return False
        child.heard = time.monotonic()
        if event is not None:
            self._say(ticket, event)
            child.was_useful = True
            if isinstance(event, Ended):
                child.ended(ticket)
        return True

    def _lost(self, child: Child) -> bool:
        self._say(0, Notice(LOST, "warning"))
        return False


class Child:
    """The engine process as the thread knows it: its pipe, and the jobs that it was given."""

    def __init__(self, started: tuple[mp.process.BaseProcess, Connection]) -> None:
        self.process, self.pipe = started
        self.main: Order | None = None
        self.reading: dict[int, Order] = {}
        self.heard = self.asked = time.monotonic()
        self.was_useful = False
        self.silent = False

    def running(self) -> list[Order]:
        return [*([self.main] if self.main else []), *self.reading.values()]

    def run(self, order: Order) -> None:
        if order.reads:
            self.reading[order.ticket] = order
        else:
            self.main = order
        self.send(("run", order.ticket, order.name, order.settings, order.reads))

    def stop(self, ticket: int, how: str) -> bool:
        """Whether the ticket was running here; if so it was asked to stop."""
        order = next((o for o in self.running() if o.ticket == ticket), None)
        if order is None:
            return False
        if how == CANCEL:
            order.cancelled_at = order.cancelled_at or time.monotonic()
        self.send((how, ticket))
        return True

    def ended(self, ticket: int) -> None:
        self.reading.pop(ticket, None)
        if self.main is not None and self.main.ticket == ticket:
            self.main = None

    def alive(self, patience: float) -> bool:
        """Pings now and then; False when nothing was heard for long, or a cancel is ignored."""
        now = time.monotonic()
        if now - self.asked >= PING_EVERY:
            self.asked = now
            self.send(("ping",))
        stuck = any(
            o.cancelled_at and now - o.cancelled_at > CANCEL_PATIENCE for o in self.running()
        )
        return now - self.heard < patience and not stuck

    def why(self) -> str:
        """How the process went, once it is gone, in a few words for a report."""
        code = self.process.exitcode
        if self.silent:
            return "did not answer and was ended"
        if code is None or code >= 0:
            return f"ended with {code}"
        name = signal.strsignal(-code) or "unknown"
        return f"was ended by signal {-code} ({name})" + OUT_OF_MEMORY * (-code == KILLED)

    def send(self, message: tuple[Any, ...]) -> None:
        try:
            self.pipe.send(message)
        except (BrokenPipeError, OSError):
            log.info("the engine process is gone; its end is noticed at the next turn")

    def end(self) -> None:
        """Ends the process: politely if it still listens, at once if not."""
        self.send(("stop",))
        self.process.join(3.0 if self.process.is_alive() else 0.1)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.pipe.close()
