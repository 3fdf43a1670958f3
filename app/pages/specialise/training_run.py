"""A training of subnets as the window follows it: how far it is, its scores, and its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from PySide6.QtCore import QObject, Qt, Signal

from app.bridge import Bridge
from app.pages.follow import WAITS, FollowedJob
from app.widgets.line_plot import Series
from engine.events import Ended, Progress, Started, Step
from engine.results.specialise import SupernetTrained
from engine.system.words import duration, per_cent

LANDMARKS: dict[Literal["largest", "middle", "smallest"], tuple[str, Qt.PenStyle]] = {
    "largest": ("accent", Qt.PenStyle.SolidLine),
    "middle": ("warning", Qt.PenStyle.DashLine),
    "smallest": ("muted", Qt.PenStyle.DotLine),
}
"""The subnets that are scored on the way, and how their lines look."""
CLOSABLE = "You can close this window; the training goes on."


class TrainingRun(FollowedJob):
    """The training that was asked for last, with the accuracies on the way and what came of it."""

    scored = Signal()
    jobs = ("shrink",)

    def __init__(self, bridge: Bridge, tell: Callable[..., object], parent: QObject) -> None:
        super().__init__(bridge, tell, parent)
        self.clear()

    def clear(self) -> None:
        """Knows of no training, as at the beginning."""
        self.ticket = 0
        self.settings: Mapping[str, Any] = {}
        self.points: dict[str, dict[int, float]] = {name: {} for name in LANDMARKS}
        self.result: SupernetTrained | None = None
        self.text = ""

    @property
    def series(self) -> list[Series]:
        """The accuracy of each landmark in per cent over the steps."""
        return [
            Series(name, tuple(sorted(self.points[name].items())), token, dash)
            for name, (token, dash) in LANDMARKS.items()
        ]

    def begin(self, settings: Mapping[str, Any]) -> None:
        self.bridge.submit("shrink", **settings)

    def use(self, result: SupernetTrained) -> None:
        """Takes a result into the project, and learns its classes again."""
        bridge = self.bridge

        def follow(ended: Ended) -> None:
            if ended.how == "done":
                bridge.submit("learn")

        bridge.submit("use_backbone", follow, weights=result["path"], size=result["size"])

    # What the engine says.

    def on_asked(self, job: str, settings: Mapping[str, Any]) -> None:
        """A training that goes on with the same file keeps its lines."""
        points, goes_on = self.points, settings.get("out") == self.settings.get("out")
        self.clear()
        self.settings, self.text = settings, WAITS
        self.points = points if goes_on else self.points
        self.scored.emit()

    def on_started(self, event: Started) -> None:
        self.say(f"Preparing. {CLOSABLE}")

    def on_progress(self, event: Progress) -> None:
        count = f"{event.done:,} of {event.total:,}" if event.total else ""
        left = event.seconds_left
        parts = [f"{event.doing} {count}".strip()]
        parts += [f"{duration(left)} left".capitalize()] if left is not None else []
        self.say(f"{'. '.join(parts)}. {CLOSABLE}")

    def on_step(self, event: Step) -> None:
        if "largest" in event.figures:
            for name, points in self.points.items():
                points[event.done] = 100 * event.figures[name]
            self.scored.emit()

    def on_end(self, event: Ended) -> None:
        self.result = result = event.of(SupernetTrained) if event.how == "done" else None
        self.say(found(result) if result else event.text)
        if result:
            self.tell(self.text, action=("Use it", lambda: self.use(result)))

    def say(self, text: str) -> None:
        self.text = text
        self.changed.emit()


def found(result: SupernetTrained) -> str:
    """What came of a training, in a sentence."""
    figures = ", ".join(f"{name} {per_cent(result[name])}" for name in LANDMARKS)
    return f"The subnets are trained. Accuracy on held-out images: {figures}."
