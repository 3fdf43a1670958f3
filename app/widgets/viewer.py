"""One image as large as the window allows; arrow keys go on, Esc goes back."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, QRunnable, QSize, Qt, QThreadPool, Signal
from PySide6.QtGui import QImage, QImageReader, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QDialog, QWidget

from app import theme
from app.widgets.controls import Elided, button, column, row
from app.widgets.rows import ImageRows, words

LARGEST = QSize(2048, 2048)


def read_picture(path: str) -> QImage:
    """The picture of a file, turned by its EXIF note and no larger than a screen."""
    reader = QImageReader(path)
    reader.setAutoTransform(True)
    size = reader.size()
    if size.isValid() and (size.width() > LARGEST.width() or size.height() > LARGEST.height()):
        reader.setScaledSize(size.scaled(LARGEST, Qt.AspectRatioMode.KeepAspectRatio))
    return reader.read()


class Opening(QRunnable):
    """Reads one picture in another thread."""

    def __init__(self, path: str, done: Any) -> None:
        super().__init__()
        self.path, self.done = path, done

    def run(self) -> None:
        self.done.emit(self.path, read_picture(self.path))


class Picture(QWidget):
    """Paints the picture of a file as large as it fits, once it has been read."""

    read = Signal(str, object)

    def __init__(self, empty: str = "") -> None:
        super().__init__()
        self.path, self.empty, self.image = "", empty, QImage()
        self.setMinimumSize(160, 160)
        self.pool = QThreadPool(self)
        self.pool.setMaxThreadCount(1)
        self.read.connect(self.take)

    def show_file(self, path: str) -> None:
        self.path, self.image = path, QImage()
        self.pool.start(Opening(path, self.read))
        self.update()

    def show_image(self, image: QImage) -> None:
        self.path, self.image = "", image
        self.update()

    def take(self, path: str, image: QImage) -> None:
        if path == self.path:
            self.image = image
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        if self.image.isNull():
            painter.setPen(theme.colour("muted"))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect().adjusted(16, 16, -16, -16), flags, self.empty)
            return
        size = self.image.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        place = self.rect()
        place.setSize(size)
        place.moveCenter(self.rect().center())
        painter.drawImage(place, self.image)

    def closed(self) -> None:
        self.pool.clear()
        self.pool.waitForDone()


class Viewer(QDialog):
    """Looks at the images of a gallery one by one."""

    def __init__(self, rows: ImageRows, number: int, parent: QObject) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.rows, self.number = rows, number
        self.setWindowTitle("Image")
        self.resize(900, 640)
        self.picture = Picture("This file can't be read. It may have been moved or deleted.")
        self.caption = Elided("", "muted")
        back = button(
            "Previous", "Shows the image before this one", lambda: self.go(-1), key="Left"
        )
        on = button("Next", "Shows the image after this one", lambda: self.go(1), key="Right")
        close = button("Close", "Goes back to the gallery", self.close, key="Esc")
        foot = row(self.caption, back, on, close)
        foot.setStretch(0, 1)
        self.setLayout(column(self.picture, foot, edge=16))
        self.layout().setStretch(0, 1)
        rows.dataChanged.connect(self.show_row)
        self.show_row()

    def go(self, by: int) -> None:
        self.number = min(max(self.number + by, 0), max(self.rows.rowCount() - 1, 0))
        self.show_row()

    def show_row(self, *_: object) -> None:
        row_here = self.rows.row(self.number)
        if row_here is not None and row_here["file"] != self.picture.path:
            self.picture.show_file(row_here["file"])
            self.caption.set_full(words(row_here))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space:
            self.close()
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: object) -> None:
        self.picture.closed()
        super().closeEvent(event)
