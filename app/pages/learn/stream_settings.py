"""How a stream is judged: in which order, how answers fade, and how rare false alarms are."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QWidget

from app.forms import NumberBox
from app.widgets.controls import buddy, indented, named, row

ORDERS = {
    "": "all three",
    "came": "as they came",
    "shuffled": "shuffled",
    "class": "class by class",
}


class StreamSettings(QWidget):
    """Three fields in a row; `edited` tells that one changed."""

    edited = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.order, self.fading, self.alarms = QComboBox(), number(), number()
        for name, words in ORDERS.items():
            self.order.addItem(words, name)
        self.fading.setDecimals(4)
        self.fading.setRange(0.01, 1)
        self.fading.setSingleStep(0.01)
        self.fading.setValue(0.99)
        self.alarms.setDecimals(3)
        self.alarms.setRange(0.001, 99)
        self.alarms.setValue(5)
        self.alarms.setSuffix(" % of streams")
        named(self.order, "Order", "In which order the images of a folder are asked", "Alt+O")
        named(
            self.fading,
            "Fading factor",
            "By what an answer counts less with each that follows; 1: all count alike",
            "Alt+F",
        )
        named(
            self.alarms,
            "False alarms",
            "In how many streams without drift an alarm may be raised, at most; fewer means that "
            "drift is noticed later",
            "Alt+A",
        )
        self.setLayout(
            row(
                *(buddy("&Order", self.order), self.order, 8),
                *(buddy("&Fading factor", self.fading), self.fading, 8),
                *(buddy("False &alarms in", self.alarms), self.alarms, 0),
            )
        )
        self.order.activated.connect(lambda _: self.edited.emit())
        for made in (self.fading, self.alarms):
            made.valueChanged.connect(lambda _: self.edited.emit())

    @property
    def values(self) -> dict[str, Any]:
        """What a folder is judged by."""
        return {"order": self.order.currentData(), **self.own}

    @property
    def own(self) -> dict[str, Any]:
        """What the images that were sorted are judged by; they have their own order."""
        return {"fading": self.fading.value(), "alarms": self.alarms.value() / 100}


def number() -> QDoubleSpinBox:
    """A field that tells of a number once it is typed, not of each digit."""
    made = indented(NumberBox())
    made.setKeyboardTracking(False)
    made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    return made
