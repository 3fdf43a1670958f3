"""How many answers may be wrong: the choice, what it costs, and risk against coverage."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QComboBox, QFrame

from app.bridge import Bridge
from app.widgets.controls import buddy, column, label, named, reach, row
from app.widgets.line_plot import LinePlot, Series
from engine.events import Ended, ProjectView
from engine.results.learn import PromiseSet, PromiseView
from engine.system.words import listed, per_cent, rate_in

TITLE = "Wrong answers, by how many are given"
NOTHING = "Learn two classes, with images to test, to see this."
OFF = "off"
ASKED = (
    "Answers that are less sure than this takes are “not sure”, here, in the commands and in "
    "exports. A promise is kept in 95 of 100 projects, for images like the test images."
)
HELP = "At most this share of the answers may be wrong; type your own, or off"
NO_RATE = "“{}” is no share of answers. Choose one, or type it in per cent, as in 2 %."
OFFERED = (OFF, "1 %", "2 %", "5 %")
ROOM = 3
"""The plot goes up to so many times the promise, or to what is wrong where all are answered."""


def in_words(rate: float) -> str:
    return f"{100 * rate:g} %" if rate else OFF


class RiskPlot(LinePlot):
    """Over the share of test images that get an answer: which share of these answers is wrong."""

    legend_wraps = True

    def __init__(self) -> None:
        super().__init__(TITLE, NOTHING, "answered, %", "%")
        self.view: PromiseView | None = None
        self.confidences: dict[float, float] = {}

    def show_promise(self, found: PromiseView | None) -> None:
        """The curve, its upper bound, and on it the promise that the project makes."""
        self.view, self.at = found, None
        curve = found["curve"] if found else []
        self.confidences = {100 * p["answered"]: p["confidence"] for p in curve}
        wrong = tuple((100 * p["answered"], 100 * p["wrong"]) for p in curve)
        most = tuple((100 * p["answered"], 100 * p["most"]) for p in curve)
        series = [
            Series("wrong", wrong, size=4),
            Series("at most, 95 % certain", most, "muted", Qt.PenStyle.DashLine, dense=True),
        ]
        if found and found["now"] and curve:
            now, rate = found["now"][0], 100 * found["rate"]
            level = ((0.0, rate), (100.0, rate))
            series.append(Series("promised", level, "warning", Qt.PenStyle.DotLine, level=True))
            if now["answers"]:
                at = 100 * now["answers"] / now["images"], 100 * now["wrong"] / now["answers"]
                series.append(Series("answered so", (at,), "warning", size=10))
        self.show_series(series)

    def number(self, x: float) -> str:
        return f"{x:g}"

    def across(self) -> tuple[float, float]:
        return -2.0, 102.0

    def upwards(self) -> tuple[float, float]:
        """The upper bound leaves the plot where few answers are given: it begins at 95 %."""
        wrong = max(y for s in self.series if s.name == "wrong" for _, y in s.points)
        return 0.0, max(wrong, ROOM * 100 * (self.view["rate"] if self.view else 0.0), 1.0)

    def words(self, x: float) -> list[str]:
        found = [
            f"{s.name}: {y:.1f} %"
            for s in self.series
            for at, y in s.points
            if at == x and not s.level
        ]
        lines = [f"{x:.0f} % answered", *found]
        if x in self.confidences:
            lines.append(f"from a confidence of {per_cent(self.confidences[x])}")
        return lines


class PromiseCard(QFrame):
    """A heading with the choice, sentences of what it gives, and the plot."""

    def __init__(self, bridge: Bridge) -> None:
        super().__init__()
        self.setObjectName("card")
        self.bridge = bridge
        self.project: ProjectView | None = None
        self.asked: object = None
        """What was shown when the figures were asked for."""
        self.choice = QComboBox()
        self.said, self.more = label("", wrap=True), label("", "muted", wrap=True)
        self.plot = RiskPlot()
        self.make_controls()
        field = row(buddy("Pr&omise at most", self.choice), self.choice, label("wrong", "muted"), 0)
        self.setLayout(column(field, self.said, self.more, self.plot, gap=8, edge=12))

    def make_controls(self) -> None:
        """What is promised, chosen or typed, and the plot that shows what it costs."""
        self.choice.setEditable(True)
        self.choice.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.choice.addItems(list(OFFERED))
        self.choice.setFixedWidth(112)
        named(self.choice, "Promise", HELP, "Alt+O")
        self.choice.activated.connect(lambda _: self.choose())
        edit = self.choice.lineEdit()
        assert edit is not None  # it is editable
        edit.editingFinished.connect(self.choose)
        self.said.setToolTip(ASKED)
        self.said.setAccessibleDescription(ASKED)
        self.plot.setMinimumHeight(296)
        named(self.plot, TITLE, "Arrow keys read values; Ctrl+S saves the plot")
        reach(self.plot, "Alt+K")
        self.plot.setToolTip("")

    # Showing.

    def show_project(self, project: ProjectView) -> None:
        """The promise of now; figures are read anew where the step or the test images differ."""
        self.project = project
        step = project.current_step
        self.setVisible(step is not None and len(step.classes) > 1)
        self.choice.setEnabled(not project.read_only)
        self.show_choice()
        self.read()

    def show_choice(self) -> None:
        """What the project promises, instead of what is being typed."""
        if self.project is not None:
            self.choice.setEditText(in_words(self.project.promise))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.read()

    def read(self) -> None:
        """Asked only where somebody looks."""
        project = self.project
        if project is None or project.current_step is None or not self.isVisible():
            return
        held = tuple((c.name, c.within, c.validation) for c in project.classes)
        now = (project.path, project.current_step.id, project.promise, held)
        if now != self.asked:
            self.asked = now
            self.bridge.ask("promise", self.take)

    def take(self, ended: Ended) -> None:
        if ended.how != "done":
            self.asked = None
            self.say(ended.text)
            self.plot.show_promise(None)
            return
        found = ended.of(PromiseView)
        self.say(*sentences(found))
        self.plot.show_promise(found)

    def say(self, said: str, more: str = "") -> None:
        self.said.setText(said)
        self.more.setText(more)
        self.more.setVisible(bool(more))

    # The choice.

    def choose(self) -> None:
        """Keeps the promise; where it can't be kept, says why, and it stays as it was."""
        if self.project is None or self.project.read_only:
            return
        typed = self.choice.currentText()
        rate = rate_in(typed)
        if rate is None:
            self.say(NO_RATE.format(typed.strip()))
            self.asked = None
            self.show_choice()
        elif rate == self.project.promise:
            self.show_choice()
        else:
            self.show_choice()  # until it is kept
            self.bridge.submit("set_promise", self.kept, rate=rate)

    def kept(self, ended: Ended) -> None:
        """Says why a promise can't be made; one that is made is shown with its figures."""
        if ended.how == "done":
            ended.of(PromiseSet)
        else:
            self.say(ended.text)


def sentences(found: PromiseView) -> tuple[str, str]:
    """What is promised and what that gives; then what else could be, or of which classes it is not
    shown alone."""
    if not found["images"]:
        return "Without test images nothing can be promised. Add more images of each class.", ""
    if not found["now"]:
        said = "Every answer is given, however unsure."
        return said, " ".join(choice["said"] for choice in found["choices"][:1])
    alone = [row["name"] for row in found["classes"] if row["alone"]]
    never = [row["name"] for row in found["classes"] if row["least"] > 1]
    more = []
    if found["now"][0]["kept"]:
        if alone:
            more.append(f"It holds of {listed(alone, 3)} alone, too; of the others together.")
        if never:
            more.append(f"Too often wrong to be answered at all: {listed(never, 3)}.")
    return found["now"][0]["said"], " ".join(more)
