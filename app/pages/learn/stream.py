"""The dialog that judges by a stream: images asked in the order of their time, and then learnt."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QFileDialog, QLabel, QProgressBar, QWidget

from app.bridge import Bridge
from app.pages.learn.alarms import Alarms
from app.pages.learn.stream_settings import StreamSettings
from app.widgets.controls import (
    Yielding,
    button,
    card,
    column,
    label,
    laid_out,
    named,
    row,
    scrolled,
)
from app.widgets.curve_plot import CurvePlot
from app.widgets.drops import Drops
from app.widgets.line_plot import Series
from app.widgets.sizes import put_beside, sized
from app.widgets.thumbs import Thumbnails
from engine.events import Ended, Progress, ProjectView
from engine.results.stream import Drifts, OwnStream, StreamJudged
from engine.system.words import per_cent, plural

ABOUT = (
    "Class folders of new images, in the order in which they were taken: each image is asked "
    "first, and then learnt on a copy of what the project knows. So you see how well it would "
    "have gone from day to day, and since when a class looks different."
)
ONE_BY_ONE = (
    "What looks different is told of images that nobody chose: those of a folder, the first that a "
    "camera sees each time you hold its button, and those drawn by chance on the Sort page. To "
    "know now, choose a folder of today's images."
)
EMPTY = "Choose a folder with a folder of images for each class, or drop it here."
LINES = {
    "came": ("as they came", "accent", Qt.PenStyle.SolidLine),
    "shuffled": ("shuffled", "muted", Qt.PenStyle.DashLine),
    "class": ("class by class", "warning", Qt.PenStyle.DotLine),
    "sorted": ("as you sorted", "accent", Qt.PenStyle.SolidLine),
}
MOST = 600
"""Points of a line, so that it is drawn within a frame."""


class StreamDialog(QDialog):
    """Accuracy in three orders, and below it what looks different; closing it stops the work.

    It stands beside the window, so that one sorts while it follows, and closes with the project.
    """

    def __init__(self, bridge: Bridge, thumbs: Thumbnails, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("A stream")
        sized(self, 760, 680)
        put_beside(self, parent.window())
        self.bridge, self.question, self.own, self.looking = bridge, 0, 0, 0
        self.looked: tuple[int, float] | None = None
        """Of how many images of the project itself drift was told last, and at which rate."""
        self.path = bridge.project.path if bridge.project is not None else ""
        self.asked: list[str] = []
        self.paths: list[str] = []
        """What is or was judged by last; and once that is done."""
        self.settings = StreamSettings()
        self.plot = CurvePlot("Right so far, image after image", EMPTY, "%")
        named(self.plot, self.plot.title, "Arrow keys read values; Ctrl+S saves the plot")
        self.drift, self.rate, self.caption = Alarms(bridge, thumbs), caption(), caption()
        self.news, self.bar = label("", "heading", wrap=True), QProgressBar(textVisible=False)
        self.close_button = button("Close", "Closes this window", self.reject, key="Esc")
        self.learn_button = button(
            "Learn these images",
            "Adds them to the project and learns them",
            self.learn,
            key="Ctrl+L",
        )
        self.choose_button = button(
            "Choose a folder …",
            "Judges by the images of its class folders",
            self.choose,
            key="Ctrl+O",
            icon="folder",
            kind="primary",
        )
        self.lay_out()
        self.words.hide()
        self.connect_all(parent.window())
        self.ask_own()
        self.refresh()

    def connect_all(self, window: QWidget) -> None:
        Drops(self, "Drop to judge by these images").dropped.connect(self.judge)
        self.finished.connect(self.drop_all)
        self.settings.edited.connect(self.ask_again)
        self.bridge.changed.connect(self.on_changed)
        window.windowHandle().visibleChanged.connect(self.go_with)

    def lay_out(self) -> None:
        """The sentence, the plot, what looks different, and what the figures mean."""
        self.words = card(scrolled(self.drift, Yielding), edge=12)
        for made in (self.close_button, self.learn_button, self.choose_button):
            made.setAutoDefault(False)  # Return opens an image
        foot = row(self.bar, self.close_button, self.learn_button, self.choose_button)
        foot.setStretch(0, 1)
        about, plot = label(ABOUT, "muted", wrap=True), card(self.plot, edge=12)
        parts = (about, self.settings, self.news, plot, self.words, self.rate, self.caption, foot)
        whole = column(*parts, gap=12, edge=24)
        whole.setStretch(parts.index(plot), 1)
        self.setLayout(whole)

    def on_changed(self, project: ProjectView | None) -> None:
        """Follows what is named beside it; another project has no part in what is shown."""
        if project is None or project.path != self.path:
            self.reject()
        else:
            self.ask_own()
            self.refresh()

    def go_with(self, visible: bool) -> None:
        """It would be seen until the engine has ended, where the window closes before it."""
        if not visible:
            self.reject()

    # How suggestions went, while no folder is judged by.

    def ask_own(self) -> None:
        """Asks how suggestions went so far: anew after each act, also one on the Sort page."""
        self.bridge.drop(self.own)
        self.own = 0
        if self.bridge.project is not None and not self.asked:
            fading = self.settings.own["fading"]
            self.own = self.bridge.ask("own_stream", self.take_own, fading=fading)

    def take_own(self, ended: Ended) -> None:
        """Draws how suggestions went, unless a folder is judged by since."""
        self.own = 0
        if ended.how != "done" or self.asked:
            return
        found = ended.of(OwnStream)
        if found["images"] or found["one_by_one"]:
            self.look_for_drift(found["one_by_one"])
        if found["images"]:
            self.plot.show_curves([line("sorted", found["curve"])], "image")
            self.caption.setText(found["definition"])
            self.news.setText(
                f"{found['right']:,} of {plural(found['images'])} that you named were suggested "
                f"rightly; of late {per_cent(found['last'])}."
            )
        self.refresh()

    def look_for_drift(self, images: int) -> None:
        """Asks about those that came one by one, where there are more since, or another rate."""
        wanted = images, self.settings.own["alarms"]
        if wanted == self.looked:
            return
        self.looked = wanted
        self.bridge.drop(self.looking)
        self.words.show()
        if images:
            self.looking = self.bridge.ask("own_drift", self.take_drift, alarms=wanted[1])
        else:
            self.drift.say(ONE_BY_ONE)

    def take_drift(self, ended: Ended) -> None:
        self.looking = 0
        if ended.how == "done":
            found = ended.of(Drifts)
            self.drift.show_drift(found)
            self.drift.say(found["says"] or ONE_BY_ONE)
            self.rate.setText(found["definition"] if found["tests"] else "")
        else:
            self.drift.say(ended.text)
        self.refresh()

    def drop_all(self) -> None:
        """Nobody waits for an answer any more."""
        for ticket in (self.question, self.own, self.looking):
            self.bridge.drop(ticket)
        self.looked = None

    # Gestures.

    def choose(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Choose a folder of class folders")
        if path:
            self.judge([path])

    def judge(self, paths: list[str]) -> None:
        """Asks the images of class folders anew."""
        self.drop_all()
        self.asked, self.paths = paths, []
        self.news.setText("Reading …")
        values = self.settings.values
        self.question = self.bridge.ask("judge_stream", self.take, self.tell, paths=paths, **values)
        self.refresh()

    def ask_again(self) -> None:
        """By other settings: what is shown."""
        if self.asked:
            self.judge(self.asked)
        else:
            self.ask_own()

    def learn(self) -> None:
        """Learns what was judged by, as a dropped folder."""
        self.bridge.submit("learn_folder", paths=self.paths)
        self.accept()

    # Showing.

    def tell(self, progress: Progress) -> None:
        self.bar.setRange(0, progress.total or 0)
        self.bar.setValue(progress.done)
        self.news.setText(f"{progress.doing} …")

    def take(self, ended: Ended) -> None:
        """Shows what was found, or why nothing was."""
        self.question = 0
        if ended.how != "done":
            self.asked = []
            self.news.setText(ended.text)
        else:
            self.paths = self.asked
            self.show_result(ended.of(StreamJudged))
        self.refresh()

    def show_result(self, found: StreamJudged) -> None:
        self.plot.show_curves(
            [line(one["order"], one["curve"]) for one in found["orders"]], "image"
        )
        self.drift.show_drift(found["drift"])
        self.words.show()
        self.rate.setText(found["drift"]["definition"])
        self.caption.setText(found["definition"])
        right = " · ".join(
            f"{LINES[one['order']][0]} {per_cent(one['accuracy'])}" for one in found["orders"]
        )
        self.news.setText(f"{plural(found['images'])}. Right: {right}")

    def refresh(self) -> None:
        """What can be pressed now."""
        busy = bool(self.question)
        self.bar.setVisible(busy)
        self.choose_button.setEnabled(not busy)
        project = self.bridge.project
        able = bool(self.paths) and project is not None and not project.read_only
        self.learn_button.setEnabled(able and not busy)
        whole = laid_out(self)
        whole.setStretch(whole.indexOf(self.words), int(bool(self.drift.parts)))
        for made in (self.rate, self.caption):
            made.setVisible(bool(made.text()))


def caption() -> QLabel:
    """What a figure means: small, and can be copied."""
    made = label("", "caption", wrap=True)
    made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return made


def line(order: str, curve: list[float]) -> Series:
    """A line of per cent over images; of many every so many-th, and the last."""
    name, token, dash = LINES[order]
    every = -(-len(curve) // MOST)
    places = sorted({*range(0, len(curve), every), len(curve) - 1})
    return Series(name, tuple((at + 1, 100 * curve[at]) for at in places), token, dash)
