"""The dialog that makes a rule: when sure of which class, what is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDoubleSpinBox,
    QFileDialog,
    QLineEdit,
    QWidget,
)

from app.pages.live.mqtt_fields import MqttFields
from app.widgets.controls import buddy, button, column, indented, label, named, row

ANY = "*"
ANY_CLASS = "any class"
ACTIONS = {
    "copy": ("Copy the image into a folder", "Folder", "The folder that images are copied into"),
    "csv": ("Add a line to a CSV file", "File", "The CSV file, made if it is not there"),
    "run": (
        "Call a program",
        "Program",
        "It gets three more words: the image's file, the class, and its probability",
    ),
    "post": (
        "Send the class to a web address",
        "Address",
        "It begins with http:// or https:// and gets the class as JSON",
    ),
    "mqtt": ("Publish the class by MQTT", "", ""),
}
"""What can be done: its words, what is to be named, and what that is."""
MISSING = "Say where to: a folder, a file, a program, or a web address."


def in_words(rule: dict[str, Any]) -> str:
    """A rule as the page lists it."""
    name = ANY_CLASS if rule["name"] == ANY else rule["name"]
    words = {"copy": "copy into", "csv": "add a line to", "run": "call", "post": "send to"}
    words["mqtt"] = "publish to"
    image = " with the image" if rule.get("image") else ""
    return f"{name}: {words[rule['do']]} {rule['to']}{image}"


class RuleDialog(QDialog):
    """Asks for one rule; `made` is called with it."""

    def __init__(
        self, parent: QWidget, names: Sequence[str], made: Callable[[dict[str, Any]], object]
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("A rule")
        self.setMinimumWidth(520)
        self.made = made
        self.name, self.do, self.to = QComboBox(), QComboBox(), QLineEdit()
        self.name.addItems([ANY_CLASS, *names])
        self.do.addItems([words for words, _, _ in ACTIONS.values()])
        self.least, self.rest = indented(QDoubleSpinBox()), indented(QDoubleSpinBox())
        self.image, self.mqtt = QCheckBox("Send the &image, too"), MqttFields()
        self.news = label("", "warning", wrap=True)
        self.what = buddy("", self.to)
        self.make_controls()
        self.lay_out()
        self.do.currentIndexChanged.connect(self.show_action)
        self.show_action()

    def make_controls(self) -> None:
        """Names, keys and bounds of what a rule is made of."""
        named(self.name, "Class", "When the answer is this class", "Alt+C")
        named(self.do, "What is done", "Once for as long as the rule rests", "Alt+D")
        named(self.least, "How sure", "The smoothed probability must be at least this", "Alt+S")
        named(self.rest, "Rest", "Once it was done, it is not done again for so long", "Alt+R")
        help = "Without it the address gets the class, its probability and the time alone"
        named(self.image, "Send the image", help, "Alt+I")
        self.least.setRange(0, 100)
        self.least.setDecimals(0)
        self.least.setSuffix(" %")
        self.least.setValue(90)
        self.rest.setRange(0, 86_400)
        self.rest.setDecimals(1)
        self.rest.setSuffix(" s")
        self.rest.setValue(10)
        self.browse = button(
            "Browse …", "Chooses the folder or file", self.choose, key="Ctrl+O", icon="folder"
        )
        self.browse.setAutoDefault(False)

    def lay_out(self) -> None:
        """A line for each part of the rule, and the buttons below."""
        keep = button(
            "Add", "Adds the rule; it holds while the page watches", self.keep, kind="primary"
        )
        named(keep, "Add", "Adds the rule; it holds while the page watches", "Return")
        keep.setDefault(True)
        cancel = button("Cancel", "Adds nothing", self.reject, key="Esc")
        self.setLayout(
            column(
                label("When sure of a class, do", "big"),
                8,
                row(buddy("&Class", self.name), self.name, 0),
                row(buddy("How &sure, at least", self.least), self.least, 0),
                row(buddy("&Do", self.do), self.do, 0),
                8,
                self.what,
                row(self.to, self.browse),
                self.mqtt,
                self.image,
                8,
                row(buddy("Then &rest for", self.rest), self.rest, 0),
                self.news,
                row(0, cancel, keep),
                edge=24,
            )
        )

    @property
    def action(self) -> str:
        return list(ACTIONS)[self.do.currentIndex()]

    def show_action(self) -> None:
        """What is to be named for what is done."""
        _, what, help = ACTIONS[self.action]
        mqtt = self.action == "mqtt"
        self.what.setText(f"&To which {what.lower()}")
        named(self.to, what, help, "Alt+T")
        for each in (self.what, self.to):
            each.setVisible(not mqtt)
        self.mqtt.setVisible(mqtt)
        self.browse.setVisible(self.action not in ("post", "mqtt"))
        self.image.setVisible(self.action in ("post", "mqtt"))
        self.adjustSize()

    def choose(self) -> None:
        """Asks for the folder, the table or the program that the rule is about."""
        if self.action == "copy":
            path = QFileDialog.getExistingDirectory(self, "Copy into", self.to.text())
        elif self.action == "csv":
            path, _ = QFileDialog.getSaveFileName(
                self,
                "Add lines to",
                self.to.text(),
                options=QFileDialog.Option.DontConfirmOverwrite,
            )
        else:
            path, _ = QFileDialog.getOpenFileName(self, "Call a program", self.to.text())
            path = f'"{path}"' if " " in path else path
        if path:
            self.to.setText(path)

    def keep(self) -> None:
        """Gives the rule away where it is whole; otherwise says what is missing."""
        if why := self.wrong():
            self.news.setText(why)
            return
        any_class, mqtt = self.name.currentIndex() == 0, self.action == "mqtt"
        rule: dict[str, Any] = {
            "name": ANY if any_class else self.name.currentText(),
            "do": self.action,
            "to": self.mqtt.address() if mqtt else self.to.text().strip(),
            "least": self.least.value() / 100,
            "rest": self.rest.value(),
        }
        if self.image.isVisibleTo(self) and self.image.isChecked():
            rule["image"] = True
        if mqtt and self.mqtt.password.text():
            rule["password"] = self.mqtt.password.text()
        self.made(rule)
        self.accept()

    def wrong(self) -> str:
        """What is missing, in a sentence; empty where nothing is."""
        to = self.to.text().strip()
        if self.action == "mqtt":
            return self.mqtt.wrong()
        if not to:
            return MISSING
        if self.action == "post" and not to.startswith(("http://", "https://")):
            return "A web address begins with http:// or https://."
        return ""
