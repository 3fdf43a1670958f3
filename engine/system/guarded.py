"""Work in a process of its own with limits of time and memory: for files that come from anywhere.

What a file can make a library do is not to be listed case by case. So it is done where it can only
end that process: by its time, its memory, or a crash, each of which becomes one sentence.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import signal
import sys
import time
import traceback
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

import psutil

from engine.errors import EspalierError, Refused
from engine.system.apart import hush, no_interrupts

log = logging.getLogger(__name__)

MOMENT = 0.05
"""Seconds between two looks at the memory of the process."""
SECONDS_TO_START = 120
"""Until the process has imported what it needs; on a busy computer that takes long."""
PATIENCE = 4
"""So many times its seconds a process may take on the clock: where others work as well, good files
take longer, but no more work."""

NOT_STARTED = (
    "A process to look into the file could not be started, perhaps for lack of memory. The file "
    "was not opened. Close other programs and try again."
)

Send = Callable[[object], None]


@dataclass(frozen=True)
class Limits:
    """How long a processor may work once the process is ready, and how much memory it may take
    beyond that of the empty process. None: as much as it takes."""

    seconds: float | None = None
    memory: int | None = None


@dataclass(frozen=True)
class Sentences:
    """What is raised where the process does not come to its end, and why."""

    kind: type[EspalierError]
    late: str
    much: str
    died: str


@dataclass(frozen=True)
class Ended:
    """The last word of a process: what was found, or what ended it; `why` is for the log alone."""

    found: Any = None
    error: Exception | None = None
    much: bool = False
    why: str = ""


class Ready:
    """The first word of a process: it has imported everything, and its clock can run."""


def guarded(
    work: Callable[..., Any], *arguments: Any, limits: Limits, said: Sentences
) -> Generator[Any, None, Any]:
    """Yields what `work(send, *arguments)` sends from a new process, and returns what it returns.

    `work` is a function of a module. EspalierErrors that it raises are raised here; `said.kind`
    where it takes too much, dies, or raises anything else. Closing the generator ends the process.
    """
    here, there = multiprocessing.get_context("spawn").Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(
        target=serve, args=(there, work, arguments, limits), name="espalier-check"
    )
    with contextlib.closing(here):
        with no_interrupts():
            process.start()
        there.close()
        try:
            yield from heard(here, process, limits, said)
        except Finished as finished:
            return finished.found
        finally:
            process.kill()
            process.join()
            process.close()


def call(work: Callable[..., Any], *arguments: Any, limits: Limits, said: Sentences) -> Any:
    """The same for who waits for the result: what is sent on the way is not looked at."""
    words = guarded(work, *arguments, limits=limits, said=said)
    while True:
        try:
            next(words)
        except StopIteration as end:
            return end.value


class Finished(Exception):
    """Carries the result out of the loop that listens."""

    def __init__(self, found: Any) -> None:
        super().__init__()
        self.found = found


def heard(here: Connection, process: BaseProcess, limits: Limits, said: Sentences) -> Iterator[Any]:
    """What the process says, until its last word. Raises Finished, or what the word brings."""
    bounds = Bounds(process)
    while True:
        if not wait([here], MOMENT):
            bounds.check(said)
            continue
        try:
            word = here.recv()
        except (EOFError, OSError) as error:
            if not bounds.begun:  # nothing was looked at yet
                raise Refused(NOT_STARTED) from error
            raise said.kind(why_it_died(process, said)) from error
        if isinstance(word, Ready):
            bounds.begin(limits)
        elif isinstance(word, Ended):
            raise last_word(word, said)
        else:
            yield word


def last_word(word: Ended, said: Sentences) -> Exception:
    """What comes of the last word: Finished, or the error that a person is told."""
    if word.why:
        log.info("a guarded process failed: %s", word.why)
        return said.kind(said.much if word.much else said.died)
    return word.error or Finished(word.found)


class Bounds:
    """What a process may take from now on, looked at from outside."""

    def __init__(self, process: BaseProcess) -> None:
        self.process = process
        self.begun = False
        self.until = time.monotonic() + SECONDS_TO_START
        self.work, self.memory = float("inf"), float("inf")

    def begin(self, limits: Limits) -> None:
        """Counts from what the process has taken by now."""
        self.begun = True
        work, memory = taken(self.process)
        self.until = time.monotonic() + PATIENCE * (limits.seconds or float("inf"))
        self.work = work + (limits.seconds or float("inf"))
        self.memory = memory + (limits.memory or float("inf"))

    def check(self, said: Sentences) -> None:
        work, memory = taken(self.process)
        if work > self.work or time.monotonic() > self.until:
            raise said.kind(said.late) if self.begun else Refused(NOT_STARTED)
        if memory > self.memory:
            raise said.kind(said.much)


def taken(process: BaseProcess) -> tuple[float, int]:
    """Seconds of processors' work and bytes of memory; 0 where the process is gone."""
    with contextlib.suppress(psutil.Error):
        one = psutil.Process(process.pid)
        return sum(one.cpu_times()[:2]), one.memory_info().rss
    return 0.0, 0


def why_it_died(process: BaseProcess, said: Sentences) -> str:
    """The sentence for a process that ended without a last word, by the signal that ended it.

    Kernels kill what takes the last memory, and what can't get any aborts itself.
    """
    process.join(5)
    signals = {"SIGXCPU": said.late, "SIGKILL": said.much, "SIGABRT": said.much}
    if process.exitcode is not None:
        with contextlib.suppress(ValueError):
            return signals.get(signal.Signals(-process.exitcode).name, said.died)
    return said.died


# In the new process.


def serve(
    there: Connection, work: Callable[..., Any], arguments: tuple[Any, ...], limits: Limits
) -> None:
    """Sets the limits, does the work and sends its end; by now everything is imported."""
    hush()
    try:
        limit(limits)
        there.send(Ready())
        there.send(Ended(work(there.send, *arguments)))
    except (BrokenPipeError, KeyboardInterrupt):
        sys.exit(1)  # nobody listens any more
    except (EspalierError, OSError) as error:
        there.send(Ended(error=error))
    except Exception as error:  # a file from anywhere can be wrong in ways that nobody foresaw
        there.send(Ended(much=isinstance(error, MemoryError), why=traceback.format_exc(-5)))


def limit(limits: Limits) -> None:
    """Lets the system itself hold the limits, where it can: they hold between two looks of the
    other process as well, and when it is gone."""
    try:
        import resource
    except ImportError:  # Windows
        return
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if limits.seconds:
            most = int(time.process_time() + limits.seconds) + 2
            resource.setrlimit(resource.RLIMIT_CPU, (most, most))
        if limits.memory and sys.platform == "linux":
            # What is mapped from files does not count, nor does what imports have reserved.
            most = psutil.Process().memory_info().data + limits.memory
            resource.setrlimit(resource.RLIMIT_DATA, (most, most))
