"""Thumbnails, read and decoded in a few threads, never in the one that paints."""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import Any

from PySide6.QtCore import QObject, QRunnable, QThreadPool, Signal
from PySide6.QtGui import QImage

from app.widgets.images import read_image

log = logging.getLogger(__name__)

ROOM = 64 * 2**20
"""Bytes of decoded thumbnails that are kept: about 650 of 160 by 160 pixels."""

Place = tuple[str, int, int]
"""A thumbnail's pack file, the offset of its JPEG bytes in it, and their number.

With no bytes to read the path is that of an image, which is read and made small.
"""

SIDE = 160


def read_jpeg(place: Place) -> QImage:
    """The thumbnail at a place; a null image where it can't be read."""
    path, offset, length = place
    if not length:
        return read_image(path, SIDE).convertToFormat(QImage.Format.Format_RGB32)
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            content = file.read(length)
            image = QImage.fromData(content, "JPG")  # type: ignore[arg-type]  # PySide wants str
    except OSError as error:
        log.info("a thumbnail can't be read: %s", error)
        return QImage()
    return image.convertToFormat(QImage.Format.Format_RGB32)


class Reading(QRunnable):
    """Reads one thumbnail in a thread of the pool."""

    def __init__(self, place: Place, done: Any) -> None:
        super().__init__()
        self.place, self.done = place, done

    def run(self) -> None:
        self.done.emit(self.place, read_jpeg(self.place))


class Thumbnails(QObject):
    """A cache of thumbnails by place. `arrived` says that one more can be painted."""

    arrived = Signal()
    read = Signal(object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.kept: OrderedDict[Place, QImage] = OrderedDict()
        self.bytes = 0
        self.reading: set[Place] = set()
        self.pool = QThreadPool(self)
        self.pool.setMaxThreadCount(2)
        self.read.connect(self.keep)

    def get(self, place: Place | None) -> QImage | None:
        """The thumbnail if it is here; otherwise it is fetched, the latest asked for first."""
        if place is None:
            return None
        place = (place[0], place[1], place[2])
        if place in self.kept:
            self.kept.move_to_end(place)
            return self.kept[place]
        if place not in self.reading and len(self.reading) < 512:
            self.reading.add(place)
            self.pool.start(Reading(place, self.read), len(self.reading))
        return None

    def keep(self, place: Place, image: QImage) -> None:
        self.reading.discard(place)
        self.kept[place] = image
        self.bytes += image.sizeInBytes()
        while self.bytes > ROOM and len(self.kept) > 1:
            self.bytes -= self.kept.popitem(last=False)[1].sizeInBytes()
        self.arrived.emit()

    def close(self) -> None:
        self.pool.clear()
        self.pool.waitForDone()
