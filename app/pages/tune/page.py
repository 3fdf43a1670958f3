"""The Tune page: teach the network itself, watch how its stages learn, compare runs, adopt one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from PySide6.QtCore import QTimer
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QBoxLayout, QStackedWidget, QWidget

from app.bridge import Bridge
from app.pages.branches.dialog import opener
from app.pages.tune.form import TuneForm
from app.pages.tune.live import LiveRun
from app.pages.tune.preview import PreviewDialog
from app.pages.tune.runs import RunTable
from app.pages.tune.verdict import RunCard
from app.pages.tune.watch import Watch
from app.widgets.ask import confirm
from app.widgets.controls import Yielding, button, card, column, label, laid_out, row, scrolled
from app.widgets.next_step import NextStep
from engine.events import Ended, LayerPlan, LayerState, ProjectView, Step
from engine.results.tune import RunDetails, RunRow, Runs, TuningChoices
from engine.system.words import plural

JOBS = ("tune", "adapt", "resume_run", "finish_run", "adopt_run", "discard_run", "remove_run")
"""Jobs of this page; while one of them runs none can be asked for."""
NO_RUNS = "No runs"
EVERY = 100
"""Milliseconds between two looks at a run that goes on."""
HEIGHT = 136
"""Pixels of the table: its titles and four runs."""
CARD, WIDEST = 364, 16_777_215
"""Pixels of the card where it stands beside the table; what Qt takes for no limit."""
AROUND = 78
"""Pixels around form, table and card: edges, gaps, and the bar that scrolls."""
LOW = 232
"""Pixels of the card where it stands below the table."""


class TunePage(QWidget):
    """Form on the left; the runs, the chosen one in words, and its plots on the right."""

    def __init__(self, bridge: Bridge, tell: Callable[..., object]) -> None:
        super().__init__()
        self.setObjectName("page")
        self.bridge = bridge
        self.project: ProjectView | None = None
        self.shown: tuple[object, ...] = ()
        self.stale = True
        self.question = 0
        self.tickets: set[int] = set()
        self.details: dict[int, RunDetails] = {}
        self.asked: dict[int, int] = {}
        # What is seen here need not be told in a message too.
        self.live = LiveRun(bridge, lambda text: self.isVisible() or tell(text), self)
        self.form = TuneForm(bridge)
        self.table = RunTable()
        self.card = RunCard()
        self.watch = Watch()
        self.soon = QTimer(self, singleShot=True, interval=EVERY)
        self.make_buttons()
        self.lay_out()
        self.connect_all()

    # Layout.

    def make_buttons(self) -> None:
        """What can be done with chosen runs."""
        self.repeat_button = button(
            "Repeat with one change",
            "Fills the form with the settings of the chosen run",
            self.repeat,
            key="Ctrl+R",
            icon="repeat",
            kind="quiet",
        )
        self.remove_button = button(
            "Remove …",
            "Removes the chosen runs with their curves; a network in use stays",
            self.remove,
            key="Ctrl+Delete",
            icon="remove",
            kind="quiet",
        )

    def lay_out(self) -> None:
        """The right side scrolls where the window is small."""
        self.nothing = NextStep(
            self.bridge,
            "tune",
            "Nothing to tune yet",
            text="Tuning teaches the network itself to see what tells your classes apart; without "
            "it only the head above it learns. Learn two classes first: drop folders of images on "
            "the Images page.",
            least=2,
        )
        self.count = label(NO_RUNS, "heading")
        tools = row(self.count, 0, self.repeat_button, self.remove_button, gap=0)
        self.runs = card(tools, self.table, edge=12)
        self.above = row(self.runs, self.card, gap=16)
        self.above.setStretch(0, 1)
        right = QWidget()
        right.setLayout(column(self.above, self.watch, gap=16))
        laid_out(right).setStretch(1, 1)
        both = QWidget()
        both.setLayout(row(self.form, scrolled(right, Yielding), gap=16))
        laid_out(both).setStretch(1, 1)
        self.table.setFixedHeight(HEIGHT)
        self.pages = QStackedWidget()
        for page in (self.nothing, both):
            self.pages.addWidget(page)
        self.setLayout(column(self.pages, edge=16))
        self.setFocusProxy(self.form.way)

    def connect_all(self) -> None:
        """The engine, the run that goes on, and the parts of the page."""
        self.bridge.changed.connect(self.show_project)
        self.bridge.submitted.connect(self.on_submitted)
        self.bridge.step.connect(self.on_step)
        self.bridge.ended.connect(self.on_ended)
        self.live.changed.connect(lambda: self.soon.isActive() or self.soon.start())
        self.soon.timeout.connect(self.show_live)
        self.live.planned.connect(self.on_plan)
        self.live.stated.connect(self.on_state)
        self.live.ended.connect(self.on_live_ended)
        self.form.started.connect(lambda job, asked: self.bridge.submit(job, **asked))
        self.form.preview_asked.connect(self.preview)
        self.form.branches_asked.connect(opener(self.bridge, self.live.tell, self))
        self.table.chosen.connect(lambda _: self.show_chosen())
        self.card.pause_asked.connect(self.live.pause)
        self.card.finish_asked.connect(self.finish)
        for asked, job in (
            (self.card.resume_asked, "resume_run"),
            (self.card.adopt_asked, "adopt_run"),
            (self.card.keep_asked, "discard_run"),
        ):
            asked.connect(lambda job=job: self.do(job))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """What stands side by side stands in one column where there is no room for it."""
        super().resizeEvent(event)
        room = self.width() - self.form.width() - AROUND
        beside = room >= self.runs.minimumSizeHint().width() + CARD
        across, down = QBoxLayout.Direction.LeftToRight, QBoxLayout.Direction.TopToBottom
        self.above.setDirection(across if beside else down)
        self.card.setMaximumWidth(CARD if beside else WIDEST)
        self.card.setMinimumSize(CARD if beside else 0, 0 if beside else LOW)
        self.watch.put_beside(beside)

    # Showing.

    def show_project(self, project: ProjectView | None) -> None:
        """Reads the runs anew after each change; the ways to tune once for each network."""
        if project is None or self.project is None or project.path != self.project.path:
            self.forget()
        self.project = project
        self.nothing.show_project(project)
        enough = project is not None and sum(c.known for c in project.classes) >= 2
        self.pages.setCurrentIndex(1 if enough else 0)
        self.stale = True
        now: tuple[object, ...] = ()
        if project is not None and enough:
            images = tuple((c.name, c.train, c.validation) for c in project.classes)
            now = (project.path, project.backbone, project.input_size, images)
        if now != self.shown:
            self.shown = now
            self.form.forget_time()
        self.read()

    def forget(self) -> None:
        """Another project: nothing of the last one stays."""
        self.shown, self.details = (), {}
        self.form.plugins = {}
        self.table.show_runs([], 0)
        self.show_chosen()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.read()
        self.show_live()

    def read(self) -> None:
        """Asks for the runs while the page is looked at."""
        if not self.shown or not self.isVisible():
            return
        if not self.form.plugins:
            self.bridge.ask("tuning_choices", self.take_ways)
        else:
            self.form.ask_if_needed()
        if self.stale:
            self.stale = False
            self.bridge.drop(self.question)
            self.question = self.bridge.ask("list_runs", self.take_runs)

    def take_ways(self, ended: Ended) -> None:
        """The tuners and schedules of the form."""
        if ended.how == "done" and not self.form.plugins:
            found = ended.of(TuningChoices)
            self.table.runs.know("tuner", (*found["tuners"], *found["methods"]))
            self.table.runs.know("schedule", found["schedules"])
            self.form.show_ways(found)

    def take_runs(self, ended: Ended) -> None:
        """The runs, newest first. A new one that goes on is the newest."""
        if ended.how != "done":
            self.stale = True
            return
        runs = ended.of(Runs)["runs"]
        going = self.live.running and self.live.plan is not None
        if going and not self.live.run:
            self.live.know(runs[0])
            self.table.choose([])
        live = self.live.run if self.live.running else 0
        now = {run["id"]: told(run) for run in runs}
        self.details = {n: d for n, d in self.details.items() if now.get(n) == told(d)}
        self.table.show_runs(runs, live)
        self.count.setText(plural(len(runs), "run").capitalize() if runs else NO_RUNS)
        if not self.table.selected() and runs and (live or not self.live.running):
            self.table.choose([live or offered(runs)])
        else:
            self.show_chosen()

    @property
    def accuracy(self) -> float | None:
        """That of the network in use, which a run is to beat."""
        step = self.project.current_step if self.project is not None else None
        return step.accuracy if step is not None else None

    @property
    def watches_live(self) -> bool:
        """Whether what is looked at is the run that goes on."""
        chosen = self.table.selected()
        return self.live.running and chosen in ([], [self.live.run])

    def show_chosen(self) -> None:
        """The chosen runs in words and in plots: what is not known of them is asked for."""
        chosen = [self.table.run(number) for number in self.table.selected()]
        self.live.curves.beside_current(self.accuracy)
        if self.watches_live:
            self.watch.show_live(self.live)
        elif not chosen:
            self.card.show_nothing()
            self.watch.clear()
        else:
            self.ask_details([run["id"] for run in chosen])
            if len(chosen) == 1:
                self.card.show_run(chosen[0], bool(self.tickets))
            else:
                self.card.show_several(chosen)
        self.show_live()
        self.refresh_tools()

    def ask_details(self, numbers: list[int]) -> None:
        """Shows the curves of these runs, once all are known."""
        for number in numbers:
            if number not in self.details and number not in self.asked:
                take = partial(self.take_details, number)
                self.asked[number] = self.bridge.ask("run_details", take, run=number)
        if all(number in self.details for number in numbers):
            runs = [self.details[number] for number in numbers]
            self.watch.show_runs(runs, self.table.runs, self.accuracy)

    def take_details(self, number: int, ended: Ended) -> None:
        self.asked.pop(number, None)
        if ended.how == "done":
            self.details[number] = ended.of(RunDetails)
            chosen = self.table.selected()
            if number in chosen and not self.watches_live:
                self.ask_details(chosen)

    def refresh_tools(self) -> None:
        """What can be done now with the chosen runs."""
        chosen, busy = self.table.selected(), bool(self.tickets)
        self.repeat_button.setEnabled(len(chosen) == 1 and not busy)
        self.remove_button.setEnabled(bool(chosen) and not busy)

    # During a run.

    def show_live(self) -> None:
        """The card, and what the plots show, while the run that goes on is looked at."""
        self.soon.stop()
        if self.watches_live and self.isVisible():
            self.card.show_live(self.live)
            self.watch.follow(self.live)

    def on_plan(self, plan: LayerPlan) -> None:
        """The run has its number from here on."""
        if self.watches_live:
            self.watch.layers.plan(plan)
        self.stale = True
        self.read()

    def on_state(self, state: LayerState) -> None:
        if self.watches_live:
            self.watch.show_state(state)

    def on_step(self, ticket: int, event: Step) -> None:
        """The row of the run tells how far it is at the end of each epoch."""
        if ticket == self.live.ticket and "epoch" in event.figures:
            self.table.runs.tell(
                self.live.run,
                epochs_done=event.figures["epoch"],
                seconds=event.figures["seconds"],
                best_accuracy=self.live.curves.best,
            )

    def on_submitted(self, ticket: int, job: str) -> None:
        """While something of this page runs, nothing else of it can be begun."""
        if job not in JOBS:
            return
        self.tickets.add(ticket)
        self.form.set_busy(True)
        if job in ("tune", "adapt"):
            self.table.choose([])
        elif job in ("resume_run", "finish_run") and self.live.run in self.details:
            self.live.go_on_from(self.details[self.live.run])
        self.table.runs.live = self.live.run if self.live.running else 0
        self.show_chosen()

    def on_ended(self, ticket: int, event: Ended) -> None:
        if ticket in self.tickets:
            self.tickets.discard(ticket)
            self.form.set_busy(bool(self.tickets))
            self.stale = True
            self.read()
            self.refresh_tools()

    def on_live_ended(self, run: int) -> None:
        """What came of it is looked at, where nothing else was chosen."""
        self.details.pop(run, None)
        self.table.runs.live = 0

    # Gestures.

    def chosen(self) -> int:
        """The one chosen run, or 0: a key acts a moment after it is pressed, when none may be."""
        runs = self.table.selected()
        return runs[0] if len(runs) == 1 else 0

    def do(self, job: str) -> None:
        """A job for the one run that is chosen."""
        if run := self.chosen():
            more = {"adopt": self.form.adopt.currentData()} if job == "resume_run" else {}
            self.bridge.submit(job, run=run, **more)

    def finish(self) -> None:
        """Stops the run that goes on, or ends one that is paused."""
        if self.watches_live:
            self.live.finish()
        elif run := self.chosen():
            self.bridge.submit("finish_run", run=run, adopt=self.form.adopt.currentData())

    def repeat(self) -> None:
        """The form as it was for the chosen run; a person changes one thing."""
        if number := self.chosen():
            run = self.table.run(number)
            self.form.repeat(run["tuner"], run["schedule"], run["settings"])
            self.form.first.setFocus()

    def remove(self) -> None:
        """Asks first: curves and weights can't be brought back."""
        chosen = self.table.selected()
        if not chosen:
            return
        what = f"Run {chosen[0]}" if len(chosen) == 1 else plural(len(chosen), "run")
        text = "Curves and weights go away for good. The network in use stays as it is."
        if confirm(self, f"Remove {what.lower()}?", text, "Remove"):
            for run in chosen:
                self.bridge.submit("remove_run", run=run)

    def preview(self, settings: Mapping[str, Any]) -> None:
        PreviewDialog(self.bridge, settings, self.window()).open()


def told(run: RunRow) -> tuple[object, ...]:
    """What changes of a run when more is known of it."""
    return run["state"], run["epochs_done"], run["seconds"]


def offered(runs: list[RunRow]) -> int:
    """The run to look at first: the newest that can go on, or else the newest."""
    going = [run["id"] for run in runs if run["state"] in ("running", "paused")]
    return (going or [runs[0]["id"]])[0]
