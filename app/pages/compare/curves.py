"""Learning curves of a study, and what more images of one class would bring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
USUAL, REACH = 100, 2
"""More images that are asked about at first, and so many times those that there are: what lies
further off is told by no curve (engine/training/study/one_class.py)."""
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
        self.known: Mapping[str, int] = {}
        self.typed = False
        """Whether the number of images is a person's own."""
        self.plot = CurvePlot(TITLE, EMPTY, "%")
        named(self.plot, self.plot.title, "Arrow keys read values; Ctrl+S saves the plot")
        reach(self.plot, "Alt+A")
        self.plot.setToolTip("")
        self.said = label("", "muted", wrap=True)
        self.images, self.classes = indented(QSpinBox()), QComboBox()
        self.images.setRange(1, 100_000)
        self.images.setValue(USUAL)
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
        self.images.valueChanged.connect(self.on_typed)
        self.classes.currentIndexChanged.connect(lambda _: self.propose())
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

    def show_classes(self, known: Mapping[str, int]) -> None:
        """The classes that can be asked about, each with how many images it is learnt from."""
        self.known, names = known, list(known)
        if [self.classes.itemText(at) for at in range(self.classes.count())] != names:
            now = self.classes.currentText()
            with QSignalBlocker(self.classes):
                self.classes.clear()
                self.classes.addItems(names)
                self.classes.setCurrentIndex(max(0, self.classes.findText(now)))
            self.answer.clear()
        self.ask_button.setEnabled(bool(names))
        self.propose()

    def propose(self) -> None:
        """As many more images as a curve of the chosen class reaches, until a person says more."""
        images = self.known.get(self.classes.currentText(), 0)
        if images and not self.typed:
            with QSignalBlocker(self.images):
                self.images.setValue(min(USUAL, REACH * images))

    def on_typed(self) -> None:
        self.typed = True

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
