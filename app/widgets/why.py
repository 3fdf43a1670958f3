"""Why an image gets its answer: colours over it, in words, and what would change the answer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import PurePath
from typing import Any

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QFileDialog, QWidget

from app.bridge import Bridge
from app.widgets.controls import button, column, label, named, row, tip, tool
from app.widgets.images import Picture
from app.widgets.rows import shown
from engine.events import Ended, Progress
from engine.results import why as results
from engine.system.words import duration

FOR, AGAINST = "#005ae6", "#ff8200"
"""The colours of engine/images/overlay.py."""
HELP = "Shows which parts of the image speak for the answer, and which against it"
WAITS = "Looking at the image …"


class Swatch(QWidget):
    """A colour of the legend."""

    def __init__(self, colour: str) -> None:
        super().__init__()
        self.colour = QColor(colour)
        self.setFixedSize(16, 16)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.colour)
        painter.drawRoundedRect(self.rect(), 3, 3)


class Reason(QWidget):
    """What is said of the reasons, which lie as colours over `picture` while it is on.

    `told` hands on what was found, None where nothing is known any more. `switch` turns it on
    and off; it stands where its page has room.
    """

    told = Signal(object)

    def __init__(self, bridge: Bridge, picture: Picture) -> None:
        super().__init__()
        self.bridge, self.picture = bridge, picture
        self.image: dict[str, Any] = {}
        self.of, self.by = "", ""
        """The class that they speak for, "" for the answer of now; and who answered it."""
        self.question: int | None = None
        self.found: results.Why | None = None
        self.plain: tuple[str, str] | None = None
        """What tooltip and description of the image say without reasons."""
        self.switch = button("Why?", HELP, self.look, key="H", kind="toggle")
        self.switch.setCheckable(True)
        help = "Saves the image with these colours and what they mean as PNG"
        self.save_button = tool("save", "Save the reasons", help, self.choose_file, key="Shift+H")
        self.speaks, self.against = label("", "caption"), label("speaks against it", "caption")
        self.where = label("", wrap=True)
        self.how = label("", "caption", wrap=True)
        self.legend = QWidget()
        signs = row(Swatch(FOR), self.speaks, 8, Swatch(AGAINST), self.against, 0, self.save_button)
        self.legend.setLayout(signs)
        self.switch.setEnabled(False)
        self.setLayout(column(self.legend, self.where, self.how))
        named(self, "Why", "What the colours over the image say")
        self.hide()

    # What it is about.

    def ask(self, *, of: str = "", by: str = "", **image: Any) -> None:
        """Another image is shown: that of a file (`path`), or of bytes (`content`), or none. With
        `of` the reasons are those for this class, which `by` answered: another model, by its name.
        """
        if (image, of, by) != (self.image, self.of, self.by):
            self.image, self.of, self.by = image, of, by
            self.switch.setEnabled(bool(image))
            self.look()

    def look(self) -> None:
        """Drops what was asked, and asks about the image of now if it is on."""
        self.drop()
        self.take_away()
        on = self.switch.isChecked() and bool(self.image)
        self.setVisible(on)
        if on:
            self.where.setText(WAITS)
            asked = {**self.image, **({"of": self.of} if self.of else {})}
            self.question = self.bridge.ask("explain", self.take, self.tell, **asked)

    def drop(self) -> None:
        if self.question is not None:
            self.bridge.drop(self.question)
        self.question = None

    def take_away(self) -> None:
        self.found = None
        self.picture.cover(QImage(), QRectF())
        if self.plain is not None:
            self.describe(*self.plain)
        self.legend.hide()
        self.where.setText("")
        self.how.setText("")
        self.told.emit(None)

    # What comes of it.

    def tell(self, event: Progress) -> None:
        """How far it is, where parts are covered one after the other."""
        if event.total:
            left = event.seconds_left
            rest = f", {duration(left)} left" if left is not None else ""
            self.where.setText(f"{event.doing}: {event.done} of {event.total}{rest}")

    def take(self, ended: Ended) -> None:
        """Lays the colours over the image, and says what they mean."""
        self.question = None
        if ended.how != "done":
            self.where.setText(ended.text)
            return
        found = self.found = ended.of(results.Why)
        left, top, right, bottom = found["region"]
        region = QRectF(left, top, right - left, bottom - top)
        self.picture.cover(QImage.fromData(found["overlay"]), region)
        self.describe(tip(shown(found["where"])), shown(found["where"]))
        self.speaks.setText(f"speaks for {shown(found['answer'])}")
        self.where.setText(self.words(found))
        self.how.setText(shown(found["how"]))
        self.legend.show()
        self.told.emit(found)

    def say_beside(self) -> None:
        """What would change the answer stands beside the image."""
        if self.found is not None:
            second = f"the nearest image of {self.found['second']}, the likeliest other class"
            self.where.setText(f"{self.words(self.found)} {shown(f'Beside it: {second}.')}")

    def words(self, found: results.Why) -> str:
        """Where the reasons lie, and whose they are where that is not plain."""
        told = [found["where"]]
        if self.by:
            told.append(f"{self.by} answered {found['answer']}; the model in use is asked why.")
        return shown(" ".join([*told, *([found["whose"]] if "whose" in found else [])]))

    def describe(self, tooltip: str, words: str) -> None:
        if self.plain is None:
            self.plain = self.picture.toolTip(), self.picture.accessibleDescription()
        self.picture.setToolTip(tooltip)
        self.picture.setAccessibleDescription(words)

    # A file.

    def choose_file(self) -> None:
        """Asks where to, and saves what is seen now: it may be another image by then."""
        found, image = self.found, dict(self.image)
        if found is None:
            return
        name = PurePath(image.get("path", "image")).stem
        path, _ = QFileDialog.getSaveFileName(
            self, "Save the reasons", f"{shown(name)}-why.png", "*.png"
        )
        if path:
            say = partial(self.say_saved, path)
            self.bridge.ask("save_reasons", say, found=found, to=path, **image)

    def say_saved(self, path: str, ended: Ended) -> None:
        self.how.setText(f"Saved as “{path}”." if ended.how == "done" else ended.text)


def of_row(row: Mapping[str, Any] | None) -> dict[str, Any]:
    """What is asked about an image of a list: why it is what it was taken for, where it was judged
    (`predicted`), as if it had not been learnt, or by other models (`answered`: class, by whom)."""
    if row is None or not row["file"]:
        return {}
    asked = {"path": row["file"]}
    if "answered" in row:
        asked["of"], asked["by"] = row["answered"]
    elif row.get("likeliest") and row.get("predicted"):
        asked["of"] = row["predicted"]
    return asked
