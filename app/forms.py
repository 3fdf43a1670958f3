"""Forms made from the descriptions of plug-ins: one control for each setting, none by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QLineEdit,
    QScrollArea,
    QSizePolicy,
    QSpinBox,
    QWidget,
)

from app.theme import GRID
from app.widgets.controls import buddy, indented, named
from engine.registry import PluginView, SettingView

WIDEST = 2**31 - 1


def bool_control(view: SettingView) -> QCheckBox:
    return QCheckBox(view.label)


def int_control(view: SettingView) -> QSpinBox:
    made = indented(QSpinBox())
    # Qt's numbers are narrower than the engine's: a seed may be larger than the control can say.
    made.setRange(
        max(int(view.least if view.least is not None else -WIDEST), -WIDEST),
        min(int(view.most if view.most is not None else WIDEST), WIDEST),
    )
    return made


class NumberBox(QDoubleSpinBox):
    """A number without zeros at its end: 3, not 3.00."""

    def textFromValue(self, value: float) -> str:
        text, point = super().textFromValue(value), self.locale().decimalPoint()
        return text.rstrip("0").removesuffix(point) if point in text else text


def float_control(view: SettingView) -> QDoubleSpinBox:
    """A number with more decimals than its range and default need: a rate may be typed that is a
    thousand times smaller."""
    made = indented(NumberBox())
    sizes = [abs(x) for x in (view.default, view.least, view.most) if x]
    decimals = max((len(f"{x:.10f}".rstrip("0").split(".")[1]) for x in sizes), default=2)
    made.setDecimals(min(max(decimals, 2) + 3, 10))
    made.setRange(
        view.least if view.least is not None else -1e12,
        view.most if view.most is not None else 1e12,
    )
    made.setSingleStep(10 ** -min(max(decimals, 1), 10))
    return made


def str_control(view: SettingView) -> QComboBox | QLineEdit:
    if not view.choices:
        return QLineEdit()
    made = QComboBox()
    for choice in view.choices:
        made.addItem(choice.replace("_", " "), choice)
    return made


MAKERS = {"bool": bool_control, "int": int_control, "float": float_control, "str": str_control}


def value_of(control: QWidget) -> Any:
    """What a person set."""
    if isinstance(control, QCheckBox):
        return control.isChecked()
    if isinstance(control, QComboBox):
        return control.currentData()
    if isinstance(control, QLineEdit):
        return control.text()
    assert isinstance(control, QSpinBox | QDoubleSpinBox)
    return control.value()


def set_value(control: QWidget, value: Any) -> None:
    if isinstance(control, QCheckBox):
        control.setChecked(bool(value))
    elif isinstance(control, QComboBox):
        control.setCurrentIndex(max(control.findData(value), 0))
    elif isinstance(control, QLineEdit):
        control.setText(str(value))
    else:
        assert isinstance(control, QSpinBox | QDoubleSpinBox)
        control.setValue(value)


def mnemonics(labels: list[str], taken: str) -> list[str]:
    """The labels with an & before a letter that no other label on the page uses."""
    used = set(taken.lower())
    marked = []
    for text in labels:
        free = next((i for i, c in enumerate(text) if c.isalpha() and c.lower() not in used), None)
        used |= {text[free].lower()} if free is not None else set()
        marked.append(text if free is None else f"{text[:free]}&{text[free:]}")
    return marked


class FormArea(QScrollArea):
    """Holds a form as high as its rows, and scrolls it where it would be higher than `most`."""

    def __init__(self, form: Form, most: int) -> None:
        super().__init__()
        self.form = form
        self.setWidget(form)
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setMaximumHeight(most)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        form.setObjectName("clear")
        self.viewport().setObjectName("clear")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)

    def showEvent(self, event: QShowEvent) -> None:
        # Qt takes no notice of a new size while a widget is hidden.
        super().showEvent(event)
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        return self.form.sizeHint()

    def minimumSizeHint(self) -> QSize:
        return QSize(80, min(self.form.sizeHint().height(), 80))


class Form(QWidget):
    """The settings of one plug-in, as controls; `values` is what a person set."""

    edited = Signal()

    def __init__(self, taken: str = "") -> None:
        super().__init__()
        self.taken = taken
        self.controls: dict[str, QWidget] = {}
        self.rows = QFormLayout(self)
        self.rows.setContentsMargins(0, 0, 0, 0)
        self.rows.setVerticalSpacing(GRID)
        self.rows.setHorizontalSpacing(GRID)

    def show_plugin(self, plugin: PluginView, values: Mapping[str, Any] | None = None) -> None:
        """Makes one control for each setting, filled with `values` or else the defaults."""
        while self.rows.rowCount():
            self.rows.removeRow(0)
        self.controls = {}
        marked = mnemonics([view.label for view in plugin.settings], self.taken)
        for view, text in zip(plugin.settings, marked, strict=True):
            self.add(view, text, (values or {}).get(view.name, view.default))
        self.edited.emit()

    def add(self, view: SettingView, text: str, value: Any) -> None:
        """One row: its label goes to its control, its help is the tooltip."""
        # Made for this value, which may need more decimals than the default.
        control = MAKERS[view.kind](replace(view, default=value))
        control.setMinimumWidth(10 * GRID)
        named(control, view.label, view.help)
        letter = text[text.find("&") + 1] if "&" in text else ""
        control.setProperty("key", f"Alt+{letter.upper()}" if letter else "")
        set_value(control, value)
        self.controls[view.name] = control
        if isinstance(control, QCheckBox):
            control.setText(text)
            self.rows.addRow(control)
        else:
            name = buddy(text, control)
            name.setMinimumHeight(4 * GRID)
            self.rows.addRow(name, control)
        self.listen(control)

    def listen(self, control: QWidget) -> None:
        for signal in ("toggled", "valueChanged", "currentIndexChanged", "textChanged"):
            if hasattr(control, signal):
                getattr(control, signal).connect(lambda *_: self.edited.emit())

    @property
    def values(self) -> dict[str, Any]:
        return {name: value_of(control) for name, control in self.controls.items()}
