"""Names a project before it is made, and says where it is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QFileDialog, QLineEdit, QWidget

from app.widgets.controls import Elided, buddy, button, column, label, named, row
from app.widgets.names import folder_name
from app.widgets.rows import short, shown

SUFFIX = ".espalier"
PROPOSED = "My classes"
LONGEST = 100
"""Letters of a name, as the engine takes them."""


def name_for(paths: Sequence[str]) -> str:
    """What to call a project of these folders: as the folder, or the one around several."""
    first = Path(paths[0])
    alone = len(paths) == 1 and first.is_dir()
    return shown((first if alone else first.parent).name) or PROPOSED


def free_path(folder: Path, name: str) -> Path:
    """A project's path that is not taken: NAME.espalier, NAME 2.espalier and so on."""
    name = folder_name(name)
    path, number = folder / f"{name}{SUFFIX}", 2
    while path.exists():
        path, number = folder / f"{name} {number}{SUFFIX}", number + 1
    return path


class ProjectDialog(QDialog):
    """Asks for a name; `make` is called with it and with the path that is free for it."""

    def __init__(
        self,
        parent: QWidget,
        folder: Path,
        text: str,
        make: Callable[[str, Path], object],
        name: str = PROPOSED,
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("New project")
        self.setMinimumWidth(520)
        self.folder, self.make = folder, make
        proposed = free_path(folder, name).name.removesuffix(SUFFIX)
        self.field = QLineEdit(proposed)
        self.field.setMaxLength(LONGEST)
        self.field.selectAll()
        named(self.field, "Name", "How the project is called; it can be renamed later", "Alt+N")
        self.place = Elided("", "muted")
        self.create_button = button(
            "Create", "Makes the project", self.create_it, key="Return", kind="primary"
        )
        self.lay_out(text)
        self.field.textChanged.connect(self.show_place)
        self.show_place()

    def lay_out(self, text: str) -> None:
        """The name, where the project is kept, and the two answers."""
        change = button(
            "Another folder …", "Chooses where the project is kept", self.choose, key="Ctrl+O"
        )
        change.setAutoDefault(False)
        cancel = button("Cancel", "Makes nothing", self.reject, key="Esc")
        cancel.setAutoDefault(False)
        line = row(self.place, change)
        line.setStretch(0, 1)
        self.setLayout(
            column(
                label("New project", "big"),
                label(text, "muted", wrap=True),
                8,
                buddy("&Name", self.field),
                self.field,
                label("It is kept in", "muted"),
                line,
                8,
                row(0, cancel, self.create_button),
                edge=24,
            )
        )
        self.field.setFocus()

    @property
    def name(self) -> str:
        return " ".join(self.field.text().split())

    def show_place(self) -> None:
        self.create_button.setEnabled(bool(self.name))
        self.place.set_full(short(str(free_path(self.folder, self.name))))

    def choose(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Keep the project in", str(self.folder))
        if path:
            self.folder = Path(path)
            self.show_place()

    def create_it(self) -> None:
        if self.name:
            self.make(self.name, free_path(self.folder, self.name))
            self.accept()
