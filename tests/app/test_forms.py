"""Forms: one control for each setting, of its kind, with its range, its help and a key."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QLocale
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QLabel,
    QLineEdit,
    QSpinBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app import theme
from app.forms import Form, FormArea, mnemonics
from app.shell.window import make_application
from engine.registry import PluginView, SettingView

VIEW = PluginView(
    "made",
    "Made up",
    "Help.",
    (
        SettingView("size", "Size", "int", 3, "How many.", least=1, most=9),
        SettingView("rate", "Rate", "float", 0.001, "How fast.", least=0.0, most=1.0),
        SettingView("cosine", "Cosine", "bool", True, "Directions only."),
        SettingView("update", "Update", "str", "few", "Which.", choices=("near", "few")),
        SettingView("note", "Note", "str", "", "Anything."),
    ),
)


@pytest.fixture
def form(qtbot: object) -> Form:
    made = Form()
    qtbot.addWidget(made)
    made.show_plugin(VIEW)
    return made


def test_a_form_begins_with_the_defaults(form: Form) -> None:
    assert form.values == {"size": 3, "rate": 0.001, "cosine": True, "update": "few", "note": ""}


def test_each_kind_has_its_control(form: Form) -> None:
    kinds = [QSpinBox, QDoubleSpinBox, QCheckBox, QComboBox, QLineEdit]
    assert all(map(isinstance, form.controls.values(), kinds))
    for view in VIEW.settings:
        control = form.controls[view.name]
        assert control.accessibleName() == view.label
        assert view.help in control.toolTip()


def test_numbers_have_no_zeros_at_their_end(form: Form) -> None:
    rate = form.controls["rate"]
    assert rate.text() == "0.001"
    for value, text in ((1.0, "1"), (0.5, "0.5"), (0.0, "0"), (0.01, "0.01")):
        rate.setValue(value)
        assert rate.text() == text
    rate.selectAll()
    QTest.keyClicks(rate, "0.50")
    assert rate.value() == 0.5


def test_numbers_are_written_in_one_way_whatever_the_system_speaks(qtbot: object) -> None:
    QLocale.setDefault(QLocale("de_DE"))
    make_application()
    made = Form()
    qtbot.addWidget(made)
    made.show_plugin(VIEW)
    rate = made.controls["rate"]
    assert rate.text() == "0.001", "as Python writes what stands beside it"
    rate.selectAll()
    QTest.keyClicks(rate, "0.5")
    assert rate.value() == 0.5


def test_numbers_begin_where_other_texts_do(form: Form, qtbot: object) -> None:
    """As the style sheet has it, which reaches no field inside a spin box."""
    make_application()
    theme.use("light")
    theme.dress(form)
    form.show()

    def left(field: QLineEdit) -> int:
        # The cursor stands before the first character.
        field.home(False)
        return field.mapTo(form, field.cursorRect().topLeft()).x()

    number, text = (form.controls[name] for name in ("size", "note"))
    qtbot.waitUntil(lambda: text.isVisible() and number.isVisible())
    assert abs(left(number.lineEdit()) - left(text)) <= 1


def test_a_number_can_be_typed_that_is_much_smaller_than_the_default(form: Form) -> None:
    rate = form.controls["rate"]
    rate.selectAll()
    QTest.keyClicks(rate, "0.000002")
    assert form.values["rate"] == 0.000002
    assert rate.text() == "0.000002"


def test_ranges_hold(form: Form) -> None:
    form.controls["size"].setValue(100)
    form.controls["rate"].setValue(-1)
    assert form.values["size"] == 9
    assert form.values["rate"] == 0.0


def test_kept_values_are_shown_and_edits_are_told(form: Form, qtbot: object) -> None:
    form.show_plugin(VIEW, {"size": 7, "update": "near"})
    assert form.values["size"] == 7
    assert form.values["update"] == "near"
    with qtbot.waitSignal(form.edited):
        form.controls["cosine"].setChecked(False)
    assert form.values["cosine"] is False


def test_another_plugin_takes_the_place_of_the_first(form: Form) -> None:
    form.show_plugin(PluginView("bare", "Bare", "Help.", ()))
    assert form.values == {}
    assert form.findChildren(QLabel) == []


def test_a_form_filled_while_hidden_is_as_high_as_its_rows(qtbot: object) -> None:
    form, page, stack = Form(), QWidget(), QStackedWidget()
    qtbot.addWidget(stack)
    area = FormArea(form, 300)
    inside = QVBoxLayout(page)
    inside.addWidget(area)
    inside.addStretch(1)
    stack.addWidget(QWidget())
    stack.addWidget(page)
    stack.resize(300, 600)
    stack.show()
    QApplication.processEvents()
    form.show_plugin(VIEW)
    QApplication.processEvents()

    stack.setCurrentWidget(page)

    qtbot.waitUntil(lambda: area.height() >= form.sizeHint().height() > 100)


def test_every_label_gets_a_letter_of_its_own() -> None:
    marked = mnemonics(["Size", "Seed", "Shrinkage"], taken="s")
    assert marked == ["S&ize", "S&eed", "S&hrinkage"]
