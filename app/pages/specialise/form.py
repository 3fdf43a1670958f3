"""What a search for a subnet is asked for: the target, the budget, resolutions and limits.

In the window the target is “At most … ms an image” and the budget “Try … networks”.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QDoubleSpinBox,
    QFormLayout,
    QGridLayout,
    QSizePolicy,
    QSpinBox,
    QWidget,
)

from app import theme
from app.theme import GRID
from app.widgets.controls import buddy, button, column, indented, label, named, row

TARGET = (
    "The longest time that one image may take on this computer, in milliseconds: the target. It "
    "is the line in the plot, which you can drag"
)
BUDGET = (
    "How many smaller networks are tried on your images. Each takes a moment; more of them find a "
    "better one"
)
RESOLUTIONS = (
    "How large images are when they enter the network. Smaller ones are faster and show less"
)
LIMITS = (
    ("macs", "&MACs", "Alt+M", " M", "At most so many million multiplications for one image"),
    ("parameters", "Pa&rameters", "Alt+R", " M", "At most so many million learnt numbers"),
    ("memory", "M&emory", "Alt+E", " MiB", "At most so much memory while an image is looked at"),
    ("file_mb", "F&ile", "Alt+I", " MB", "An exported file of at most this size"),
)


def amount(suffix: str, name: str, help: str, key: str) -> QDoubleSpinBox:
    """A field for a limit; 0 is none."""
    made = indented(QDoubleSpinBox())
    made.setRange(0, 1e6)
    made.setDecimals(2)
    made.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
    made.setSpecialValueText("no limit")
    made.setSuffix(suffix)
    named(made, name, help, key)
    return made


class SearchForm(QWidget):
    """The controls of a search; `values` are the settings of the job."""

    target_set = Signal(float)

    def __init__(self) -> None:
        super().__init__()
        self.target = amount(" ms an image", "At most", TARGET, "Alt+T")
        self.budget = indented(QSpinBox())
        self.budget.setRange(2, 5000)
        self.budget.setValue(60)
        self.budget.setSuffix(" networks")
        named(self.budget, "Networks to try", BUDGET, "Alt+Y")
        self.sizes: dict[int, QCheckBox] = {}
        self.size_grid = QGridLayout()
        self.size_grid.setSpacing(0)
        self.size_title = label("Resolutions in pixels", "muted")
        self.size_title.setToolTip(RESOLUTIONS)
        self.limits = {
            name: amount(unit, text.replace("&", ""), help, key)
            for name, text, key, unit, help in LIMITS
        }
        self.fold = button(
            "More limits",
            "Limits for multiplications, parameters, memory and file size",
            self.toggle,
            key="Ctrl+Shift+L",
            icon="chevron",
            kind="link",
        )
        self.target.setStepType(QDoubleSpinBox.StepType.DefaultStepType)
        self.lay_out()
        self.target.valueChanged.connect(self.target_set)

    def lay_out(self) -> None:
        """Target and budget, the resolutions, and the limits, which are folded away at first."""
        self.first = self.form([("At mos&t", self.target), ("Tr&y", self.budget)])
        self.limit_rows = QWidget()
        self.limit_rows.setLayout(
            self.form([(text, self.limits[name]) for name, text, *_ in LIMITS])
        )
        self.limit_rows.hide()
        self.fold.setCheckable(True)
        fold = row(self.fold, 0)
        self.setLayout(column(self.first, self.size_title, self.size_grid, fold, self.limit_rows))
        self.size_title.hide()

    def form(self, lines: Sequence[tuple[str, QAbstractSpinBox]]) -> QFormLayout:
        """Rows of a label and a control, all controls equally wide."""
        made = QFormLayout()
        made.setContentsMargins(0, 0, 0, 0)
        made.setVerticalSpacing(GRID)
        made.setHorizontalSpacing(GRID)
        for text, control in lines:
            name = buddy(text, control)
            name.setMinimumHeight(4 * GRID)
            name.setMinimumWidth(6 * GRID)
            name.setToolTip(control.toolTip())
            control.setMinimumWidth(12 * GRID)
            control.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            made.addRow(name, control)
        return made

    def toggle(self) -> None:
        self.limit_rows.setVisible(self.fold.isChecked())
        theme.put_icon(self.fold, "chevron-up" if self.fold.isChecked() else "chevron", pixels=18)

    def show_resolutions(self, sizes: Sequence[int], chosen: Sequence[int] = ()) -> None:
        """A checkbox for each size that the supernet can look at; all are chosen unless told."""
        if list(sizes) == list(self.sizes):
            return
        for made in self.sizes.values():
            self.size_grid.removeWidget(made)
            made.deleteLater()
        self.sizes = {size: QCheckBox(f"{size}") for size in sizes}
        for number, (size, made) in enumerate(self.sizes.items()):
            key = f"Alt+{number + 1}" if number < 9 else ""
            named(made, f"Resolution {size}", f"Also tries networks at {size} × {size} pixels", key)
            made.setShortcut(key)
            made.setChecked(not chosen or size in chosen)
            self.size_grid.addWidget(made, number // 3, number % 3)
        self.size_title.setVisible(bool(sizes))

    def show_budget(self, shown: bool) -> None:
        """Whether a person says how many networks are tried; where few are, all of them are."""
        self.first.setRowVisible(self.budget, shown)

    def show_step(self, step: float) -> None:
        """The target's arrows go by so many milliseconds."""
        self.target.setDecimals(3 if step < 0.01 else 2)
        self.target.setSingleStep(step)

    def set_target(self, milliseconds: float) -> None:
        """Shows a target that was set elsewhere, and tells nobody."""
        self.target.blockSignals(True)
        self.target.setValue(milliseconds)
        self.target.blockSignals(False)

    @property
    def values(self) -> dict[str, Any]:
        """The settings of the job `specialise`. No chosen resolution means all of them."""
        return {
            "latency_ms": self.target.value(),
            "budget": self.budget.value(),
            "resolutions": [size for size, made in self.sizes.items() if made.isChecked()],
            **{name: control.value() for name, control in self.limits.items()},
        }
