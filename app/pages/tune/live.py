"""The run of tuning that goes on, as the window follows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.bridge import Bridge
from app.pages.follow import WAITS, FollowedJob
from app.widgets.run_curves import Curves
from engine.events import Ended, LayerPlan, LayerState, Progress, Started, Step
from engine.results.tune import RunDetails, RunRow, SavedByFreezing, Tuned

TRAINS = ("tune", "adapt", "resume_run")
PAUSED = "Tuning is paused. Its checkpoint is kept: go on with it under Tune."


class LiveRun(FollowedJob):
    """What is known of the run that goes on, or waits to; `run` is its number, 0 where unknown.

    `planned` and `stated`: what the layer plot shows; `ended`: it is
    over, with the number of the run.
    """

    planned = Signal(object)
    stated = Signal(object)
    ended = Signal(int)
    jobs = (*TRAINS, "finish_run")

    def __init__(self, bridge: Bridge, tell: Callable[..., object], parent: QObject) -> None:
        super().__init__(bridge, tell, parent)
        self.run = 0
        self.on_asked("", {})

    def on_asked(self, job: str, settings: Mapping[str, Any]) -> None:
        """Knows nothing yet but what was asked for; of a run that ends, what it knew before."""
        same = job == "finish_run" and settings.get("run", 0) == self.run
        self.job, self.run = job, settings.get("run", 0)
        self.epochs = float(settings.get("settings", {}).get("epochs", 0))
        self.doing, self.stopping = WAITS, ""
        self.left: float | None = None
        self.compares = job == "finish_run"
        if same:
            return
        self.known: RunDetails | None = None
        self.curves = Curves()
        self.saved: SavedByFreezing | None = None
        self.spread: float | None = None
        self.plan: LayerPlan | None = None
        self.state: LayerState | None = None
        self.updates: tuple[float, ...] = ()

    @property
    def training(self) -> bool:
        """Whether steps are made: before that it is prepared, after it compared."""
        return self.running and self.plan is not None and not self.compares

    def know(self, row: RunRow) -> None:
        """Takes the number of the run and how many epochs it will have."""
        self.run, self.epochs = row["id"], float(row["epochs"])
        if self.plan is not None:
            self.curves.know_epochs(self.plan.total, self.epochs)

    def go_on_from(self, details: RunDetails) -> None:
        """What a run has measured before it was resumed, or ended."""
        self.known = details
        self.epochs, self.saved = float(details["epochs"]), self.saved or details["saved"]
        fresh, self.curves = self.curves, Curves.of_run(details)
        self.curves.against = fresh.against
        for number, step in enumerate(fresh.steps["step"]):
            figures = {
                name: values[number] for name, values in fresh.steps.items() if number < len(values)
            }
            self.curves.add(int(step), figures)
        for row in fresh.epochs:
            self.curves.add(int(row["step"]), row)
        self.changed.emit()

    # Gestures.

    def pause(self) -> None:
        """Stops it at its next safe point; a checkpoint is kept."""
        self.stopping = "pause"
        self.bridge.cancel(self.ticket)
        self.changed.emit()

    def finish(self) -> None:
        """Ends it early: its best weights are compared with the network in use."""
        self.stopping = "finish"
        self.bridge.finish(self.ticket)
        self.changed.emit()

    # What the engine says.

    def on_started(self, event: Started) -> None:
        self.doing = "Preparing"
        self.changed.emit()

    def on_progress(self, event: Progress) -> None:
        count = f" · {event.done:,} of {event.total:,}" if event.total and event.done else ""
        self.doing, self.left = f"{event.doing}{count}", event.seconds_left
        # Of its steps a run tells how many there are; of what comes after them it does not.
        self.compares |= self.plan is not None and event.total is None
        self.stopping = "" if self.compares else self.stopping
        self.changed.emit()

    def on_plan(self, event: LayerPlan) -> None:
        self.plan = event
        self.curves.know_epochs(event.total, self.epochs)
        self.planned.emit(event)

    def on_state(self, event: LayerState) -> None:
        self.state, self.updates = event, event.updates or self.updates
        self.stated.emit(event)

    def on_step(self, event: Step) -> None:
        """Learners and heads make steps too; those of a run tell its seconds."""
        if "seconds" not in event.figures:
            return
        self.curves.add(event.done, event.figures)
        self.spread = event.figures.get("spread", self.spread)
        seconds, flops = event.figures["saved_seconds"], event.figures["saved_flops"]
        self.saved = {"seconds": seconds, "flops": flops}
        self.changed.emit()

    def on_end(self, event: Ended) -> None:
        run, self.stopping = event.of(Tuned)["run"] if event.how == "done" else self.run, ""
        if event.how == "cancelled" and self.job in TRAINS and self.plan is not None:
            self.tell(PAUSED)
        self.changed.emit()
        self.ended.emit(run)
