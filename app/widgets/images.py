"""One image from a file, read in another thread and painted as large as it fits."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QPoint, QRect, QRectF, QRunnable, QSize, Qt, QThreadPool, Signal
from PySide6.QtGui import QImage, QImageReader, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from app import theme

LARGEST = 2048


def read_image(path: str, side: int = LARGEST) -> QImage:
    """The image of a file, turned by its EXIF note and no larger than `side` pixels."""
    reader = QImageReader(path)
    # By what is inside the file: its name may say something else.
    reader.setDecideFormatFromContent(True)
    reader.setAutoTransform(True)
    size = reader.size()
    if size.isValid() and max(size.width(), size.height()) > side:
        reader.setScaledSize(size.scaled(QSize(side, side), Qt.AspectRatioMode.KeepAspectRatio))
    return reader.read()


class Opening(QRunnable):
    """Reads one image in another thread."""

    def __init__(self, path: str, done: Any) -> None:
        super().__init__()
        self.path, self.done = path, done

    def run(self) -> None:
        self.done.emit(self.path, read_image(self.path))


class Picture(QWidget):
    """Paints the image of a file as large as it fits, once it has been read."""

    read = Signal(str, object)

    def __init__(self, empty: str = "") -> None:
        super().__init__()
        self.path, self.empty, self.image = "", empty, QImage()
        self.over, self.region, self.grey = QImage(), QRectF(), QImage()
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

    def cover(self, over: QImage, region: QRectF) -> None:
        """Lays colours over a part of the image, in shares of its sides, and turns it grey below
        them; none take them away."""
        self.over, self.region, self.grey = over, region, QImage()
        self.update()

    def paint(self, painter: QPainter, place: QRectF) -> None:
        """The image at a place, with what lies over it."""
        if self.over.isNull():
            painter.drawImage(place, self.image)
            return
        if self.grey.isNull():
            self.grey = self.image.convertToFormat(QImage.Format.Format_Grayscale8)
        painter.drawImage(place, self.grey)
        width, height = place.width(), place.height()
        part = QRectF(
            place.x() + self.region.x() * width,
            place.y() + self.region.y() * height,
            self.region.width() * width,
            self.region.height() * height,
        )
        painter.drawImage(part, self.over)

    def take(self, path: str, image: QImage) -> None:
        if path == self.path:
            self.image, self.grey = image, QImage()
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The image, or a frame with the sentence that invites one."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        if self.image.isNull():
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(theme.colour("line"), 1.5, Qt.PenStyle.DashLine))
            painter.drawRoundedRect(self.rect().adjusted(1, 1, -2, -2), 8, 8)
            painter.setPen(theme.colour("muted"))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect().adjusted(16, 16, -16, -16), flags, self.empty)
            return
        self.paint(painter, self.place())

    def place(self) -> QRectF:
        """Where the image lies: as large as it fits, in the middle."""
        size = self.image.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        place = QRect(QPoint(0, 0), size)
        place.moveCenter(self.rect().center())
        return QRectF(place)

    def closed(self) -> None:
        self.pool.clear()
        self.pool.waitForDone()
