"""Learning curves of a study, and what more images of one class would bring."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QComboBox, QSpinBox, QWidget

from app.bridge import Bridge
from app.widgets.controls import button, column, indented, label, laid_out, named, reach, row
from app.widgets.curve_plot import CurvePlot
from app.widgets.line_plot import Series
from engine.events import Ended, Progress
from engine.results.compare import LearningCurve, MoreOfClass, Study

TITLE = "Accuracy by number of images"
EMPTY = (
    "Compare a strategy with a frozen network, or tick “Curves of all rows”: how its accuracy "
    "grows with the number of images is drawn here."
)
LOOKS = (
    ("accent", Qt.PenStyle.SolidLine),
    ("warning", Qt.PenStyle.DashLine),
    ("text", Qt.PenStyle.DotLine),
    ("danger", Qt.PenStyle.DashDotLine),
    ("muted", Qt.PenStyle.SolidLine),
    ("accent", Qt.PenStyle.DotLine),
)
"""How lines look, so that they can be told apart without colours."""
FROZEN = "Frozen features · "


def series_of(curves: Sequence[LearningCurve]) -> list[Series]:
    """A line for each strategy: per cent over images learnt from."""
    return [
        Series(
            curve["title"].removeprefix(FROZEN),
            tuple((point["images"], 100 * point["accuracy"]) for point in curve["points"]),
            *LOOKS[at % len(LOOKS)],
        )
        for at, curve in enumerate(curves)
        if len(curve["points"]) > 1
    ]


class Curves(QWidget):
    """The plot, what it says of twice as many images, and a question about one class."""

    def __init__(self, bridge: Bridge) -> None:
        super().__init__()
        self.bridge, self.question = bridge, 0
        self.plot = CurvePlot(TITLE, EMPTY, "%")
        named(self.plot, self.plot.title, "Arrow keys read values; Ctrl+S saves the plot")
        reach(self.plot, "Alt+A")
        self.plot.setToolTip("")
        self.said = label("", "muted", wrap=True)
        self.images, self.classes = indented(QSpinBox()), QComboBox()
        self.images.setRange(1, 100_000)
        self.images.setValue(100)
        named(self.images, "More images", "How many more images of the class")
        named(self.classes, "Class", "The class of which there would be more images")
        self.classes.setFixedWidth(144)
        reach(self.images, "Alt+N")
        reach(self.classes, "Alt+C")
        self.ask_button = button(
            "What would they bring?",
            "Learns the class with fewer of its images, and tells what more of them would bring",
            self.ask,
            key="Ctrl+Shift+M",
        )
        self.answer = label("", wrap=True)
        words = label("more images of", "muted")
        asks = row(self.images, words, self.classes, 0)
        tells = row(self.ask_button, self.answer)
        tells.setStretch(1, 1)
        self.setLayout(column(self.plot, self.said, asks, tells))
        laid_out(self).setStretch(0, 1)

    def show_study(self, study: Study | None) -> None:
        """The curves, and once what all of them say of more images."""
        curves = study["curves"] if study else []
        self.plot.show_curves(series_of(curves), "images learnt from")
        said = list(dict.fromkeys(curve["said"] for curve in curves))
        lines = [f"{c['title'].removeprefix(FROZEN)}: {c['said']}" for c in curves]
        self.said.setText(said[0] if len(said) == 1 else "\n".join(lines[:3]))
        self.said.setToolTip("\n".join(lines))
        self.said.setVisible(bool(said))

    def show_classes(self, names: Sequence[str]) -> None:
        """The classes that can be asked about."""
        if [self.classes.itemText(at) for at in range(self.classes.count())] != list(names):
            now = self.classes.currentText()
            with QSignalBlocker(self.classes):
                self.classes.clear()
                self.classes.addItems(list(names))
                self.classes.setCurrentIndex(max(0, self.classes.findText(now)))
            self.answer.clear()
        self.ask_button.setEnabled(bool(names))

    def ask(self) -> None:
        self.bridge.drop(self.question)
        name = self.classes.currentText()
        if not name:
            return
        self.answer.setText("Learning with fewer images …")
        self.question = self.bridge.ask(
            "more_of_class", self.take, self.tell, name=name, images=self.images.value()
        )

    def tell(self, progress: Progress) -> None:
        self.answer.setText(f"{progress.doing} …")

    def take(self, ended: Ended) -> None:
        self.question = 0
        done = ended.how == "done"
        self.answer.setText(ended.of(MoreOfClass)["said"] if done else ended.text)
