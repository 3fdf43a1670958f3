"""The engine process: one thread hears, one runs the jobs that change things, one those that read,
and one each of those that read for long.

It imports PyTorch only here, in the child, and ends itself at once when the window is gone.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import threading
from contextlib import ExitStack, closing, nullcontext
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from engine.events import CANCEL, FINISH, Event
from engine.system.cpu import available_cores, few_threads_for_numpy, give_way
from engine.system.crash_reports import unwatch, watch
from engine.system.log import start_log

log = logging.getLogger(__name__)

ALONE = (
    *("refine_map", "explain", "watch", "look", "hold_frames", "try_rule", "say"),
    *("estimate_study", "more_of_class", "side_by_side"),
)
"""Jobs that only read, and for so long that no other question can wait behind them."""
LAST = 1.0
"""Seconds that these get at the end, to leave no file half written."""
ALL = -1
"""Stands for every ticket."""


class Lines:
    """The pipe to the window, and how tickets were asked to stop, shared by the threads."""

    def __init__(self, pipe: Connection) -> None:
        self.pipe = pipe
        self.stopped: dict[int, str] = {}
        self._guard = threading.Lock()

    def say(self, ticket: int, event: Event | None) -> None:
        """Sends an event; None answers a ping."""
        with self._guard:
            self.pipe.send((ticket, event))


def main(pipe: Connection) -> None:
    """Runs until the window says stop or goes away."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    watch("engine")
    give_way()
    few_threads_for_numpy(max(1, available_cores() - 1))
    lines = Lines(pipe)
    work: queue.Queue[Any] = queue.Queue()
    reads: queue.Queue[Any] = queue.Queue()
    alone: dict[str, queue.Queue[Any]] = {name: queue.Queue() for name in ALONE}
    threading.Thread(target=hear, args=(lines, work, reads, alone), daemon=True).start()
    # Imported while the window paints; the thread above answers pings meanwhile.
    from engine.session import Session
    from engine.system import device

    start_log("engine")
    device.set_threads(window_open=True)
    session = Session()
    log.info("the engine is ready")
    threads = []
    for orders in (reads, *alone.values()):
        beside = (lines, orders, lambda: closing(session.beside()))
        threads.append(threading.Thread(target=serve, args=beside, daemon=True))
        threads[-1].start()
    serve(lines, work, lambda: nullcontext(session))
    for orders in alone.values():
        orders.put(None)
    for thread in threads[1:]:
        thread.join(LAST)
    session.close()
    session.use_computers(None)
    unwatch()
    os._exit(0)  # Nothing is left to save, and ONNX Runtime's threads need not be waited for.


def hear(
    lines: Lines,
    work: queue.Queue[Any],
    reads: queue.Queue[Any],
    alone: dict[str, queue.Queue[Any]],
) -> None:
    """Takes messages from the window. When the pipe breaks the window is gone, and so is this."""
    while True:
        try:
            kind, *rest = lines.pipe.recv()
            if kind == "ping":
                lines.say(0, None)
        except (EOFError, OSError):
            os._exit(1)
        if kind in (CANCEL, FINISH):
            lines.stopped[rest[0]] = kind
        elif kind == "stop":
            lines.stopped[ALL] = CANCEL
            work.put(None)
        elif kind == "run":
            ticket, name, settings, is_read = rest
            line = alone.get(name, reads) if is_read else work
            line.put((ticket, name, settings))


def serve(lines: Lines, orders: queue.Queue[Any], session_of: Any) -> None:
    """Runs the jobs of one queue, one after the other, until None comes."""
    from engine.jobs import end_of, run

    while (order := orders.get()) is not None:
        ticket, name, settings = order
        with ExitStack() as stack:
            try:
                session = stack.enter_context(session_of())
            except Exception as error:  # the project's folder may be gone; others ask after this
                lines.say(ticket, end_of(None, name, error))
                continue
            for event in run(session, name, settings, partial(stopped, lines, ticket)):
                lines.say(ticket, event)
        lines.stopped.pop(ticket, None)


def stopped(lines: Lines, ticket: int) -> str:
    return lines.stopped.get(ALL) or lines.stopped.get(ticket, "")
