"""A job as a page follows it, from being asked for to its end, whoever asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from PySide6.QtCore import QObject, Signal

from app.bridge import Bridge
from engine.events import Ended, LayerPlan, LayerState, Progress, Started, Step

WAITS = "It begins when what runs now has ended."


class FollowedJob(QObject):
    """The last of some jobs (`jobs`) that was asked for. It outlives the dialogs that show it.

    A subclass hears of that job alone: `on_asked`, then what the engine says of it, then `on_end`.
    `changed`: words, or how far it is.
    """

    changed = Signal()
    jobs: ClassVar[tuple[str, ...]] = ()

    def __init__(self, bridge: Bridge, tell: Callable[..., object], parent: QObject) -> None:
        super().__init__(parent)
        self.bridge, self.tell = bridge, tell
        self.ticket = 0
        bridge.submitted.connect(self.hear_asked)
        bridge.ended.connect(self.hear_end)
        for signal, follow in (
            (bridge.started, self.on_started),
            (bridge.progress, self.on_progress),
            (bridge.step, self.on_step),
            (bridge.layer_plan, self.on_plan),
            (bridge.layer_state, self.on_state),
        ):
            signal.connect(self.own(follow))

    @property
    def running(self) -> bool:
        """Whether it runs, or waits to."""
        return bool(self.ticket)

    def stop(self) -> None:
        self.bridge.cancel(self.ticket)

    def own(self, follow: Callable[[Any], None]) -> Callable[[int, Any], None]:
        """Hands on what is said of this job alone."""

        def hear(ticket: int, event: Any) -> None:
            if ticket == self.ticket:
                follow(event)

        return hear

    def hear_asked(self, ticket: int, job: str) -> None:
        if job in self.jobs:
            self.on_asked(job, self.bridge.jobs[ticket][1])
            self.ticket = ticket
            self.changed.emit()

    def hear_end(self, ticket: int, event: Ended) -> None:
        if ticket and ticket == self.ticket:
            self.ticket = 0
            self.on_end(event)

    # For subclasses.

    def on_asked(self, job: str, settings: Mapping[str, Any]) -> None:
        """It waits until what runs now has ended."""

    def on_started(self, event: Started) -> None: ...

    def on_progress(self, event: Progress) -> None: ...

    def on_step(self, event: Step) -> None: ...

    def on_plan(self, event: LayerPlan) -> None: ...

    def on_state(self, event: LayerState) -> None: ...

    def on_end(self, event: Ended) -> None:
        """It is over; the window itself tells of refusals and failures."""
