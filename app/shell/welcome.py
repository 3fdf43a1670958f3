"""The window without a project: how to begin."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from app import theme
from app.widgets.controls import button, calling, card, column, label, named, pack, row
from app.widgets.rows import short

PROMISE = (
    "Drop folders of images, one for each class, or images that are not sorted yet. They are "
    "learnt in seconds, and you get a classifier that you can try, question and export."
)


class WelcomePage(QWidget):
    """Four ways to begin, and the projects that were open last."""

    new_asked = Signal()
    open_asked = Signal()
    sample_asked = Signal()
    recent_asked = Signal(str)
    live_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("welcome")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.recent = QWidget()
        self.recent_rows = pack(QVBoxLayout(self.recent), gap=4)
        middle = column(
            0,
            row(
                self.sign(), column(label("Espalier", "title"), label(PROMISE, "muted", wrap=True))
            ),
            8,
            self.ways(),
            8,
            self.recent,
            0,
            gap=16,
        )
        centre = QWidget()
        centre.setFixedWidth(640)
        centre.setLayout(middle)
        self.setLayout(row(0, centre, 0))

    def sign(self) -> QLabel:
        made = QLabel()
        image = theme.image("espalier", theme.DRAWN, 144)
        image.setDevicePixelRatio(2)
        made.setPixmap(image)
        made.setFixedSize(QSize(88, 72))
        made.setAlignment(Qt.AlignmentFlag.AlignTop)
        return made

    def ways(self) -> QWidget:
        """The invitation to drop, and the buttons."""
        sample = button(
            "Open the sample",
            "Draws a few hundred images, learns them, and shows how well that went",
            self.sample_asked.emit,
            icon="sample",
        )
        new = button(
            "New project",
            "Makes an empty project under a name that you give it",
            self.new_asked.emit,
            icon="plus",
            kind="primary",
        )
        old = button("Open", "Opens a project from its folder", self.open_asked.emit, icon="folder")
        live = button(
            "Watch live",
            "Lets a file that Espalier exported answer what a camera, a film or a folder shows",
            self.live_asked.emit,
            key="Ctrl+Shift+V",
            icon="live",
        )
        for made, key in ((new, "Ctrl+N"), (old, "Ctrl+O"), (sample, "Ctrl+Shift+O")):
            # The menu of the window owns these keys; the buttons only tell them.
            named(made, made.text(), made.accessibleDescription(), key)
        self.setFocusProxy(new)
        return card(
            label("Drop a folder anywhere in this window to start", "heading"),
            label("Or begin with one of these:", "muted"),
            row(new, old, sample, live, 0),
            gap=12,
            edge=24,
        )

    def show_recent(self, paths: list[str], names: Mapping[str, str]) -> None:
        """Lists the projects that were open last, each as a button."""
        while self.recent_rows.count():
            item = self.recent_rows.takeAt(0)
            shown = item.widget() if item is not None else None
            if shown is not None:
                shown.deleteLater()
        if paths:
            self.recent_rows.addWidget(label("Recent projects", "heading"))
        for number, path in enumerate(paths[:5], 1):
            place = Path(path)
            name = names.get(path, place.stem)
            made = button(
                f"{name}\n{short(str(place.parent))}",
                f"Opens {path}",
                calling(self.recent_asked.emit, path),
                key=f"Alt+{number}",
                icon="folder",
                kind="recent",
            )
            named(made, f"Open the project {name}", f"Opens {path}", f"Alt+{number}")
            self.recent_rows.addWidget(made)
