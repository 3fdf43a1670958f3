"""Between the window and the engine: events become signals, answers find who asked."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from shiboken6 import isValid

from engine.events import (
    Candidate,
    Changed,
    Ended,
    Event,
    LayerPlan,
    LayerState,
    Notice,
    Progress,
    ProjectView,
    Said,
    Saved,
    Scored,
    Started,
    Step,
    Watched,
)
from engine.worker import Engine

FIRST, EVERY = 2, 16
"""Milliseconds at least between two looks at the engine's outbox: few after a silence, twice as
many each time that there was something, up to a frame at 60 a second. The last word of an answer
often comes a few milliseconds after the one before."""

WATCHING = ("watch", "look")
"""Quiet jobs that go on until they are ended; what they watch is told in the job bar."""

Answer = Callable[[Ended], object]


def heard(answer: Callable[..., object]) -> bool:
    """Whether anybody is there for an answer: a dialog that it belongs to may be closed by then."""
    while isinstance(answer, partial):
        answer = answer.func
    owner = getattr(answer, "__self__", None)
    return not isinstance(owner, QObject) or isValid(owner)


class Bridge(QObject):
    """Submits jobs and tells the window what the engine says. All signals come in the UI thread.

    The signals of jobs carry the job's ticket; those of quiet jobs (`ask`) go to their answer only.
    """

    submitted = Signal(int, str)
    started = Signal(int, object)
    progress = Signal(int, object)
    step = Signal(int, object)
    scored = Signal(int, object)
    candidate = Signal(int, object)
    layer_plan = Signal(int, object)
    layer_state = Signal(int, object)
    changed = Signal(object)
    notice = Signal(object)
    saved = Signal(int, object)
    watched = Signal(int, object)
    said = Signal(int, object)
    ended = Signal(int, object)
    watches = Signal(str)
    """What is watched now, in words: a camera that a page looks through; empty: nothing."""
    told_of = Signal()
    """The engine's outbox is no more empty; the only signal that comes from its thread."""

    def __init__(self, engine: Engine, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.engine = engine
        self.project: ProjectView | None = None
        self.answers: dict[int, Answer] = {}
        self.asked: set[int] = set()
        self.told: dict[int, Callable[[Progress], object]] = {}
        self.jobs: dict[int, tuple[str, dict[str, Any]]] = {}
        self.sources: dict[int, str] = {}
        """What each job that watches says that it watches."""
        self.signals = {
            Started: self.started,
            Progress: self.progress,
            Step: self.step,
            Scored: self.scored,
            Candidate: self.candidate,
            LayerPlan: self.layer_plan,
            LayerState: self.layer_state,
            Saved: self.saved,
            Ended: self.ended,
        }
        self.waiting: deque[tuple[int, Event]] = deque()
        self.pace = FIRST
        self.rest = QTimer(self, singleShot=True, timerType=Qt.TimerType.PreciseTimer)
        self.rest.timeout.connect(self.drain)
        self.told_of.connect(self.wake, Qt.ConnectionType.QueuedConnection)

    @property
    def tested(self) -> int:
        """How many images judge the model in use."""
        step = self.project.current_step if self.project is not None else None
        return step.tested if step is not None else 0

    def start(self) -> None:
        """Begins to listen, once all who want to hear are there."""
        self.engine.listen(self.tell)

    def tell(self) -> None:
        """Called in the engine's thread."""
        self.told_of.emit()

    def wake(self) -> None:
        """The first word after a silence is heard at once, others after a rest."""
        if not self.rest.isActive():
            self.drain()

    def submit(self, job: str, answer: Answer | None = None, **settings: Any) -> int:
        """Asks for a job that the job bar shows; `answer` is called with its Ended."""
        ticket = self.engine.submit(job, **settings)
        self.jobs[ticket] = (job, settings)
        if answer is not None:
            self.answers[ticket] = answer
        self.submitted.emit(ticket, job)
        return ticket

    def ask(
        self,
        job: str,
        answer: Answer,
        told: Callable[[Progress], object] | None = None,
        **settings: Any,
    ) -> int:
        """Asks for a job that only reads; it runs at once, and only `answer` hears of its end.

        `told` is called with its progress, where somebody waits for a long answer.
        """
        ticket = self.engine.submit(job, reads=True, **settings)
        self.asked.add(ticket)
        if job in WATCHING:
            self.sources[ticket] = ""
        if told is not None:
            self.told[ticket] = told
        self.answers[ticket] = answer
        return ticket

    def cancel(self, ticket: int) -> None:
        self.engine.cancel(ticket)

    def finish(self, ticket: int) -> None:
        """Asks a job to end with what it has."""
        self.engine.finish(ticket)

    def drop(self, ticket: int) -> None:
        """Cancels a question whose answer nobody waits for any more."""
        self.told.pop(ticket, None)
        if self.answers.pop(ticket, None) is not None:
            self.engine.cancel(ticket)

    def drain(self) -> None:
        """Hands on what the engine said since the last look. Where a listener fails, what comes
        after it is handed on at the next one."""
        self.waiting.extend(self.engine.take())
        if self.waiting:
            self.rest.start(self.pace)
        self.pace = min(2 * self.pace, EVERY) if self.waiting else FIRST
        while self.waiting:
            self.hand_on(*self.waiting.popleft())

    def hand_on(self, ticket: int, event: Event) -> None:
        """Emits one event; the answer to a job is called after its signal."""
        if isinstance(event, Changed):
            self.project = event.project
            self.changed.emit(event.project)
        elif isinstance(event, Notice):
            self.notice.emit(event)
        elif isinstance(event, Watched):
            self.watched.emit(ticket, event)
        elif ticket in self.sources and isinstance(event, Progress):
            self.note_source(ticket, event.doing)
        elif isinstance(event, Said):
            self.said.emit(ticket, event)
        elif ticket in self.told and isinstance(event, Progress):
            self.told[ticket](event)
        elif ticket in self.jobs or not ticket:
            self.signals[type(event)].emit(ticket, event)
        if isinstance(event, Ended):
            self.asked.discard(ticket)
            self.note_source(ticket, "")
            self.told.pop(ticket, None)
            self.jobs.pop(ticket, None)
            answer = self.answers.pop(ticket, None)
            if answer is not None and heard(answer):
                answer(event)

    def note_source(self, ticket: int, words: str) -> None:
        """A job watches what `words` say, or nothing any more."""
        before = self.watched_now
        if words:
            self.sources[ticket] = words
        else:
            self.sources.pop(ticket, None)
        if self.watched_now != before:
            self.watches.emit(self.watched_now)

    @property
    def watched_now(self) -> str:
        return next((said for said in reversed(self.sources.values()) if said), "")

    def close(self) -> None:
        """Stops listening, and ends the engine. Nothing is lost: each gesture was saved."""
        self.engine.unlisten(self.tell)
        self.rest.stop()
        self.answers.clear()
        self.engine.close()
