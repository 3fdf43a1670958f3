"""Who answers on the Live page: this project, or an exported file, which needs no project."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import QComboBox, QFileDialog, QPushButton, QWidget

from app.bridge import Bridge
from app.shell.preferences import Preferences
from app.widgets.controls import Elided, buddy, button, named, row
from engine.events import Ended, ProjectView
from engine.export.endings import READERS
from engine.results.live import ModelFile
from engine.system.words import plural

KEPT, LATEST = "live model", "live models"
"""The file that was chosen, empty for the project; and those that were chosen before."""
MOST = 6
PROJECT, NONE = "This project", "No model yet"
BELOW = "Source "
"""What stands in the line below: both fields begin at one edge."""
FILES = f"Exported models ({' '.join(f'*{ending}' for ending in READERS)});;All files (*)"
GONE = "“{name}” is not there any more, so it can't answer. Choose another model."
OPENING = "One moment …"
FIRST = "Choose a model first: “Model file …” takes any that Espalier exported."
HELP = "Who answers: this project, or a file that Espalier exported"


def in_words(classes: int, promise: float) -> str:
    """What a model knows, and the promise that is in force, on one line."""
    sure = f", at most {100 * promise:g} % wrong" if promise else ""
    return f"{plural(classes, 'class')}{sure}"


class ModelChoice(QWidget):
    """A list of models. `changed` comes when another one answers; wrong files end in a message."""

    changed = Signal()

    def __init__(
        self, bridge: Bridge, preferences: Preferences, tell: Callable[..., object]
    ) -> None:
        super().__init__()
        self.bridge, self.preferences, self.tell = bridge, preferences, tell
        self.project: ProjectView | None = None
        self.known: dict[str, ModelFile] = {}
        self.file = preferences.get(KEPT, "")
        self.question = 0
        self.list, self.said = QComboBox(), Elided("", "muted")
        self.list.setMinimumContentsLength(16)
        self.list.setMaximumWidth(400)
        named(self.list, "Model", HELP, "Alt+M")
        self.list.activated.connect(self.take_line)
        self.browse = self.choice_button("Model file …", "Ctrl+Shift+L")
        name = buddy("&Model", self.list)
        name.setMinimumWidth(name.fontMetrics().horizontalAdvance(BELOW))
        line = row(name, self.list, self.browse, self.said)
        line.setStretch(3, 1)
        line.setContentsMargins(0, 0, 0, 0)
        self.setLayout(line)
        self.refresh()

    def choice_button(self, text: str, key: str) -> QPushButton:
        help = "Chooses a file that Espalier exported, which then answers"
        return button(text, help, self.choose, key=key)

    # What answers.

    @property
    def ready(self) -> bool:
        """Whether anybody can answer: a file that opens, or a project that has learnt something."""
        return self.file in self.known if self.file else self.learnt

    @property
    def learnt(self) -> bool:
        return self.project is not None and self.project.current_step is not None

    @property
    def settings(self) -> Mapping[str, Any]:
        """What the job of watching is told."""
        return {"model": self.file} if self.file else {}

    @property
    def path(self) -> str:
        """Whose rules are shown."""
        return self.file or (self.project.path if self.project else "")

    @property
    def names(self) -> list[str]:
        """The classes that can be answered."""
        if self.file:
            told = self.known.get(self.file)
            return [*told["classes"], *told["groups"]] if told else []
        return [c.name for c in self.project.classes if c.known] if self.project else []

    @property
    def missing(self) -> str:
        """Why nobody answers yet, and what to do."""
        return OPENING if self.question else FIRST

    # Showing.

    def show_project(self, project: ProjectView | None) -> None:
        self.project = project
        self.refresh()

    def open_kept(self) -> None:
        """The file of last time is opened once it is needed."""
        if self.file and self.file not in self.known and not self.question:
            self.open(self.file)

    def refresh(self) -> None:
        """The list, and what is known of the model that is chosen."""
        files = list(dict.fromkeys([*filter(None, [self.file]), *self.latest]))[:MOST]
        self.list.clear()
        self.list.addItem(PROJECT if self.project else NONE, "")
        model = self.list.model()
        assert isinstance(model, QStandardItemModel)  # what a QComboBox makes itself
        model.item(0).setEnabled(self.learnt)
        for path in files:
            self.list.addItem(Path(path).name, path)
            self.list.setItemData(self.list.count() - 1, path, Qt.ItemDataRole.ToolTipRole)
        self.list.setCurrentIndex(self.list.findData(self.file))
        self.said.set_full(OPENING if self.question else self.known_in_words)

    @property
    def known_in_words(self) -> str:
        """Of whoever answers; nothing where nobody does."""
        if told := self.known.get(self.file):
            return in_words(len(told["classes"]), told["promise"])
        if self.file or self.project is None or not self.learnt:
            return ""
        return in_words(len(self.names), self.project.promise)

    @property
    def latest(self) -> list[str]:
        return [path for path in self.preferences.get(LATEST, []) if isinstance(path, str)]

    # Gestures.

    def choose(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "A model", "", FILES)
        if path:
            self.open(path)

    def take_line(self, place: int) -> None:
        path = self.list.itemData(place)
        if path != self.file:
            if path:
                self.open(path)
            else:
                self.use("")

    def open(self, path: str) -> None:
        """Asks what a file knows; if it can't answer, what was chosen before stays."""
        if self.question:
            self.bridge.drop(self.question)
        self.question = self.bridge.ask(
            "open_model", lambda ended: self.opened(path, ended), path=path
        )
        self.refresh()

    def opened(self, path: str, ended: Ended) -> None:
        """Takes a file that can answer; of another it is said why it can't, and it is forgotten."""
        self.question = 0
        if ended.how == "done":
            self.known[path] = ended.of(ModelFile)
            self.use(path)
            return
        if ended.how != "cancelled":
            text = ended.text if Path(path).exists() else GONE.format(name=Path(path).name)
            self.tell(text, "warning", topic="model")
        if path == self.file or path in self.latest:
            kept = [other for other in self.latest if other != path]
            self.preferences.put(LATEST, kept)
        if path == self.file:
            self.use("")
        else:
            self.refresh()

    def use(self, path: str) -> None:
        """Lets a model answer from now on, also after a restart; of no path, the project."""
        self.file = path
        self.preferences.put(KEPT, path)
        if path:
            self.preferences.put(LATEST, list(dict.fromkeys([path, *self.latest]))[:MOST])
        self.refresh()
        self.changed.emit()
