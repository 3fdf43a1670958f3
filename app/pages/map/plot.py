"""The map in a person's hands: points are chosen with a loop or by keys, and looked at closely."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QEvent, QPointF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QWheelEvent

from app.pages.map.view import MapView
from app.widgets.gallery import LARGER, zoom_of
from app.widgets.plots import MOVES
from app.widgets.thumbs import Thumbnails

STEP = 4
"""Pixels between two corners of a loop; a shorter one is a click."""
PAN = 0.2
"""The share of the frame by which a key moves what is seen."""
ROOM = 96
"""Pixels that stay free around the point that a key leads to."""
NEAR = 10
"""Images that are chosen near one at first; then twice as many."""
ADDS = Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.ControlModifier
ELSEWHERE = (
    Qt.KeyboardModifier.ControlModifier
    | Qt.KeyboardModifier.AltModifier
    | Qt.KeyboardModifier.MetaModifier
)


class MapPlot(MapView):
    """`opened`: the current point is to be looked at. `typed` brings a letter, with which a class's
    name begins."""

    opened = Signal()
    typed = Signal(str)

    def __init__(self, thumbs: Thumbnails) -> None:
        super().__init__(thumbs)
        self.near = 0
        """How many were chosen near the current point."""
        self.hand: QPointF | None = None
        """Where the mouse pulls what is seen."""

    # Choosing.

    def choose(self, points: Any, add: bool = False) -> None:
        """Makes these points the chosen ones, or adds them."""
        if self.cloud is None:
            return
        if not add:
            self.cloud.chosen[:] = False
        self.cloud.chosen[points] = True
        self.near = 0
        self.tell_choice()

    def tell_choice(self) -> None:
        self.look_again()
        self.describe()
        self.chosen.emit()

    def choose_near(self) -> None:
        """The images near the current one; pressed again, twice as many."""
        from app.pages.map.cloud import around

        if self.cloud is not None and self.current >= 0:
            count = 2 * self.near or NEAR
            self.choose(around(self.pixels(), self.current, count))
            self.near = count

    def choose_seen(self) -> None:
        """All that is seen."""
        if self.cloud is not None:
            self.choose(self.seen())

    def choose_class(self, number: int) -> None:
        """All images of a class, the one in their middle first."""
        if self.cloud is not None:
            points = self.cloud.of_class(number)
            self.choose(points)
            if len(points):
                spots = self.cloud.spots[points]
                far = ((spots - spots.mean(axis=0)) ** 2).sum(axis=1)
                self.go_to(int(points[far.argmin()]))

    def points_chosen(self) -> Any:
        """The chosen points, or the current one where none is."""
        import numpy as np

        if self.cloud is None:
            return np.zeros(0, np.int64)
        found = np.flatnonzero(self.cloud.chosen)
        if not len(found) and self.current >= 0:
            found = np.array([self.current])
        return found

    def go_to(self, point: int) -> None:
        """Makes a point the current one, and brings it into view."""
        self.current, self.near = point, 0
        x, y = map(float, self.pixels_of(point))
        wide, tall = self.size_inside()
        right = min(x - ROOM, 0) + max(x - wide + ROOM, 0) if self.pace < self.widest else 0
        down = min(y - ROOM, 0) + max(y - tall + ROOM, 0) if self.pace < self.widest else 0
        if right or down:
            self.pan(right, down)
        self.read(point)
        self.chosen.emit()

    # Hands.

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if not self.has_figures():
            return
        spot = self.in_frame(event.position())
        if event.button() == Qt.MouseButton.LeftButton:
            self.loop = [(spot.x(), spot.y())]
        else:
            self.hand = event.position()
            self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Draws a loop with the left button, moves what is seen with another, else reads."""
        if self.hand is not None:
            by = self.hand - event.position()
            self.hand = event.position()
            self.pan(by.x(), by.y())
        elif self.loop:
            spot = self.in_frame(event.position())
            if (spot - QPointF(*self.loop[-1])).manhattanLength() >= STEP:
                self.loop.append((spot.x(), spot.y()))
                self.at = None
                self.show_reading()
                self.look_again()
        else:
            super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """A loop chooses what is inside; a click one point, or none. Shift or Ctrl adds."""
        loop, self.loop = self.loop, []
        if self.hand is not None:
            self.hand = None
            self.unsetCursor()
        elif loop and self.has_figures():
            add = bool(event.modifiers() & ADDS)
            if len(loop) > 2:
                from app.pages.map.cloud import inside

                self.choose(inside(self.pixels(), loop), add)
            else:
                self.click(self.under(event.position()), add)

    def click(self, point: int | None, add: bool) -> None:
        self.current = -1 if point is None else point
        if not add or point is not None:
            self.choose([] if point is None else [point], add)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self.current >= 0:
            self.opened.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.has_figures():
            turns = event.angleDelta().y() / 120
            self.zoom(LARGER**turns, self.in_frame(event.position()))
        event.accept()

    def event(self, event: QEvent) -> bool:
        """Esc is this plot's own while something is chosen, and stops no job."""
        mine = (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and event.key() == Qt.Key.Key_Escape
            and self.cloud is not None
            and bool(self.cloud.chosen.any())
        )
        if mine:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows lead to the next point, with Shift they choose on the way, with Ctrl they move
        what is seen; plus, minus and 0 zoom; a letter begins a class's name."""
        key, keys = event.key(), event.modifiers()
        if not self.has_figures():
            super().keyPressEvent(event)
        elif key in MOVES and keys & Qt.KeyboardModifier.ControlModifier:
            right, down = MOVES[key]
            wide, tall = self.size_inside()
            self.pan(right * PAN * wide, down * PAN * tall)
        elif key in MOVES:
            self.step_on(*MOVES[key], bool(keys & Qt.KeyboardModifier.ShiftModifier))
        elif key == Qt.Key.Key_Escape:
            self.choose([])
        elif (by := zoom_of(event)) is not None:
            self.zoom(by, self.spot_of_current())
        elif event.text().isalpha() and not keys & ELSEWHERE:
            self.typed.emit(event.text())
        else:
            event.ignore()

    def spot_of_current(self) -> QPointF | None:
        """Where a key zooms: at the current point, if it is seen."""
        spot = QPointF(*map(float, self.pixels_of(self.current))) if self.current >= 0 else None
        return spot if spot is not None and self.held_by(spot) else None

    def step_on(self, right: int, down: int, choose: bool) -> None:
        """To the nearest point in a direction; at first to the one in the middle of the frame."""
        from app.pages.map.cloud import nearest, next_to

        pixels, before = self.pixels(), self.current
        wide, tall = self.size_inside()
        if before < 0:
            self.go_to(nearest(pixels, wide / 2, tall / 2, float("inf")))
        else:
            self.go_to(next_to(pixels, before, right, down))
            if choose:
                self.choose([before, self.current], add=True)
