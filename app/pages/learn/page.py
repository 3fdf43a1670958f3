"""The Learn page: learn, read how well it went, see what is wrong; the method is in Details."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFileDialog, QListView, QPushButton, QStackedWidget, QWidget

from app.bridge import Bridge
from app.pages.images.camera import CameraDialog
from app.pages.learn.again import AgainHint
from app.pages.learn.details import Details
from app.pages.learn.scores import Scores
from app.pages.learn.steps import StepRows, StepTile
from app.pages.learn.stream import StreamDialog
from app.shell.preferences import Preferences
from app.widgets.ask import choose_class
from app.widgets.controls import (
    EDGES,
    beside,
    button,
    column,
    label,
    laid_out,
    named,
    reach,
    row,
    rule,
)
from app.widgets.drops import Drops, Take
from app.widgets.empty import EmptyState
from app.widgets.label_files import submit_added
from app.widgets.rows import ROW
from app.widgets.thumbs import Thumbnails
from engine.events import Ended, ProjectView, Started, Step, StepView
from engine.results.learn import Learners
from engine.system.words import listed, plural, whole

LEARNING = (
    *("learn", "learn_folder", "learn_frames", "learn_labels"),
    *("forget", "return_to_step", "set_recent"),
)
EXACT = "The result is equal to learning everything at once, in whatever order classes came."
WIDTH = 264


def all_learnt(classes: int) -> str:
    """That nothing waits, for so many classes."""
    if classes == 1:
        return "The class is learnt."
    who = "Both classes" if classes == 2 else f"All {plural(classes, 'class')}"
    return f"{who} are learnt. {EXACT}"


class LearnPage(QWidget):
    """Learns what is not learnt yet, and shows how well it went."""

    again_asked = Signal(str)
    """Images are to be looked at again: those of a list."""

    def __init__(
        self, bridge: Bridge, thumbs: Thumbnails, preferences: Preferences, take: Take
    ) -> None:
        """`take` is asked first with what was dropped: it may belong elsewhere."""
        super().__init__()
        self.take = take
        self.setObjectName("page")
        self.bridge, self.preferences, self.thumbs = bridge, preferences, thumbs
        self.project: ProjectView | None = None
        self.learning: int | None = None
        self.news = label("", "muted", wrap=True)
        self.again = AgainHint(bridge, self.again_asked.emit)
        self.details = Details(taken="lcfrsabmuwigokyn")
        self.learner, self.form = self.details.learner, self.details.form
        self.scores = Scores(bridge, thumbs)
        self.steps = QListView()
        self.rows = StepRows()
        self.make_buttons()
        self.empty = EmptyState(
            "learn",
            "Nothing to learn yet",
            "Each folder of images becomes a class, and is learnt in seconds.",
            self.folder_button,
            self.first_camera,
        )
        self.second = EmptyState(
            "learn",
            "One class can't be taken for another",
            "With a second class there is something to tell apart, and an accuracy.",
            self.second_button,
        )
        self.lay_out()
        self.connect_all()

    def lay_out(self) -> None:
        """What to learn with on the left, what came of it on the right."""
        self.fit_steps()
        self.pages, self.right = QStackedWidget(), QStackedWidget()
        self.right.addWidget(self.scores)
        self.right.addWidget(self.second)
        both = QWidget()
        both.setLayout(row(self.left_side(), self.right, gap=16))
        laid_out(both).setStretch(1, 1)
        self.pages.addWidget(self.empty)
        self.pages.addWidget(both)
        self.setLayout(column(self.pages, edge=16))
        self.setFocusProxy(self.learn_button)

    def fit_steps(self) -> None:
        self.steps.setObjectName("bare")
        self.steps.setModel(self.rows)
        self.steps.setItemDelegate(StepTile(self.steps))
        self.steps.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.steps.setMinimumHeight(112)
        named(self.steps, "Steps of learning", "Choose a step to return to it")
        reach(self.steps, "Alt+S")

    def make_buttons(self) -> None:
        """The gestures of this page."""
        self.learn_button = button(
            "Learn",
            "Learns all images that are not learnt yet",
            self.learn,
            key="Ctrl+L",
            icon="learn",
            kind="primary",
        )
        self.forget_button = button(
            "Forget a class …",
            "Unlearns a class exactly, as if it had never been learnt; its images stay",
            self.forget,
            key="Ctrl+Shift+F",
            icon="forget",
        )
        self.stream_button = button(
            "A stream …",
            "Asks new images in the order of their time, and says since when any look different",
            self.show_stream,
            key="Ctrl+Shift+J",
            icon="history",
        )
        self.return_button = button(
            "Return to this step",
            "Uses the model of the chosen step again; later steps are kept",
            self.return_to_step,
            key="Ctrl+Backspace",
            icon="history",
        )
        self.camera_button, self.first_camera = self.camera(), self.camera()
        self.folder_button = self.adding("Choose a folder")
        self.second_button = self.adding("Add a second class")

    def adding(self, text: str) -> QPushButton:
        """A button of what is to be done while there are no two classes."""
        help = "Adds a folder of images, and learns it"
        key = "Ctrl+Shift+I"
        return button(text, help, self.add_folder, key=key, icon="folder", kind="primary")

    def camera(self) -> QPushButton:
        """A button that opens a camera: one stands where nothing is learnt yet, one beside it."""
        help = "Hold a button, and what a camera sees is learnt as a class"
        return button("From a camera …", help, self.open_camera, key="Ctrl+Shift+K")

    def left_side(self) -> QWidget:
        """The button and what is learnt, the details, and from the second step on the steps."""
        self.steps_part, inside, made = QWidget(), QWidget(), QWidget()
        heading = label("Steps of learning", "heading")
        self.steps_part.setLayout(column(rule(), heading, self.steps, self.return_button))
        laid_out(self.steps_part).setStretch(2, 1)
        first = column(self.learn_button, self.camera_button)
        upper = column(first, self.news, self.again, rule(), self.details)
        inside.setLayout(column(upper, self.steps_part, 0, self.stream_button, self.forget_button))
        laid_out(inside).setStretch(1, 99)  # the steps take what the space below them would
        made.setObjectName("card")
        made.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        made.setFixedWidth(WIDTH)
        made.setLayout(column(beside(inside)))
        laid_out(made).setContentsMargins(*EDGES)
        return made

    def connect_all(self) -> None:
        Drops(self, "Drop to add these images and learn them").dropped.connect(self.add)
        self.bridge.changed.connect(self.show_project)
        self.bridge.started.connect(self.on_started)
        self.bridge.step.connect(self.on_step)
        self.bridge.ended.connect(self.on_ended)
        self.details.recent.chosen.connect(
            lambda images, days: self.bridge.submit("set_recent", images=images, days=days)
        )
        self.steps.selectionModel().selectionChanged.connect(lambda *_: self.refresh_tools())

    # Showing.

    def show_project(self, project: ProjectView | None) -> None:
        """Shows the project of now: its method, its steps, and its scores."""
        other = project is None or self.project is None or project.path != self.project.path
        self.project = project
        self.again.show_project(project)
        if project is None or not project.classes:
            self.pages.setCurrentWidget(self.empty)
            return
        self.pages.setCurrentIndex(1)
        if not self.details.plugins:
            self.bridge.ask("learners", self.take_learners)
        elif other:
            self.details.show_method(project.learner, project.settings)
        step = project.current_step
        known = len(step.classes) if step else len(project.classes)
        self.right.setCurrentWidget(self.second if known == 1 else self.scores)
        self.rows.show_steps(project.steps)
        self.steps_part.setVisible(len(project.steps) > 1)
        self.details.recent.show_project(project)
        self.details.show_step(step, len(project.steps))
        self.scores.show_project(project)
        self.refresh_tools()

    def take_learners(self, ended: Ended) -> None:
        if ended.how == "done":
            found = ended.of(Learners)["learners"]
            self.details.show_plugins(found)
            self.rows.know(found)
            if self.project is not None:
                self.details.show_method(self.project.learner, self.project.settings)

    def refresh_tools(self) -> None:
        """Says what is not learnt yet, and enables what can be done now."""
        project = self.project
        if project is None:
            return
        fresh = [c.name for c in project.classes if not c.learnt and c.train]
        busy = self.learning is not None
        self.learn_button.setEnabled(not busy and not project.read_only)
        self.forget_button.setEnabled(any(c.known for c in project.classes) and not busy)
        chosen = self.chosen_step()
        self.return_button.setEnabled(chosen is not None and not chosen.current and not busy)
        for made in (self.folder_button, self.second_button, self.camera_button, self.first_camera):
            made.setEnabled(not busy and not project.read_only)
        if busy:
            return
        if fresh:
            self.news.setText(f"Not learnt yet: {listed(fresh, 3)}")
        else:
            self.news.setText(all_learnt(len(project.classes)))

    def chosen_step(self) -> StepView | None:
        index = self.steps.currentIndex()
        return index.data(ROW) if index.isValid() else None

    # During a job.

    def on_started(self, ticket: int, event: Started) -> None:
        if event.job in LEARNING:
            self.learning = ticket
            self.scores.begin_live()
            self.news.setText("Learning …")
            self.refresh_tools()

    def on_step(self, ticket: int, event: Step) -> None:
        if ticket == self.learning:
            right = event.figures.get("accuracy")
            so_far = "" if right is None else f" · {whole(right)} right so far"
            self.news.setText(f"Learning {event.done:,} of {event.total:,}{so_far}")
            self.scores.add_live(event.done, event.total, event.figures)

    def on_ended(self, ticket: int, event: Ended) -> None:
        if ticket == self.learning:
            self.learning = None
            self.scores.begin_live()
            if self.project is not None:
                self.show_project(self.project)

    # Gestures.

    def learn(self) -> None:
        """Learns what there is; where all is learnt, says so, and what can be redone stays."""
        learner, settings = self.learner.currentData() or "", self.form.values
        if self.is_learnt(learner, settings):
            self.news.setText(
                "Nothing new to learn. Add images, or choose another method under Details."
            )
        else:
            self.bridge.submit("learn", learner=learner, settings=settings)

    def is_learnt(self, learner: str, settings: Mapping[str, Any]) -> bool:
        """Whether the step in use has learnt all images with this method and network."""
        project = self.project
        step = project.current_step if project is not None else None
        if project is None or step is None or not all(c.learnt for c in project.classes):
            return False
        return (step.learner, dict(step.settings)) == (learner, dict(settings))

    def add_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Choose a folder of images")
        if path:
            self.add([path])

    def open_camera(self) -> None:
        if self.project is not None and not self.project.read_only:
            names = [c.name for c in self.project.classes]
            CameraDialog(self.bridge, self.preferences, self.window(), names, "").open()

    def add(self, paths: list[str]) -> None:
        """Adds what was dropped or chosen, and learns it."""
        copy = self.preferences.get("copy_images", False)
        nested = bool(self.preferences.get("nested_classes", False))
        self.take(paths, lambda: submit_added(self.bridge, paths, True, copy, nested))

    def show_stream(self) -> None:
        """Opens the stream beside the window, where it stays while one goes on; or comes back to
        it, where it is open."""
        if self.project is None:
            return
        known = self.window().findChildren(StreamDialog)
        there = [dialog for dialog in known if dialog.isVisible()]
        dialog = there[0] if there else StreamDialog(self.bridge, self.thumbs, self.window())
        dialog.show()
        dialog.raise_()
        dialog.activateWindow()

    def forget(self) -> None:
        known = [c.name for c in self.project.classes if c.known] if self.project else []
        if known:
            title = "Forget a class, exactly: as if it had never been learnt. Its images stay."
            name = choose_class(self, title, known, fixed=True)
            if name:
                self.bridge.submit("forget", name=name)

    def return_to_step(self) -> None:
        step = self.chosen_step()
        if step is not None:
            self.bridge.submit("return_to_step", step=step.id)
