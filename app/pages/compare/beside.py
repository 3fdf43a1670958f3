"""Two rows of a study side by side: how often they agree, and the images that one has right."""

from __future__ import annotations

from PySide6.QtWidgets import QComboBox, QWidget

from app.bridge import Bridge
from app.widgets.captions import Caption, Name
from app.widgets.controls import Elided, column, laid_out, named, reach
from app.widgets.gallery import Gallery
from app.widgets.rows import ImageRows
from app.widgets.thumbs import Thumbnails
from app.widgets.viewer import Viewer
from engine.events import Ended
from engine.results.compare import SideBySide

CHOOSE = "Choose a row in the table above, or two with Ctrl: one alone is put beside the best."
PARTS = (
    ("first", "Only {0} is right"),
    ("second", "Only {1} is right"),
    ("neither", "Neither is right"),
    ("both", "Both are right"),
)
SIDE = 96
"""Pixels of an image's longer side."""


class Beside(QWidget):
    """Counts above; below them the images of one part, which a click opens."""

    def __init__(self, bridge: Bridge, thumbs: Thumbnails) -> None:
        super().__init__()
        self.bridge, self.question = bridge, 0
        self.names: tuple[str, str] | None = None
        self.counts = Elided(CHOOSE, "muted")
        self.part = QComboBox()
        named(self.part, "Which images", "Which of the held-out images are shown")
        reach(self.part, "Alt+W")
        for name, words in PARTS:
            self.part.addItem(words.format("the first", "the second"), name)
        self.rows = ImageRows(bridge)
        self.gallery = Gallery(self.rows, thumbs, SIDE)
        self.gallery.tile.lines = 2
        self.gallery.setMinimumHeight(self.gallery.cell.height())
        help = "Images with both answers; Return, or a double click, looks closer"
        named(self.gallery, "Images side by side", help)
        reach(self.gallery, "Alt+I")
        self.setLayout(column(self.part, self.counts, self.gallery, gap=4))
        laid_out(self).setStretch(2, 1)
        self.part.currentIndexChanged.connect(lambda _: self.ask())
        self.gallery.opened.connect(lambda at: Viewer(self.rows, at, self.window()).open())

    def show_rows(self, names: tuple[str, str] | None) -> None:
        """Asks about these two rows; nothing where there are no two."""
        self.names = names
        if names is None:
            self.drop()
            self.rows.give([])
            self.counts.set_full(CHOOSE)
        else:
            self.ask()

    def ask(self) -> None:
        """While it is looked at: an answer from before is for other rows."""
        self.drop()
        if self.names is not None and self.isVisible():
            first, second = self.names
            self.question = self.bridge.ask(
                "side_by_side", self.take, first=first, second=second, part=self.part.currentData()
            )

    def drop(self) -> None:
        self.bridge.drop(self.question)
        self.question = 0

    def take(self, ended: Ended) -> None:
        """Counts and images, each with what both rows say of it."""
        self.question = 0
        if ended.how != "done":
            self.rows.give([])
            self.counts.set_full(ended.text)
            return
        found = ended.of(SideBySide)
        alike, images = found["alike"], found["images"]
        self.counts.set_full(
            f"Answered alike: {alike:,} of {images:,}. Below each: its class, then both answers"
        )
        counted = {"first": found["first"], "second": found["second"]}
        counted |= {"neither": found["neither"], "both": found["both"]}
        for at, (name, words) in enumerate(PARTS):
            self.part.setItemText(at, f"{words.format(*found['titles'])} ({counted[name]:,})")
        self.part.setToolTip(self.part.currentText())
        self.rows.give(
            [
                {**shown, "caption": Caption.of([Name(shown["class"])], [Name(told(answers))])}
                for shown, answers in zip(found["shown"], found["answers"], strict=True)
            ]
        )


def told(answers: list[str]) -> str:
    """What two rows say of an image."""
    first, second = answers
    return f"{first} · {second}" if first != second else f"both: {first}"
