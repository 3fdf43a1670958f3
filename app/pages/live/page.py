"""The Live page: what a camera, a film or a folder shows, answered as it comes."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QHideEvent, QImage, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QDoubleSpinBox, QFileDialog, QSizePolicy, QStackedWidget, QWidget

from app.bridge import Bridge
from app.pages.live.files import FolderFiles
from app.pages.live.model import ModelChoice
from app.pages.live.presenter import Presenter
from app.pages.live.rules import RuleList
from app.pages.live.watching import Watching
from app.pages.live.why import LiveReason
from app.pages.try_it.answers import LiveBars
from app.shell.preferences import Preferences
from app.widgets.controls import (
    Elided,
    buddy,
    button,
    card,
    column,
    indented,
    label,
    laid_out,
    named,
    row,
    say_on,
)
from app.widgets.drops import Drops
from app.widgets.empty import Either
from app.widgets.images import Picture
from app.widgets.next_step import NextStep
from app.widgets.path_field import PathField
from engine.events import Ended, ProjectView, Watched
from engine.export.endings import is_exported
from engine.system.words import per_cent

FILMS = "Films (*.mp4 *.mov *.avi *.mkv *.webm *.m4v *.mpg *.mpeg *.wmv);;All files (*)"
NOTHING = "What is seen appears here. Nothing is kept of it, and nothing is sent."
ASK = "Choose a camera, a film or a folder, then Start."
FOLDER = "It waits for images that are added to this folder."
HALF_LIFE = (
    "After so many seconds a frame counts half in the mean that is shown; 0 shows each frame "
    "alone. A promise is proven for single images, and so for 0"
)
DROP = "Drop a film or a folder to watch it, or an exported model to ask it"
PARTS = 2
"""Lines of latencies have room, so that nothing moves as they change."""
LATEST = 30
"""Frames over which what drawing takes is averaged."""


class LivePicture(Picture):
    """Shows frames, and says how long it takes to draw one."""

    def __init__(self) -> None:
        super().__init__(NOTHING)
        self.opening = 0.0
        self.spent: deque[float] = deque(maxlen=LATEST)

    def show_frame(self, content: bytes) -> None:
        """A JPEG."""
        clock = time.perf_counter()
        image = QImage.fromData(content)
        self.opening = time.perf_counter() - clock
        self.show_image(image)

    def paintEvent(self, event: QPaintEvent) -> None:
        clock = time.perf_counter()
        super().paintEvent(event)
        if not self.image.isNull():
            self.spent.append(self.opening + time.perf_counter() - clock)

    @property
    def milliseconds(self) -> float:
        return 1000 * sum(self.spent) / len(self.spent) if self.spent else 0.0


class LivePage(QWidget):
    """A source, its picture with the smoothed answer, how fast it goes, and rules. `left` comes
    where no project is open, and one wants back."""

    left = Signal()

    def __init__(
        self, bridge: Bridge, preferences: Preferences, tell: Callable[..., object]
    ) -> None:
        super().__init__()
        self.setObjectName("page")
        self.bridge, self.tell = bridge, tell
        self.project: ProjectView | None = None
        self.watching = Watching(bridge, self)
        self.field = PathField()
        self.image = LivePicture()
        self.why = LiveReason(bridge, self.image, self.image.show_frame)
        self.verdict, self.reason = Elided("", "title"), label("", "muted", wrap=True)
        self.bars = LiveBars()
        self.pace, self.parts = label("", "muted"), label("", "muted", wrap=True)
        self.half_life = indented(QDoubleSpinBox())
        self.files, self.below = FolderFiles(bridge, preferences), QStackedWidget()
        self.rules = RuleList(bridge, preferences, tell)
        self.presenter = Presenter(bridge, preferences, tell, self.watching)
        self.models = ModelChoice(bridge, preferences, tell)
        then = "Then a camera, a film or a folder can be watched here."
        self.empty = NextStep(bridge, "live", "Nothing is learnt yet", then)
        self.empty.add_below(self.models.choice_button("Or choose a model file …", "Ctrl+Shift+L"))
        self.back = button("Back", "Goes back to the start", self.left.emit, key="Alt+Left")
        self.make_controls()
        self.lay_out()
        self.bridge.changed.connect(self.show_project)
        self.watching.answered.connect(self.show_answer)
        self.watching.changed.connect(self.show_running)
        self.watching.ended.connect(self.show_end)
        self.rules.changed.connect(lambda: self.watching.again(rules=self.rules.active))
        self.half_life.valueChanged.connect(lambda value: self.watching.again(half_life=value))
        self.files.changed.connect(self.sort_elsewhere)
        self.field.textChanged.connect(self.show_below)
        self.models.changed.connect(self.show_model)
        Drops(self, DROP).dropped.connect(lambda paths: self.take_drop(paths[0]))
        self.show_project(None)
        self.show_running()

    def make_controls(self) -> None:
        """Names and keys, and what each control does."""
        help = "A camera's number (0 is the first), an address (rtsp:// or http://), a film, or a "
        named(self.field, "Source", help + "folder", "Alt+S")
        self.field.setPlaceholderText("A camera’s number, rtsp://…, a film or a folder")
        self.field.setAcceptDrops(False)
        self.field.returnPressed.connect(self.start)
        named(self.half_life, "Half-life", HALF_LIFE, "Alt+H")
        self.half_life.setRange(0, 60)
        self.half_life.setSingleStep(0.1)
        self.half_life.setDecimals(1)
        self.half_life.setSuffix(" s")
        self.half_life.setValue(0.5)
        self.half_life.setKeyboardTracking(False)
        named(self.image, "Image", "What the source shows now")
        self.image.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        named(self.bars, "Confidences", "The likeliest classes, smoothed over time")
        self.camera = button(
            "Camera", "Watches the first camera", lambda: self.begin_with("0"), key="Ctrl+Shift+K"
        )
        self.film = button("Film …", "Chooses a film", self.choose_film, key="Ctrl+Shift+F")
        self.folder = button(
            "Folder …", "Watches what comes into a folder", self.choose_folder, key="Ctrl+Shift+D"
        )
        self.toggle = button("Start", "", self.start_or_stop, key="Ctrl+Return", kind="primary")

    def lay_out(self) -> None:
        """The source above, the picture on the left, answer and rules on the right."""
        source = row(
            buddy("&Source", self.field),
            self.field,
            self.camera,
            self.film,
            self.folder,
            self.toggle,
        )
        source.setStretch(1, 1)
        policy = QSizePolicy.Policy
        self.image.setSizePolicy(policy.Expanding, policy.Expanding)
        self.bars.setSizePolicy(policy.Expanding, policy.Expanding)
        self.lay_out_below()
        self.parts.setMinimumHeight(PARTS * self.parts.fontMetrics().lineSpacing())
        pace = row(self.pace, 0, self.why.switch)
        left = card(self.why.pair, pace, self.parts, self.why, self.presenter, self.below)
        laid_out(left).setStretch(0, 1)
        answer, rules = card(self.verdict, self.reason, 8, self.bars), card(self.rules)
        laid_out(answer).setStretch(3, 1)
        side = QWidget()
        side.setLayout(column(answer, rules, gap=16))
        laid_out(side).setStretch(0, 1)
        both = QWidget()
        both.setLayout(row(left, side, gap=16))
        laid_out(both).setStretch(0, 1)
        laid_out(both).setStretch(1, 1)
        work = QWidget()
        bar = card(row(self.models, self.back), source, edge=12)
        work.setLayout(column(bar, both, gap=16))
        laid_out(work).setStretch(1, 1)
        self.work = work
        self.pages = Either(self.empty, work)
        self.setLayout(column(self.pages, edge=16))
        self.setFocusProxy(self.field)

    def lay_out_below(self) -> None:
        """What stands below the latencies: of a folder where its files go, else the half-life."""
        smooth = QWidget()
        name = buddy("&Half-life of what was seen", self.half_life)
        smooth.setLayout(row(name, self.half_life, 0))
        for page in (smooth, self.files):
            self.below.addWidget(page)
        self.below.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)

    # Showing.

    def can_watch(self) -> bool:
        return self.models.ready

    def show_model(self) -> None:
        """Another model answers from now on."""
        self.watching.end()
        self.forget()
        self.show_project(self.project)

    def show_project(self, project: ProjectView | None) -> None:
        """What is watched ends with its project."""
        before, self.project = self.project, project
        self.empty.show_project(project)
        self.models.show_project(project)
        self.why.show_exported(bool(self.models.file))
        self.files.show_project(project, bool(self.models.file))
        self.back.setVisible(project is None)
        there = self.can_watch() or project is None or bool(self.models.file)
        self.pages.setCurrentWidget(self.work if there else self.empty)
        if project is None or before is None or before.path != project.path:
            self.watching.end()
            self.forget()
            self.files.forget()
        if self.can_watch():
            self.show_rules(project)
        if not self.can_watch():
            self.watching.end()

    def show_rules(self, project: ProjectView | None) -> None:
        """The rules and the spoken words of whoever answers."""
        if self.models.file:
            self.rules.show_file(self.models.path, self.models.names)
        elif project is not None:
            self.rules.show_project(project)
        own = project.classes if project is not None and not self.models.file else ()
        classes = {c.id: c.name for c in own}
        self.presenter.show_project(self.models.path, self.models.names, classes)

    @property
    def is_folder(self) -> bool:
        return os.path.isdir(self.field.text().strip())

    def show_below(self) -> None:
        """Files of a folder are sorted or kept; what moves is smoothed."""
        self.below.setCurrentIndex(int(self.is_folder))

    def forget(self) -> None:
        """Shows nothing; what was shown is kept nowhere."""
        self.why.forget()
        self.bars.show_answer({}, True)
        self.verdict.set_full("What is it?")
        self.reason.setText(ASK)
        for line in (self.pace, self.parts):
            line.setText("")

    def show_running(self) -> None:
        running = self.watching.running
        help = "Lets the camera, film or folder go" if running else "Begins to watch the source"
        say_on(self.toggle, "Stop" if running else "Start")
        named(self.toggle, "Stop" if running else "Start", help, "Ctrl+Return")
        if running:
            self.forget()
            self.reason.setText(FOLDER if self.is_folder else "One moment …")
            if self.field.hasFocus():  # keys like H are letters there
                self.image.setFocus()

    def show_end(self, ended: Ended) -> None:
        self.forget()
        if ended.how != "done" and self.image.hasFocus():  # it is mended where it was typed
            self.field.setFocus()
        self.reason.setText(ended.text if ended.how != "done" else "It is over. Start it again.")

    def show_answer(self, event: Watched) -> None:
        """One frame with its smoothed answer, or why there is none."""
        if event.lost or event.reason:
            self.verdict.set_full("Nothing comes" if event.lost else "No image")
            self.reason.setText(event.lost or f"{event.path}: {event.reason}")
            self.bars.show_answer({}, True)
            return
        self.why.see(event.image)
        self.files.hear(event)
        known, sure = event.verdict != "none of these", event.verdict == "known"
        words = {"none of these": "None of these", "not sure": "Not sure"}
        self.verdict.set_full(
            words.get(event.verdict, f"{event.answer}  {per_cent(event.share, 0)}")
        )
        self.reason.setText(event.path or f"This frame alone: {event.latest}")
        self.bars.show_answer(event.classes, known, sure and event.answer in event.classes)
        times = {**event.milliseconds, "draw": self.image.milliseconds}
        age = times.pop("age", 0.0)
        self.pace.setText(f"{event.per_second:.1f} frames a second, {event.dropped:,} left out")
        parts = ", ".join(f"{part} {ms:.1f}" for part, ms in times.items())
        self.parts.setText(f"Answered after {age:.0f} ms. In ms: {parts}")

    # Gestures.

    def start_or_stop(self) -> None:
        if self.watching.running:
            self.watching.end()
        else:
            self.start()

    def start(self) -> None:
        source = self.field.text().strip()
        if not self.can_watch():
            self.reason.setText(self.models.missing)
        elif not source:
            self.reason.setText(ASK)
            self.field.setFocus()
        else:
            half_life, rules = self.half_life.value(), self.rules.active
            more = {**self.models.settings, **(self.files.settings if self.is_folder else {})}
            self.watching.begin(source=source, half_life=half_life, rules=rules, **more)

    def sort_elsewhere(self) -> None:
        """What is watched goes on; only a folder has files that are sorted."""
        if "sort_into" in self.watching.settings:
            self.watching.again(**self.files.settings)

    def take_drop(self, path: str) -> None:
        """An exported file answers from now on; what else is dropped is watched."""
        if is_exported(path):
            self.models.open(path)
        else:
            self.begin_with(path)

    def begin_with(self, source: str) -> None:
        self.field.setText(source)
        self.start()

    def choose_film(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "A film", "", FILMS)
        if path:
            self.begin_with(path)

    def choose_folder(self) -> None:
        if path := QFileDialog.getExistingDirectory(self, "Watch a folder", ""):
            self.begin_with(path)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.models.open_kept()

    def hideEvent(self, event: QHideEvent) -> None:
        """A camera looks only while its page is seen, or its window is made small."""
        if not event.spontaneous():
            self.watching.end()
            self.forget()
        super().hideEvent(event)
