"""Which images are learnt where older ones are out of date: all, the last ones, or some days."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QWidget

from app.widgets.controls import buddy, column, indented, label, named, reach
from engine.events import ProjectView

ALL, IMAGES, DAYS = "all", "images", "days"
CHOICES = {ALL: "all images", IMAGES: "the last of each class", DAYS: "those of the last days"}
HELP = "For streams that change: older images are unlearnt exactly, and stay in the project"
USUAL = {IMAGES: 100.0, DAYS: 30.0}
MOST = 100_000


class RecentChoice(QWidget):
    """A choice, a number with it, and the formula of what is learnt now."""

    chosen = Signal(int, float)
    """So many images of each class, or so many days; 0 and 0: all."""

    def __init__(self) -> None:
        super().__init__()
        self.which, self.number = QComboBox(), indented(QDoubleSpinBox())
        self.formula = label("", "caption", wrap=True)
        for kind, words in CHOICES.items():
            self.which.addItem(words, kind)
        named(self.which, "Images to learn", HELP, "Alt+Y")
        self.number.setRange(1, MOST)
        self.number.setDecimals(0)
        self.number.setKeyboardTracking(False)
        self.number.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        named(self.number, "How many", "How many images of each class, or days", "Alt+N")
        reach(self.which, "Alt+Y")
        reach(self.number, "Alt+N")
        self.which.activated.connect(lambda _: self.choose())
        self.number.editingFinished.connect(self.tell)
        self.setLayout(
            column(buddy("What to learn", self.which), self.which, self.number, self.formula, gap=4)
        )
        self.told = (0, 0.0)
        self.number.hide()

    @property
    def wanted(self) -> tuple[int, float]:
        kind, number = self.which.currentData(), self.number.value()
        return (round(number) if kind == IMAGES else 0), (number if kind == DAYS else 0.0)

    def choose(self) -> None:
        """Another choice begins with what is usual for it."""
        kind = self.which.currentData()
        self.number.setVisible(kind != ALL)
        if kind != ALL and kind != self.kind_of(*self.told):
            self.number.setValue(USUAL[kind])
        self.suffix()
        self.tell()

    def tell(self) -> None:
        if self.wanted != self.told:
            self.told = self.wanted
            self.chosen.emit(*self.wanted)

    def show_project(self, project: ProjectView) -> None:
        """What the project learns now."""
        self.told = project.recent_images, project.recent_days
        kind = self.kind_of(*self.told)
        self.which.setCurrentIndex(list(CHOICES).index(kind))
        self.number.setVisible(kind != ALL)
        self.number.setDecimals(0 if project.recent_days == round(project.recent_days) else 2)
        if kind != ALL:
            self.number.setValue(project.recent_images or project.recent_days)
        self.suffix()
        self.formula.setText(project.recent_formula if kind != ALL else "")
        self.formula.setVisible(kind != ALL)
        self.setEnabled(not project.read_only)

    def suffix(self) -> None:
        self.number.setSuffix(" days" if self.which.currentData() == DAYS else " images")

    @staticmethod
    def kind_of(images: int, days: float) -> str:
        return IMAGES if images else DAYS if days else ALL
