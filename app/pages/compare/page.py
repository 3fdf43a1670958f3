"""The Compare page: which way to learn is best on one's own images, and one click to use it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QButtonGroup, QStackedWidget, QToolButton, QWidget

from app.bridge import Bridge
from app.pages.compare.beside import Beside
from app.pages.compare.classes import ClassTable
from app.pages.compare.curves import Curves
from app.pages.compare.form import StudyForm
from app.pages.compare.live import LiveStudy
from app.pages.compare.saving import save_button
from app.pages.compare.table import StudyTable, height_of, lines_of
from app.study_files import earlier_said
from app.widgets.class_plots import BarPlot, ClassBar
from app.widgets.controls import (
    Yielding,
    button,
    card,
    column,
    label,
    laid_out,
    named,
    reach,
    row,
    scrolled,
)
from app.widgets.empty import Either
from app.widgets.next_step import NextStep
from app.widgets.thumbs import Thumbnails
from engine.events import Ended, ProjectView, Saved
from engine.results.compare import LastStudy, StudyChoices, StudyRow

EMPTY_STUDY: LastStudy = {"asked": None, "study": None, "done": False, "changed": ""}
START = (
    "Ways to learn are tried on your images, each judged by the same held-out images: with the "
    "network as it is, or with more and more of it trained. Nothing of the project changes until "
    "you use one. Choose on the left, and press Compare."
)
CHANGED = {
    "network": "Another network is in use than when this was measured.",
    "images": "Your images changed since this was measured: compare anew.",
}
STOPPED = "{} of {} measured. What is done is kept: go on when you like."
CLASSES = "Accuracy of each class, lowest first"
VIEWS = (
    ("Learning curves", "Alt+1"),
    ("Classes", "Alt+2"),
    ("Side by side", "Alt+3"),
    ("All rows by class", "Alt+4"),
)
MOST = 6
"""Rows of the table that are seen at once."""


class ComparePage(QWidget):
    """Form on the left; on the right the reading, the table, and what lies behind a row."""

    def __init__(self, bridge: Bridge, thumbs: Thumbnails, tell: Callable[..., object]) -> None:
        super().__init__()
        self.setObjectName("page")
        self.bridge = bridge
        self.project: ProjectView | None = None
        self.shown: tuple[object, ...] = ()
        self.last = EMPTY_STUDY
        self.stale, self.busy, self.chosen_once = True, 0, False
        self.choosing = self.question = 0
        self.live = LiveStudy(bridge, lambda text: self.isVisible() or tell(text), self)
        self.form = StudyForm(bridge)
        self.table = StudyTable()
        self.curves = Curves(bridge)
        self.bars = BarPlot(CLASSES, "Choose a row above: its classes are drawn here.")
        self.beside, self.by_class = Beside(bridge, thumbs), ClassTable()
        self.make_buttons(tell)
        self.lay_out()
        self.connect_all()

    # Layout.

    def make_buttons(self, tell: Callable[..., object]) -> None:
        """What can be done with a study, and with one of its rows."""
        self.pause_button = button(
            "Pause",
            "Stops at the next step; what was measured is kept",
            self.live.pause,
            key="Ctrl+Shift+P",
        )
        self.go_on_button = button(
            "Go on",
            "Measures what is missing of this study, from where it was",
            self.go_on,
            key="Ctrl+Shift+P",
            kind="primary",
        )
        self.drop_button = button(
            "Discard",
            "Stops, and forgets this study; rows that were measured need not be measured again",
            self.drop,
            key="Ctrl+Shift+D",
        )
        help = "Goes on with the network and the learner of the chosen row; undo goes back"
        self.use_button = button("Use this", help, self.use, key="Ctrl+U")
        self.save_button = save_button(self, lambda: self.last["study"], tell)

    def lay_out(self) -> None:
        """The right side scrolls where the window is small."""
        self.nothing = NextStep(
            self.bridge,
            "compare",
            "Nothing to compare yet",
            text="Here ways to learn are tried on your images, to see which is best. Learn two "
            "classes first: drop folders of images on the Images page.",
            least=2,
        )
        self.said = label(START, wrap=True)
        self.state = label("", "muted", wrap=True)
        left = self.pause_button, self.go_on_button, self.drop_button
        tools = row(*left, 0, self.save_button, self.use_button)
        self.results = card(self.said, self.state, self.table, tools, edge=12)
        named(self.bars, CLASSES, "Arrow keys read values; Ctrl+S saves the plot")
        reach(self.bars, "Alt+K")
        self.bars.setToolTip("")
        self.views = QStackedWidget()
        bars = scrolled(self.bars, Yielding)
        for view in (self.curves, bars, self.beside, self.by_class):
            self.views.addWidget(view)
        self.group, switch = QButtonGroup(self), row(gap=2)
        self.switches = [self.switch(at, *view) for at, view in enumerate(VIEWS)]
        for made in self.switches:
            switch.addWidget(made)
        switch.addStretch(1)
        below = card(switch, self.views, edge=12)
        laid_out(below).setStretch(1, 1)
        self.views.setMinimumHeight(256)
        right = QWidget()
        right.setLayout(column(self.results, below, gap=16))
        laid_out(right).setStretch(1, 1)
        self.work = QWidget()
        self.work.setLayout(row(self.form, scrolled(right, Yielding), gap=16))
        laid_out(self.work).setStretch(1, 1)
        self.pages = Either(self.nothing, self.work)
        self.setLayout(column(self.pages, edge=16))
        self.setFocusProxy(self.form.preset)
        self.switches[0].setChecked(True)

    def switch(self, at: int, text: str, key: str) -> QToolButton:
        """One of the views below the table."""
        made = QToolButton()
        made.setObjectName("scale")
        made.setText(text)
        made.setCheckable(True)
        named(made, text, f"Shows below the table: {text.lower()}", key)
        made.setShortcut(key)
        self.group.addButton(made)

        def toggled(on: bool) -> None:
            if on:
                self.views.setCurrentIndex(at)
                self.show_chosen()

        made.toggled.connect(toggled)
        return made

    def connect_all(self) -> None:
        self.bridge.changed.connect(self.show_project)
        self.bridge.submitted.connect(self.on_submitted)
        self.bridge.saved.connect(self.on_saved)
        self.bridge.ended.connect(self.on_ended)
        self.live.changed.connect(self.refresh)
        self.form.started.connect(lambda settings: self.bridge.submit("compare", **settings))
        self.table.chosen.connect(lambda _: self.show_chosen())

    # Showing.

    def show_project(self, project: ProjectView | None) -> None:
        """Reads the last study anew after each change; strategies once for a network."""
        if project is None or self.project is None or project.path != self.project.path:
            self.forget()
        self.project = project
        self.nothing.show_project(project)
        enough = project is not None and sum(c.known for c in project.classes) >= 2
        self.pages.setCurrentWidget(self.work if enough else self.nothing)
        now: tuple[object, ...] = ()
        if project is not None and enough:
            images = tuple((c.name, c.train, c.validation) for c in project.classes)
            now = (project.path, project.backbone, project.input_size, images)
            self.curves.show_classes({c.name: c.train for c in project.classes if c.known})
        if now != self.shown:
            self.shown, self.chosen_once = now, False
        self.stale = True
        self.read()
        self.beside.renew()

    def forget(self) -> None:
        """Another project: nothing of the last one stays."""
        self.last, self.shown, self.chosen_once = EMPTY_STUDY, (), False
        self.beside.offered = None
        for ticket in (self.choosing, self.question):
            self.bridge.drop(ticket)
        self.choosing = self.question = 0
        self.form.forget()
        self.curves.typed = False
        self.show_last()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.read()
        self.form.ask_soon()

    def read(self) -> None:
        """Asks for what is not known, while the page is looked at."""
        if not self.shown or not self.isVisible():
            return
        if not self.chosen_once:
            self.bridge.drop(self.choosing)
            self.choosing = self.bridge.ask("study_choices", self.take_choices)
        if self.stale:
            self.stale = False
            self.bridge.drop(self.question)
            self.question = self.bridge.ask("last_study", self.take_last)

    def take_choices(self, ended: Ended) -> None:
        self.choosing = 0
        if ended.how == "done":
            self.chosen_once = True
            self.form.show_choices(ended.of(StudyChoices))
            if self.last["asked"]:
                self.form.show_asked(self.last["asked"])
            self.show_last()

    def take_last(self, ended: Ended) -> None:
        """The study as it stands; the form as it was for it, where it was found again."""
        self.question = 0
        if ended.how != "done":
            self.stale = True
            return
        found, before = ended.of(LastStudy), self.last["asked"]
        self.last = found
        if found["asked"] and found["asked"] != before and not self.live.running:
            self.form.show_asked(found["asked"])
        self.show_last()

    def show_last(self) -> None:
        """The reading, the rows, and what lies behind the chosen one."""
        study = self.last["study"]
        said = study["said"] if study and study["rows"] else ""
        self.said.setText(said or START)
        lines = lines_of(self.last, self.form.titles, self.live.running)
        self.table.setFixedHeight(height_of(min(max(len(lines), 1), MOST)))
        self.table.show_lines(lines)
        self.curves.show_study(study)
        self.by_class.shares.show(study)
        self.refresh()

    def refresh(self) -> None:
        """How far it is, and what can be done now."""
        last, running = self.last, self.live.running
        study, there = last["study"], last["asked"] is not None
        done = len(study["rows"]) + len(study["left_out"]) if study else 0
        wanted = study["wanted"] if study else 0
        said = CHANGED.get(last["changed"], "") if study and study["rows"] else ""
        if running:
            said = self.live.said
        elif there and not last["done"] and not last["changed"]:
            said = STOPPED.format(min(done, wanted), wanted or "the strategies")
        elif not said and (earlier := earlier_said(study) if study else ""):
            said = f"{earlier} Discard begins anew."
        self.state.setText(said)
        self.state.setVisible(bool(said))
        for made, shown in (
            (self.pause_button, running),
            (self.go_on_button, there and not running and not last["done"]),
            (self.drop_button, there),
        ):
            made.setVisible(shown)
        self.go_on_button.setEnabled(not self.busy)
        self.drop_button.setEnabled(not self.live.stopping)
        self.pause_button.setEnabled(not self.live.stopping)
        self.save_button.setEnabled(bool(study and study["rows"]))
        self.form.set_busy(running)
        self.refresh_use()

    def refresh_use(self) -> None:
        """Whether the chosen row can be used, and why not."""
        row, help = self.chosen(), self.use_button.accessibleDescription()
        why = row["useless"] if row else "Choose a row of the table first."
        if row and not why and self.last["changed"]:
            why = CHANGED[self.last["changed"]] + " Undo goes back to what it was."
        self.use_button.setEnabled(not why and not self.busy and not self.live.running)
        self.use_button.setToolTip(why or f"{help} (Ctrl+U)")

    def chosen(self) -> StudyRow | None:
        """The one row that is chosen."""
        names = self.table.selected()
        return self.table.row(names[0]) if len(names) == 1 else None

    def show_chosen(self) -> None:
        """The classes of the chosen row, and its images beside those of another."""
        row, names = self.chosen(), self.table.selected()
        shares = row["per_class"].items() if row else ()
        images = {c.name: c.validation for c in self.project.classes} if self.project else {}
        bars = [ClassBar(name, share, None, images.get(name)) for name, share in shares]
        self.bars.title = f"{row['title']}: {CLASSES.lower()}" if row else CLASSES
        self.bars.setAccessibleName(self.bars.title)
        self.bars.show_bars(bars)
        self.beside.show_rows(self.pair(names))
        self.refresh_use()

    def pair(self, names: list[str]) -> tuple[str, str] | None:
        """Two rows to put side by side: one alone goes beside the best, that beside the next."""
        measured = [line.name for line in self.table.lines.rows if line.row is not None]
        if len(names) == 1:
            names = [*names, *(name for name in measured if name != names[0])][:2]
        return (names[0], names[1]) if len(names) == 2 else None

    # What happens.

    def on_submitted(self, ticket: int, job: str) -> None:
        if job == "use_row":
            self.busy = ticket
            self.refresh()

    def on_saved(self, ticket: int, event: Saved) -> None:
        """A row is measured: the table has it."""
        if event.what == "study":
            self.stale = True
            self.read()
            self.beside.renew()

    def on_ended(self, ticket: int, event: Ended) -> None:
        if ticket == self.busy:
            self.busy = 0
        self.stale = True
        self.read()
        self.refresh()
        self.beside.renew()

    # Gestures.

    def go_on(self) -> None:
        """Goes on with the study as it was asked for, whatever the form says by now."""
        if (asked := self.last["asked"]) and not self.live.running:
            self.bridge.submit("compare", **asked)

    def drop(self) -> None:
        """Stops it where it goes on, and forgets it."""
        if self.live.running:
            self.live.pause()
        self.bridge.submit("drop_study")

    def use(self) -> None:
        if row := self.chosen():
            self.bridge.submit("use_row", name=row["name"])
