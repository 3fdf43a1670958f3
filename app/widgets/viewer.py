"""One image as large as the window allows; arrow keys go on, and what is wrong is put right."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QCloseEvent, QKeyEvent, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QDialog, QWidget

from app.widgets.controls import Elided, button, column, laid_out, named, row, tool
from app.widgets.gallery import LARGER, zoom_of
from app.widgets.images import Picture
from app.widgets.mend import Mending, answer_of
from app.widgets.mend_bar import MendBar
from app.widgets.rows import ImageRows, Row, words
from app.widgets.sizes import sized
from app.widgets.why import Reason, of_row
from engine.results.why import Why

MOST_LARGER = 16.0


class ZoomedPicture(Picture):
    """An image that the wheel enlarges about the pointer, and the mouse pulls about."""

    def __init__(self, empty: str) -> None:
        super().__init__(empty)
        self.times = 1.0
        self.at = QPointF(0.5, 0.5)
        """The point of the image, in shares of its sides, that lies in the middle."""
        self.pulled: QPointF | None = None

    def show_file(self, path: str) -> None:
        self.times, self.at = 1.0, QPointF(0.5, 0.5)
        super().show_file(path)

    def place(self) -> QRectF:
        """Where the image lies; at its first size all of it is seen."""
        fitted = super().place()
        width, height = fitted.width() * self.times, fitted.height() * self.times
        middle = QRectF(self.rect()).center()
        return QRectF(
            middle.x() - self.at.x() * width, middle.y() - self.at.y() * height, width, height
        )

    def zoom(self, by: float, about: QPointF | None = None) -> None:
        """So many times as large, about a point of the widget; 0: as large as at first."""
        before = self.place()
        about = about if about is not None else before.center() if by < 1 else None
        about = about if about is not None else QRectF(self.rect()).center()
        self.times = min(max(self.times * by, 1.0), MOST_LARGER) if by else 1.0
        if before.isEmpty() or self.times == 1.0:
            self.at = QPointF(0.5, 0.5)
        else:
            share_x = (about.x() - before.x()) / before.width()
            share_y = (about.y() - before.y()) / before.height()
            now, middle = self.place(), QRectF(self.rect()).center()
            self.look_at(
                share_x - (about.x() - middle.x()) / now.width(),
                share_y - (about.y() - middle.y()) / now.height(),
            )
        self.update()

    def look_at(self, x: float, y: float) -> None:
        self.at = QPointF(min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0))

    def wheelEvent(self, event: QWheelEvent) -> None:
        self.zoom(LARGER if event.angleDelta().y() > 0 else 1 / LARGER, event.position())
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.pulled = event.position()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Pulls the image along, where it is larger than its place."""
        if self.pulled is not None and self.times > 1:
            by, now = event.position() - self.pulled, self.place()
            self.look_at(self.at.x() - by.x() / now.width(), self.at.y() - by.y() / now.height())
            self.pulled = event.position()
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.pulled = None


class Viewer(QDialog):
    """Looks at the images of a gallery one by one; with `mending` puts wrong ones right."""

    def __init__(
        self, rows: ImageRows, number: int, parent: QWidget, mending: Mending | None = None
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.rows, self.number = rows, number
        self.setWindowTitle("Image")
        sized(self, 900, 640)
        gone = "This file can't be read. It may have been moved or deleted."
        self.image, self.beside = ZoomedPicture(gone), ZoomedPicture(gone)
        self.answer = Elided("", "heading")
        self.caption = Elided("", "muted")
        self.reason = Reason(rows.bridge, self.image)
        self.bar = MendBar(mending, self, self.chosen) if mending is not None else None
        self.lay_out()
        if mending is not None:
            mending.done.connect(self.on_done)
        rows.dataChanged.connect(self.show_row)
        rows.modelReset.connect(self.show_row)
        self.show_row()

    def lay_out(self) -> None:
        """The image, the answer and what can be done about it, and how to go on."""
        back = button(
            "Previous", "Shows the image before this one", lambda: self.go(-1), key="Left"
        )
        on = button("Next", "Shows the image after this one", lambda: self.go(1), key="Right")
        close = button("Close", "Goes back to the gallery", self.close, key="Esc")
        larger = tool("plus", "Larger", "Enlarges the image; the wheel does, too", key="+")
        larger.clicked.connect(lambda *_: self.image.zoom(LARGER))
        for made in (back, on, close, self.reason.switch):
            made.setAutoDefault(False)
        foot = row(self.caption, self.reason.switch, larger, back, on, close)
        foot.setStretch(0, 1)
        bar = [self.answer, self.bar] if self.bar is not None else []
        self.reason.told.connect(self.show_beside)
        both = row(self.image, self.beside)
        both.setStretch(0, 1)
        both.setStretch(1, 1)
        self.setLayout(column(both, self.reason, *bar, foot, edge=16))
        laid_out(self).setStretch(0, 1)
        named(self.image, "Image", "The wheel enlarges, the mouse pulls, 0 shows all of it")
        named(self.beside, "Image to compare with", "The nearest one of the class that is likelier")

    def chosen(self) -> list[Row]:
        found = self.rows.row(self.number)
        return [found] if found is not None else []

    def go(self, by: int) -> None:
        self.number = min(max(self.number + by, 0), max(self.rows.rowCount() - 1, 0))
        self.show_row()

    def on_done(self, acted: list[Row]) -> None:
        """The next image, where the one that was dealt with stays in its list."""
        here = self.rows.row(self.number)
        if here is not None and here["id"] in {row["id"] for row in acted}:
            self.go(1)

    def show_row(self, *_: object) -> None:
        """Shows the row of now; the last one where the list has become shorter."""
        self.number = min(self.number, max(self.rows.rowCount() - 1, 0))
        here = self.rows.row(self.number)
        if here is not None:
            if here["file"] != self.image.path:
                self.image.show_file(here["file"])
            self.reason.ask(**of_row(here))
            self.show_beside(self.reason.found)
            self.caption.set_full(words({**here, "predicted": ""}))
            self.answer.set_full(answer_of(here) if "predicted" in here else "")
        if self.bar is not None:
            self.bar.setVisible(here is not None and "predicted" in here)
            self.bar.refresh()
            if not self.rows.rowCount():
                self.close()

    def show_beside(self, found: Why | None) -> None:
        """The image to compare with: of the row, or what would change the answer."""
        here = self.rows.row(self.number)
        other = here.get("beside") if here is not None else None
        second = found.get("beside") if found is not None and other is None else None
        if second is not None:
            self.reason.say_beside()
        other = other or second
        self.beside.setVisible(other is not None)
        if other is not None and other["file"] != self.beside.path:
            self.beside.show_file(other["file"])

    def keyPressEvent(self, event: QKeyEvent) -> None:
        by = zoom_of(event)
        if event.key() == Qt.Key.Key_Space:
            self.close()
        elif by is not None:
            self.image.zoom(by)
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        self.reason.drop()
        self.image.closed()
        self.beside.closed()
        super().closeEvent(event)
