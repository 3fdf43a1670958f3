"""Every control of every page has a name, a tooltip, and a way to it from the keyboard."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QComboBox,
    QDialog,
    QHeaderView,
    QLabel,
    QLineEdit,
    QScrollArea,
    QScrollBar,
    QWidget,
)

from app.pages.try_it.answers import AnswerBars
from app.shell.backbones import BackboneDialog
from app.shell.notices import NoticeCard
from app.shell.shortcuts import ShortcutsDialog
from app.shell.window import Window
from app.widgets.plots import Plot
from tests.helpers.window import Person

CONTROLS = (QAbstractButton, QAbstractItemView, QAbstractSpinBox, QComboBox, QLineEdit, Plot)


def is_part(widget: QWidget) -> bool:
    """Parts that Qt makes inside a control: the list of a combo box, the field of a spin box."""
    parent = widget.parent()
    while parent is not None:
        if isinstance(parent, QComboBox | QAbstractSpinBox | QScrollBar | QHeaderView):
            return True
        parent = parent.parent()
    inside_table = isinstance(widget.parent(), QAbstractItemView)
    return isinstance(widget, QHeaderView) or inside_table


def waits(widget: QWidget) -> bool:
    """Whether it belongs to a message behind the newest one, whose keys it gets after it."""
    card = widget.parent()
    while card is not None and not isinstance(card, NoticeCard):
        card = card.parent()
    return card is not None and not card.close_button.property("key")


def controls(root: QWidget) -> list[QWidget]:
    found = [w for w in root.findChildren(QWidget) if isinstance(w, CONTROLS)]
    return [w for w in found if not is_part(w) and not waits(w)]


def real_keys(root: QWidget, widget: QWidget) -> set[str]:
    """Keys that do something: the widget's own, those of actions and of shortcuts around it."""
    found = {widget.shortcut().toString()} if isinstance(widget, QAbstractButton) else set()
    for place in (root, *root.findChildren(QWidget)):
        found |= {action.shortcut().toString() for action in place.actions()}
    shortcuts = {made.key().toString() for made in root.findChildren(QShortcut)}
    return {QKeySequence(key).toString() for key in found | shortcuts}


def complaints(root: QWidget) -> list[str]:
    """What is missing, control by control."""
    labelled = {label.buddy() for label in root.findChildren(QLabel) if label.buddy()}
    found = []
    for widget in controls(root):
        name = widget.accessibleName()
        what = f"{type(widget).__name__} {name or widget.objectName() or '(nameless)'}"
        if not name:
            found.append(f"{what}: no accessible name")
        if not widget.toolTip() and not isinstance(widget, Plot):
            found.append(f"{what}: no tooltip")
        reachable = widget.property("key") or widget in labelled
        if not reachable and widget.focusPolicy().value == 0:
            found.append(f"{what}: no key and no focus")
        if isinstance(widget, QAbstractButton) and not reachable:
            found.append(f"{what}: no key")
        key = QKeySequence(widget.property("key") or "").toString()
        if key and widget not in labelled and key not in real_keys(root, widget):
            found.append(f"{what}: {key} does nothing")
    return found


def test_every_control_of_the_window_is_named_and_has_a_key(learnt: Person) -> None:
    window: Window = learnt.window
    for name in window.pages:
        learnt.page(name)
    learnt.sees(lambda: learnt.window.pages["Learn"].form.controls)
    learnt.page("Tune")
    learnt.sees(lambda: learnt.window.pages["Tune"].form.first.controls)
    assert len(controls(window)) > 40
    assert complaints(window) == []


@pytest.mark.parametrize(
    "name",
    ["Images", "Sort", "Map", "Learn", "Compare", "Tune", "Specialise", "Try", "Live", "Export"],
)
def test_no_key_is_taken_twice_on_a_page(learnt: Person, name: str) -> None:
    """Two controls with one key would both stay silent."""
    window: Window = learnt.window
    page = learnt.page(name)
    learnt.sees(lambda: learnt.window.pages["Learn"].form.controls)
    if name == "Tune":
        learnt.sees(lambda: page.form.more.controls)
        page.form.fold.click()
    keys: dict[str, str] = {}
    for root in (window.header, window.rail, window.steps, window.notices, window.job_bar, page):
        for widget in controls(root):
            key = widget.property("key")
            # A plot's own key works while the plot has the focus.
            if key and widget.isVisible() and not isinstance(widget.parent(), Plot):
                taken = keys.setdefault(key, widget.accessibleName())
                assert taken == widget.accessibleName(), f"{key}: {taken}"


def test_pictures_and_plots_tell_what_they_show(learnt: Person) -> None:
    for widget in learnt.window.findChildren(Plot):
        assert widget.accessibleName() == widget.title
    bars = learnt.window.findChild(AnswerBars)
    bars.show_answer({"cat": 0.9, "dog": 0.1}, known=False)
    assert bars.accessibleDescription() == "None of these. Nearest: cat, dog"


def test_the_overview_lists_the_keys_of_all_pages(learnt: Person) -> None:
    learnt.presses("F1")

    learnt.sees(lambda: learnt.window.findChild(ShortcutsDialog))
    dialog = learnt.window.findChild(ShortcutsDialog)
    words = {label.text() for label in dialog.findChildren(QLabel)}
    assert {"Everywhere", *learnt.window.pages} <= words
    assert {"Ctrl+L", "Ctrl+E", "F2", "Ctrl+Z", "Esc"} <= words
    assert complaints(dialog) == []
    place = dialog.findChild(QScrollArea)
    assert place.widget().width() <= place.viewport().width(), "no key is cut off"
    dialog.close()


def test_the_backbone_dialog_lists_what_can_be_chosen(owner: Person) -> None:
    owner.window.header.backbone.click()
    owner.sees(lambda: owner.window.findChild(BackboneDialog))
    dialog: QDialog = owner.window.findChild(BackboneDialog)

    owner.sees(lambda: dialog.rows.rowCount() >= 15)

    assert complaints(dialog) == []
    assert dialog.rows.rows[dialog.table.currentIndex().row()]["name"] == "squeezenet1_1"
    dialog.reject()
