"""The dialog in which a training of subnets is set up, and watched while it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from app.bridge import Bridge
from app.forms import Form, FormArea
from app.pages.specialise.training_run import TrainingRun
from app.theme import GRID
from app.widgets.controls import buddy, button, card, column, label, named, reach, row, say_on, tip
from app.widgets.line_plot import LinePlot
from app.widgets.sizes import sized
from engine.events import Ended, Progress, ProjectView
from engine.registry import PluginView
from engine.results.specialise import SupernetTuners
from engine.results.tune import Estimate
from engine.system.words import duration, plural

ABOUT = (
    "Training makes all smaller networks inside yours (its subnets) good at your classes: on each "
    "batch of images "
    "several of them learn together, and the largest teaches the others. Afterwards each can be "
    "picked without being trained again. The result is a file of its own, and the project stays "
    "as it is until you use it. Learning and searching wait while it trains."
)
PLOT_EMPTY = (
    "Once it trains, this plot shows how well the smallest, a middle and the largest subnet "
    "recognise the held-out images."
)
ASKING = "Estimating the time …"
READING = "Reading the images the first time comes on top."
GOES_ON = "Less, where it goes on from what was trained before."
PAUSE = 600
"""Milliseconds after the last change before the time is estimated anew."""
ENDING = ".safetensors"
PROJECTS_OWN = "project"


def default_file(project: ProjectView) -> str:
    """NAME-supernet.safetensors beside the project, or the next name that is free."""
    folder, name, number = Path(project.path).parent, f"{project.name}-supernet", 2
    path = folder / f"{name}{ENDING}"
    while path.exists():
        path, number = folder / f"{name}-{number}{ENDING}", number + 1
    return str(path)


def begun(path: str) -> bool:
    """Whether there is a checkpoint of a training with this result."""
    return bool(path) and (Path(path).with_suffix(".work") / "shrink.pt").is_file()


def about_file(path: str) -> str:
    """What there is at this place already, in a sentence."""
    if begun(path):
        return "A training was begun here. With the same settings it goes on where it was."
    return "The file that is there is replaced." if Path(path).is_file() else ""


class TrainDialog(QDialog):
    """Sets up a training: method, settings, files, and the time it takes; then follows it."""

    def __init__(self, bridge: Bridge, run: TrainingRun, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Train these networks")
        sized(self, 936, 600)
        self.bridge, self.run = bridge, run
        self.plugins: list[PluginView] = []
        self.proposed: dict[str, Any] = {}
        self.estimated = False
        self.question = 0
        self.method = QComboBox()
        self.help = label("", "caption", wrap=True)
        self.form = Form(taken="mfwa")
        self.base = QComboBox()
        self.out = QLineEdit()
        self.file_news = label("", "caption", wrap=True)
        self.time = label("", "muted", wrap=True)
        self.news = label("", wrap=True)
        self.plot = LinePlot("Accuracy while training", PLOT_EMPTY, "step", "%")
        self.pause = QTimer(self, singleShot=True, interval=PAUSE)
        self.make_buttons()
        self.lay_out()
        self.connect_all()
        self.fill()

    def make_buttons(self) -> None:
        """Files from dialogs, and what can be done with the training."""
        self.base_button = button(
            "Browse …", "Begins from a supernet in a file of yours", self.choose_base, key="Ctrl+O"
        )
        self.out_button = button(
            "Browse …", "Chooses where the result is written", self.choose_out, key="Ctrl+Shift+S"
        )
        self.close_button = button("Cancel", "Closes this window", self.reject, key="Esc")
        self.stop_button = button(
            "Stop",
            "Stops the training; the same settings go on from its last checkpoint",
            self.run.stop,
            key="Ctrl+Backspace",
        )
        self.use_button = button(
            "Use it",
            "Takes the trained supernet into this project and learns its classes again; "
            "undo goes back",
            self.use,
            key="Ctrl+U",
        )
        self.train_button = button(
            "Train", "Starts the training", self.train, key="Ctrl+Return", kind="primary"
        )
        for made in (
            self.base_button,
            self.out_button,
            self.close_button,
            self.stop_button,
            self.use_button,
            self.train_button,
        ):
            made.setAutoDefault(False)  # Return in a field must not start hours of work

    def lay_out(self) -> None:
        """What it does above; settings on the left; files and the plot on the right."""
        named(self.method, "Method", "How subnets learn together", "Alt+M")
        self.left = QWidget()
        left = column(
            buddy("&Method", self.method), self.method, self.help, FormArea(self.form, 480), 0
        )
        self.left.setLayout(left)
        self.left.setFixedWidth(288)
        named(self.plot, self.plot.title, "Arrow keys read values; Ctrl+S saves the plot")
        reach(self.plot, "Alt+A")
        self.plot.setToolTip("")
        right = column(self.file_rows(), card(self.plot, edge=12), gap=16)
        right.setStretch(1, 1)
        middle = row(self.left, right, gap=24)
        middle.setStretch(1, 1)
        about = label(ABOUT, "muted", wrap=True)
        whole: QVBoxLayout = column(
            label("Train these networks", "big"), about, middle, self.foot(), gap=16, edge=24
        )
        whole.setStretch(2, 1)
        self.setLayout(whole)

    def file_rows(self) -> QWidget:
        """The network that it begins from, and the file of the result."""
        named(self.base, "Begins from", "The supernet whose subnets are trained", "Alt+F")
        named(self.out, "Written to", "The file of the trained supernet (.safetensors)", "Alt+W")
        self.files = QWidget()
        grid = QGridLayout(self.files)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(GRID)
        for line, (text, control, browse) in enumerate(
            (
                ("Begins &from", self.base, self.base_button),
                ("&Written to", self.out, self.out_button),
            )
        ):
            grid.addWidget(buddy(text, control), line, 0)
            grid.addWidget(control, line, 1)
            grid.addWidget(browse, line, 2)
        grid.addWidget(self.file_news, 2, 1, 1, 2)
        grid.setColumnStretch(1, 1)
        return self.files

    def foot(self) -> QHBoxLayout:
        made = row(
            column(self.time, self.news),
            self.close_button,
            self.stop_button,
            self.use_button,
            self.train_button,
        )
        made.setStretch(0, 1)
        return made

    def connect_all(self) -> None:
        self.method.activated.connect(lambda _: self.show_method(self.form.values))
        self.form.edited.connect(self.ask_anew)
        self.base.currentIndexChanged.connect(self.ask_anew)
        self.out.textChanged.connect(self.refresh_tools)
        self.pause.timeout.connect(self.estimate)
        self.run.changed.connect(self.refresh)
        self.run.scored.connect(self.show_scores)
        self.finished.connect(self.let_go)

    def fill(self) -> None:
        """The files and the lines that are known; the methods are asked for."""
        known, project = self.run.settings, self.bridge.project
        self.base.addItem("This project's supernet", PROJECTS_OWN)
        if known.get("base", PROJECTS_OWN) != PROJECTS_OWN:
            self.offer_base(known["base"])
        fresh = not known or self.run.result
        self.out.setText(default_file(project) if fresh and project else known.get("out", ""))
        self.show_scores()
        self.question = self.bridge.ask("list_tuners", self.take_methods)
        self.refresh()

    def let_go(self) -> None:
        self.pause.stop()
        self.bridge.drop(self.question)

    # The form.

    def take_methods(self, ended: Ended) -> None:
        """Shows the methods, with the settings of the last training or those that are proposed."""
        if ended.how != "done":
            self.time.setText(ended.text)
            return
        found = ended.of(SupernetTuners)
        self.plugins, self.proposed = found["tuners"], found["proposed"]
        for plugin in self.plugins:
            self.method.addItem(plugin.title, plugin.name)
        self.method.setCurrentIndex(max(self.method.findData(self.run.settings.get("method")), 0))
        self.show_method({**self.proposed, **self.run.settings})

    def show_method(self, values: dict[str, Any]) -> None:
        """The chosen method's help and form."""
        plugin = next(p for p in self.plugins if p.name == self.method.currentData())
        self.help.setText(plugin.help)
        self.form.show_plugin(plugin, values)

    def offer_base(self, path: str) -> None:
        """Begins from this file."""
        if self.base.findData(path) < 0:
            self.base.addItem(Path(path).name, path)
        self.base.setCurrentIndex(self.base.findData(path))
        self.base.setToolTip(tip(path))

    def choose_base(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Begin from", "", f"Supernets (*{ENDING})")
        if path:
            self.offer_base(path)

    def choose_out(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Write to", self.out.text(), f"Weights (*{ENDING})"
        )
        if path:
            self.out.setText(path.removesuffix(ENDING) + ENDING)

    @property
    def settings(self) -> dict[str, Any]:
        """What the estimate and the training are asked with."""
        method, base = self.method.currentData(), self.base.currentData()
        return {"method": method, "base": base, **self.form.values}

    # The estimate.

    def ask_anew(self) -> None:
        """The time is estimated a moment after the last change; until then there is none."""
        self.estimated = False
        if self.plugins and not self.run.running:
            self.bridge.drop(self.question)
            self.time.setText(ASKING)
            self.pause.start()
            self.refresh_tools()

    def estimate(self) -> None:
        if not self.run.running:
            self.question = self.bridge.ask(
                "estimate_shrink", self.take_estimate, self.show_timing, **self.settings
            )

    def show_timing(self, event: Progress) -> None:
        if event.total:
            self.time.setText(f"{ASKING} {event.done + 1} of {event.total}")

    def take_estimate(self, ended: Ended) -> None:
        """The time in words; or why there would be no training with these settings."""
        self.estimated = ended.how == "done"
        self.time.setText(ended.text)
        if self.estimated:
            found = ended.of(Estimate)
            more = GOES_ON if begun(self.out.text()) else READING
            self.time.setText(
                f"{duration(found['seconds']).capitalize()} for {plural(found['steps'], 'step')} "
                f"on {plural(found['pictures'])}. {more}"
            )
        self.refresh_tools()

    # The training.

    def show_scores(self) -> None:
        self.plot.show_series(self.run.series)

    def refresh(self) -> None:
        """Follows the training; where one has ended, the time of the next is asked for."""
        if not self.run.running and not self.estimated and not self.pause.isActive():
            self.ask_anew()
        self.refresh_tools()

    def refresh_tools(self, *_: object) -> None:
        """What can be set or pressed now, and what there is to read."""
        running = self.run.running
        self.news.setText(self.run.text)
        self.news.setVisible(bool(self.run.text))
        self.time.setVisible(not running)
        self.file_news.setText("" if running else about_file(self.out.text()))
        for part in (self.left, self.files):
            part.setEnabled(not running)
        self.train_button.setEnabled(self.estimated)
        self.train_button.setVisible(not running)
        self.stop_button.setVisible(running)
        self.use_button.setVisible(bool(self.run.result))
        say_on(self.close_button, "Close" if self.run.text else "Cancel")

    def train(self) -> None:
        self.run.begin({**self.settings, "out": self.out.text().strip()})

    def use(self) -> None:
        if self.run.result:  # A key acts a moment after it is pressed.
            self.run.use(self.run.result)
            self.accept()
