"""What is done about branches, as the window follows it: measured, grown, removed, merged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.bridge import Bridge
from app.pages.follow import WAITS, FollowedJob
from app.widgets.run_curves import Curves
from engine.events import Ended, LayerPlan, Notice, Progress, ProjectView, Started, Step
from engine.results.branches import (
    BranchesMerged,
    BranchGrown,
    BranchRemoved,
    CurvePoint,
    SharingCurve,
)
from engine.system.words import duration, per_cent

MEASURE, GROW, REMOVE, MERGE = "sharing_curve", "grow_branch", "remove_branch", "merge_branches"
PREPARING = "Preparing"


class BranchWork(FollowedJob):
    """The job on branches that was asked for last.

    `scored`: the live curves; `ended` carries the job's name.
    """

    scored = Signal()
    ended = Signal(str)
    jobs = (MEASURE, GROW, REMOVE, MERGE)

    def __init__(self, bridge: Bridge, tell: Callable[..., object], parent: QObject) -> None:
        super().__init__(bridge, tell, parent)
        self.clear()
        bridge.changed.connect(self.on_changed)
        bridge.notice.connect(self.on_notice)

    def clear(self) -> None:
        """Knows of nothing, as at the beginning."""
        self.path = self.bridge.project.path if self.bridge.project else ""
        self.ticket, self.begun = 0, False
        self.job = self.text = self.note = ""
        self.epochs = 1.0
        self.done, self.total = 0, 0
        self.curves = Curves()
        self.curve: list[CurvePoint] = []
        self.measured: object = None
        self.grown: BranchGrown | None = None
        self.merged: BranchesMerged | None = None

    # Gestures.

    def measure(self, key: object, **settings: Any) -> None:
        """Draws the sharing curve; `key` says what it holds for."""
        self.bridge.submit(MEASURE, **settings)
        self.measured = key

    def grow(self, epochs: float, **settings: Any) -> None:
        """`epochs` are those that the form shows, for the axis of the live curves."""
        self.epochs = epochs
        self.bridge.submit(GROW, **settings)

    def remove(self, branch: int) -> None:
        self.bridge.submit(REMOVE, branch=branch)

    def merge(self, epochs: float, **settings: Any) -> None:
        self.epochs = epochs
        self.bridge.submit(MERGE, **settings)

    # What the engine says.

    def on_changed(self, project: ProjectView | None) -> None:
        """Nothing is kept of another project."""
        if (project.path if project else "") != self.path and not self.running:
            self.clear()

    def on_asked(self, job: str, settings: Mapping[str, Any]) -> None:
        self.job, self.begun, self.note = job, False, ""
        self.done = self.total = 0
        if job == MEASURE:
            self.curve, self.measured = [], None
        elif job in (GROW, MERGE):
            self.curves, self.grown, self.merged = Curves(), None, None
        self.text = WAITS
        self.scored.emit()

    def on_started(self, event: Started) -> None:
        self.begun = True
        self.say(PREPARING)

    def on_progress(self, event: Progress) -> None:
        self.done, self.total = event.done, event.total or 0
        left = event.seconds_left
        self.say(event.doing + (f" · {duration(left)} left" if left is not None else ""))

    def on_plan(self, event: LayerPlan) -> None:
        """A training begins: its steps are told as epochs, where their number is known."""
        self.curves = Curves()
        self.curves.know_epochs(event.total, self.epochs)

    def on_step(self, event: Step) -> None:
        """Learners make steps too; those of a training tell its seconds."""
        if "seconds" in event.figures:
            self.curves.add(event.done, event.figures)
            self.scored.emit()

    def on_notice(self, event: Notice) -> None:
        """Why it came as it came; while a job runs, notices are its own."""
        if self.begun:
            self.note = event.text

    def on_end(self, event: Ended) -> None:
        """Keeps the curve or the result; the window itself tells of refusals and failures."""
        self.begun = False
        if event.how == "done":
            said = self.kept(event)
            self.text = self.note or said
        else:
            self.text = event.text
            self.measured = None if self.job == MEASURE else self.measured
        self.ended.emit(self.job)
        self.changed.emit()
        if event.how == "done" and not self.note:
            self.tell(self.text)

    def kept(self, event: Ended) -> str:
        """Keeps what came of the job; returns it in a sentence."""
        if self.job == MEASURE:
            self.curve = event.of(SharingCurve)["curve"]
            return "The sharing curve is drawn. Nothing was changed."
        if self.job == REMOVE:
            self.grown = self.merged = None
            gone = event.of(BranchRemoved)
            before, after = per_cent(gone["before"]), per_cent(gone["after"])
            return f"Branch {gone['branch']} is removed: accuracy {before} before, {after} now."
        if self.job == MERGE:
            self.merged = event.of(BranchesMerged)
            return "The branches are merged into one network, which is in use now."
        self.grown = grown = event.of(BranchGrown)
        self.curve = grown["curve"] or self.curve
        return f"Branch {grown['branch']}, above {grown['cut']}, is in use now."

    def say(self, text: str) -> None:
        self.text = text
        self.changed.emit()
