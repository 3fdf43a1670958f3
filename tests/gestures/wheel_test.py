"""A person scrolls with the wheel: what lies under the pointer stays as it was set."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QPoint, QPointF
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractSpinBox, QComboBox, QScrollArea, QWidget

from app.forms import value_of
from tests.helpers.window import Person

NOTCH = 120


def turns(widget: QWidget, notches: int = -1) -> None:
    """Turns the wheel over the middle of a widget: the event comes to its window as from the
    system, and Qt finds who is under the pointer, who is to have the focus, and who scrolls."""
    window = widget.window()
    at = QPointF(widget.mapTo(window, widget.rect().center()))
    QTest.wheelEvent(window.windowHandle(), at, QPoint(0, NOTCH * notches))


def fields(page: QWidget) -> list[Any]:
    """The lists and numbers of a page that can be seen and set."""
    kinds = (QComboBox, QAbstractSpinBox)
    found = [made for made in page.findChildren(QWidget) if isinstance(made, kinds)]
    return [made for made in found if made.isEnabled() and not made.visibleRegion().isEmpty()]


def shown(made: Any) -> Any:
    return made.currentIndex() if isinstance(made, QComboBox) else made.value()


def test_the_wheel_changes_no_field_that_has_not_the_focus(learnt: Person) -> None:
    seen = 0
    for name in learnt.window.pages:
        page = learnt.page(name)
        if name == "Tune":
            open_own_settings(learnt)
        for field in fields(page):
            field.clearFocus()
            before = shown(field)
            for notches in (-1, 1):
                turns(field, notches)
                assert shown(field) == before, f"{field.accessibleName()} on {name}"
            assert not field.hasFocus(), f"{field.accessibleName()} on {name}"
            seen += 1
    assert seen > 6


def test_the_wheel_scrolls_a_page_over_its_fields_and_changes_the_one_with_the_focus(
    learnt: Person,
) -> None:
    learnt.window.resize(1024, 640)
    page = learnt.page("Tune")
    open_own_settings(learnt)
    learnt.presses("Ctrl+Shift+L")
    area = page.form.findChild(QScrollArea)
    bar, epochs = area.verticalScrollBar(), page.form.first.controls["epochs"]
    learnt.sees(lambda: bar.maximum() > 0)
    area.ensureWidgetVisible(epochs)
    page.form.choices["tuner"].setFocus()
    bar.setValue(bar.value() - 1)
    before, set_before = bar.value(), value_of(epochs)
    turns(epochs)
    assert bar.value() > before
    assert value_of(epochs) == set_before

    area.ensureWidgetVisible(epochs)
    epochs.setFocus()
    turns(epochs, 1)
    assert value_of(epochs) > set_before


def open_own_settings(person: Person) -> None:
    """The form in which everything can be set."""
    form = person.window.pages["Tune"].form
    person.sees(lambda: form.way.buttons and form.way.buttons["own"].isVisible())
    person.presses("Alt+O")
    person.sees(lambda: form.first.isVisible())
