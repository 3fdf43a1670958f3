"""What looks different in a stream: a sentence for each alarm, and its images below."""

from __future__ import annotations

from pathlib import PurePath

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from app import theme
from app.bridge import Bridge
from app.widgets.controls import column, label, named, reach, row
from app.widgets.gallery import Gallery
from app.widgets.rows import ImageRows
from app.widgets.thumbs import Thumbnails
from app.widgets.viewer import Viewer
from engine.results.stream import Drift, Drifts
from engine.system.words import plural

SIDE = 64
"""Pixels of an image's longer side."""
ICON = 20


class Strip(Gallery):
    """A few images, all of which are seen: it is as high as the lines that they fill."""

    def __init__(self, rows: ImageRows, thumbs: Thumbnails) -> None:
        super().__init__(rows, thumbs, SIDE)
        self.tile.captions, self.tile.lines = False, 0
        self.setDragEnabled(False)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def updateGeometries(self) -> None:
        super().updateGeometries()
        lines = -(-max(self.rows.rowCount(), 1) // self.columns)
        self.setFixedHeight(lines * self.cell.height() + 2 * self.frameWidth())

    def minimumSizeHint(self) -> QSize:
        return QSize(self.cell.width(), super().minimumSizeHint().height())


class AlarmPart(QWidget):
    """What looks different since when, and the images that say so."""

    def __init__(self, bridge: Bridge, thumbs: Thumbnails, alarm: Drift) -> None:
        super().__init__()
        sign, said = QLabel(), label(alarm["sentence"], "heading", wrap=True)
        sign.setPixmap(theme.image("warning", theme.tokens().warning, 2 * ICON))
        sign.setScaledContents(True)
        sign.setFixedSize(ICON, ICON)
        said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        count = plural(len(alarm["images"]))
        after = f"Noticed after {plural(alarm['after'])}. The {count} that are least like before:"
        self.rows = ImageRows(bridge)
        self.rows.setParent(self)
        self.rows.give([row_of(alarm, place) for place in range(len(alarm["images"]))])
        self.gallery = Strip(self.rows, thumbs)
        help = "Return, or a double click, looks closer"
        named(self.gallery, f"Images: {alarm['sentence']}", help)
        self.gallery.opened.connect(lambda at: Viewer(self.rows, at, self.window()).open())
        head = row(sign, said)
        head.setStretch(1, 1)
        self.setLayout(column(head, label(after, "muted", wrap=True), self.gallery, gap=4))


def row_of(alarm: Drift, place: int) -> dict[str, object]:
    """An image of an alarm as lists of images show it: made small from its own file."""
    path, file = alarm["images"][place], alarm["files"][place]
    return {
        "id": place,
        "path": path,
        "file": file,
        "thumb": (file, 0, 0),
        "class": alarm["class"] or PurePath(path).parent.name,
    }


class Alarms(QWidget):
    """All alarms, one below the other, and what was not found."""

    def __init__(self, bridge: Bridge, thumbs: Thumbnails) -> None:
        super().__init__()
        self.bridge, self.thumbs = bridge, thumbs
        self.parts: list[AlarmPart] = []
        self.says = label("", wrap=True)
        self.says.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.below: QVBoxLayout = column(gap=16)
        self.setLayout(column(self.below, self.says, 0, gap=16))

    def show_drift(self, drift: Drifts) -> None:
        """Shows these alarms in place of those before."""
        for part in self.parts:
            self.below.removeWidget(part)
            part.deleteLater()
        self.parts = [AlarmPart(self.bridge, self.thumbs, one) for one in drift["alarms"]]
        for part in self.parts:
            self.below.addWidget(part)
        if self.parts:
            reach(self.parts[0].gallery, "Alt+I")
        self.say(drift["says"])

    def say(self, words: str) -> None:
        """What was not found, and what could not have been."""
        self.says.setText(words)
        self.says.setVisible(bool(words))
