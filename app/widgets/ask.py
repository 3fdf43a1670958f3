"""Small questions to a person: a name, a class, yes or no."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QDialog, QDialogButtonBox, QLineEdit, QWidget

from app.widgets.controls import buddy, button, column, label, named, row


def ask(parent: QWidget, title: str, control: QWidget | None, text: str, yes: str) -> bool:
    """A dialog with a sentence, at most one control, and two buttons."""
    dialog = QDialog(parent)
    dialog.setWindowTitle(title)
    dialog.setMinimumWidth(400)
    buttons = QDialogButtonBox()
    agree = buttons.addButton(yes, QDialogButtonBox.ButtonRole.AcceptRole)
    agree.setObjectName("primary")
    named(agree, yes, title, "Return")
    refuse = buttons.addButton("Cancel", QDialogButtonBox.ButtonRole.RejectRole)
    named(refuse, "Cancel", "Changes nothing", "Esc")
    buttons.accepted.connect(dialog.accept)
    buttons.rejected.connect(dialog.reject)
    sentence = buddy(text, control) if control is not None else label(text, wrap=True)
    middle = [control] if control is not None else []
    dialog.setLayout(
        column(label(title, "heading", wrap=True), sentence, *middle, 8, buttons, edge=24)
    )
    agreed = dialog.exec() == QDialog.DialogCode.Accepted
    dialog.deleteLater()
    return agreed


def choose(
    parent: QWidget, title: str, text: str, answers: Sequence[tuple[str, str, Callable[[], object]]]
) -> None:
    """Opens a dialog with a button for each answer (words, help, what it does), the first being
    the usual one, and Cancel. It returns at once: whoever dropped something here is let go."""
    dialog = QDialog(parent)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setWindowTitle(title)
    dialog.setMinimumWidth(480)
    line = row(0, button("Cancel", "Changes nothing", dialog.reject, key="Esc"))
    for number, (words, help, act) in enumerate(answers):

        def answer(act: Callable[[], object] = act) -> None:
            dialog.accept()
            act()

        usual = number == 0
        made = button(words, help, answer, kind="primary" if usual else "")
        named(made, words, help, "Return" if usual else "")
        made.setDefault(usual)
        line.insertWidget(2, made)
    dialog.setLayout(
        column(label(title, "heading", wrap=True), label(text, wrap=True), 8, line, edge=24)
    )
    dialog.open()


def type_name(parent: QWidget, title: str, text: str, value: str = "") -> str:
    """A name that a person typed, or nothing."""
    field = QLineEdit(value)
    named(field, text, title, "Alt+N")
    field.selectAll()
    return field.text().strip() if ask(parent, title, field, f"&{text}", "OK") else ""


def choose_class(
    parent: QWidget, title: str, names: Sequence[str], fixed: bool = False, first: str = ""
) -> str:
    """One of the classes, `first` being proposed; unless `fixed`, a new name can be typed."""
    field = QComboBox()
    field.addItems(list(names))
    field.setCurrentIndex(max(0, field.findText(first, Qt.MatchFlag.MatchExactly)))
    field.setEditable(not fixed)
    named(field, "Class", title, "Alt+C")
    if edit := field.lineEdit():  # so that typing takes the proposal's place
        edit.selectAll()
    text = "&Class" if fixed else "&Class, or a new name"
    return field.currentText().strip() if ask(parent, title, field, text, "OK") else ""


def confirm(parent: QWidget, title: str, text: str, yes: str) -> bool:
    return ask(parent, title, None, text, yes)
