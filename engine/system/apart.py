"""What processes that are started from here have in common: no interrupts, no prints."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from multiprocessing import resource_tracker


@contextlib.contextmanager
def no_interrupts() -> Iterator[None]:
    """What is started inside never sees Ctrl+C: it is ended from here, and would print its own
    traceback into the terminal."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # begun inside, it would let Ctrl+C through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def hush() -> None:
    """Throws away what libraries print on their way down: a person is told one sentence."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for output in (1, 2):
        os.dup2(nowhere, output)
