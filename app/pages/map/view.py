"""What is seen of a map: its points in a frame, from afar or closely, and what one of them is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QPointF, QRectF, QTimer, Signal
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QGraphicsPixmapItem

from app.pages.map import looks
from app.widgets.plot_words import Reading
from app.widgets.plots import Legend, Plot
from app.widgets.rows import Row, shown, side
from app.widgets.thumbs import Thumbnails
from engine.system.words import per_cent

if TYPE_CHECKING:
    import numpy as np

    from app.pages.map.cloud import Cloud
    from app.pages.map.drawn import Points

REACH = 14
"""Pixels within which the mouse means a point."""
EDGE = 24
"""Pixels that stay free around all points."""
CLOSEST = 400.0
"""How many times closer than all of it a person can look."""
MOST_NAMED = 12
"""Classes that the legend names; the list beside the plot has all."""
WAIT = 60
"""Milliseconds until images are asked for: those that are seen while the hand moves are not."""


class MapView(Plot):
    """`chosen`: other points are chosen, or another is the current one. `wanted` brings points of
    which no more is known than their path."""

    chosen = Signal()
    wanted = Signal(list)
    margins = (0, 0, 0, 0)
    legend_wraps = True

    def __init__(self, thumbs: Thumbnails) -> None:
        super().__init__("Map of all images", "One moment …")
        self.thumbs = thumbs
        self.cloud: Cloud | None = None
        self.points: Points | None = None
        self.rows: dict[int, Row] = {}
        """What is known of images, by their key."""
        self.inside = QRectF()
        self.middle, self.pace, self.whole = (0.0, 0.0), 1.0, True
        """The place in the middle, how far a pixel leads, and whether all is seen."""
        self.widest = 1.0
        self.current = -1
        self.loop: list[tuple[float, float]] = []
        """The corners of a loop that is being drawn, in pixels of the frame."""
        self.missing: set[int] = set()
        self.asking = QTimer(self, singleShot=True, interval=WAIT)
        self.asking.timeout.connect(self.ask)
        thumbs.arrived.connect(self.look_again)
        self.setMinimumSize(320, 240)

    # What is shown.

    def show_cloud(self, cloud: Cloud) -> None:
        """Shows these points; what was chosen stays chosen, and what is seen stays as near, unless
        images lie elsewhere now."""
        before, now = self.cloud, -1
        if before is not None:
            cloud.take_choice(before)
            now = cloud.place_of(int(before.keys[self.current])) if self.current >= 0 else -1
        self.cloud, self.at, self.current = cloud, None, now
        if before is None or not cloud.same_place(before):
            self.whole = True
        self.redraw_soon()
        self.chosen.emit()

    def know(self, rows: Mapping[int, Row]) -> None:
        self.rows.update(rows)
        self.look_again()
        self.show_reading()
        self.describe()

    def forget(self) -> None:
        """Another project, or nothing is known any more."""
        self.cloud, self.rows, self.at, self.current = None, {}, None, -1
        self.whole = True
        self.redraw_soon()

    def look_again(self) -> None:
        if self.points is not None:
            self.points.update()

    def has_figures(self) -> bool:
        return self.cloud is not None and len(self.cloud) > 0

    def table(self) -> Sequence[Sequence[object]]:
        return [["path", "class", "x", "y"], *(self.cloud.rows() if self.cloud else [])]

    def legend(self) -> Legend:
        """The classes with their marks, while they have room."""
        if self.cloud is None or len(self.cloud.names) > MOST_NAMED:
            return []
        names = [(shown(name), number) for number, name in enumerate(self.cloud.names)]
        counts = self.cloud.counts()
        there = [(name, number) for name, number in names if counts[number]]
        there += [("unsorted", looks.WAITS)] if counts[-1] else []
        pen = self.pen("text", 0.8, alpha=110)
        return [
            (
                name,
                {
                    "symbol": looks.shape(number),
                    "size": looks.SIZE,
                    "pen": pen,
                    "brush": looks.colour(number),
                },
            )
            for name, number in there
        ]

    # Drawing.

    def set_up(self, chart: Any) -> None:
        """The axes have no units, so they are not shown."""
        from app.pages.map.drawn import Points

        for name in ("left", "bottom"):
            chart.hideAxis(name)
        self.points = Points(self)
        self.points.setZValue(5)
        self.shown_image = QGraphicsPixmapItem(chart.plotItem)
        self.shown_image.setZValue(22)

    def arrange(self) -> None:
        self.inside = self.frame().translated(-self.chart.pos().toPointF())
        if self.whole:
            self.fit()
        self.apply()

    def fit(self) -> None:
        """All points, and a little around them."""
        assert self.cloud is not None
        left, right, low, high = self.cloud.bounds()
        wide, tall = (max(pixels - 2 * EDGE, 1) for pixels in self.size_inside())
        self.middle = (left + right) / 2, (low + high) / 2
        self.pace = max((right - left) / wide, (high - low) / tall) or 1.0
        self.widest = self.pace

    def size_inside(self) -> tuple[float, float]:
        return self.inside.width(), self.inside.height()

    def apply(self) -> None:
        """Shows what lies around the middle."""
        (x, y), (wide, tall) = self.middle, self.size_inside()
        across, up = wide * self.pace / 2, tall * self.pace / 2
        if across > 0 and up > 0:
            self.show_range(x - across, x + across, y - up, y + up)
        self.look_again()
        self.show_reading()

    def pixels(self) -> np.ndarray:
        """Where all points lie in the frame: (points, 2), from its left and top."""
        import numpy as np

        assert self.cloud is not None
        return np.column_stack(self.pixels_of(slice(None)))

    def pixels_of(self, points: Any) -> tuple[np.ndarray, np.ndarray]:
        """Where some lie: from the left, and from the top."""
        assert self.cloud is not None
        (x, y), (wide, tall) = self.middle, self.size_inside()
        across, down = self.cloud.x[points] - x, y - self.cloud.y[points]
        return across / self.pace + wide / 2, down / self.pace + tall / 2

    def seen(self, edge: float = 0.0) -> np.ndarray:
        """The points that lie in the frame, or so many pixels beside it."""
        assert self.cloud is not None
        (x, y), (wide, tall) = self.middle, self.size_inside()
        across, up = (wide / 2 + edge) * self.pace, (tall / 2 + edge) * self.pace
        return self.cloud.within(x - across, x + across, y - up, y + up)

    def zoom(self, by: float, about: QPointF | None = None) -> None:
        """So many times closer, about a point of the frame; 0: all of it."""
        if not by:
            self.whole = True
            self.fit()
        else:
            wide, tall = self.size_inside()
            off_x, off_y = (about.x() - wide / 2, about.y() - tall / 2) if about else (0.0, 0.0)
            pace = min(max(self.pace / by, self.widest / CLOSEST), self.widest)
            self.move_middle(off_x * (self.pace - pace), -off_y * (self.pace - pace))
            self.pace, self.whole = pace, pace == self.widest
            if self.whole:
                self.fit()
        self.apply()

    def pan(self, right: float, down: float) -> None:
        """By so many pixels."""
        self.move_middle(right * self.pace, -down * self.pace)
        self.whole = False
        self.apply()

    def move_middle(self, x: float, y: float) -> None:
        self.middle = self.middle[0] + x, self.middle[1] + y

    # Images that are to be known.

    def want(self, points: Iterable[int]) -> None:
        """Asks for what is not known yet of points, in a moment."""
        assert self.cloud is not None
        keys = {int(self.cloud.keys[point]) for point in points} - self.rows.keys()
        if keys - self.missing:
            self.missing |= keys
            self.asking.start()

    def ask(self) -> None:
        if self.cloud is not None and self.missing:
            places = [self.cloud.place_of(key) for key in self.missing]
            self.missing = set()
            self.wanted.emit([place for place in places if place >= 0])

    # Reading.

    def under(self, at: QPointF) -> int | None:
        """The image under the mouse, or the point next to it."""
        from app.pages.map.cloud import nearest

        spot = self.in_frame(at)
        if self.points is None or not self.has_figures() or not self.held_by(spot):
            return None
        for point, place in self.points.images.items():
            if place.contains(spot):
                return point
        found = nearest(self.pixels(), spot.x(), spot.y(), REACH)
        return found if found >= 0 else None

    def in_frame(self, at: QPointF) -> QPointF:
        """A point of the widget, from the frame's left and top."""
        return at - self.chart.pos().toPointF() - self.inside.topLeft()

    def held_by(self, spot: QPointF) -> bool:
        return QRectF(0, 0, *self.size_inside()).contains(spot)

    def reading(self) -> Reading | None:
        if self.cloud is None or self.at >= len(self.cloud):
            return None
        x, y = self.cloud.spots[self.at]
        return Reading(float(x), float(y), self.words(self.at))

    def words(self, point: int) -> list[str]:
        """Name, class and what the model sees, as far as it is known."""
        assert self.cloud is not None
        row = self.rows.get(int(self.cloud.keys[point]), {})
        name = self.cloud.name(point)
        of = f"class {shown(name)}" if name else "unsorted"
        part = side(row)
        lines = [shown(PurePath(self.cloud.path(point)).name), f"{of}, {part}" if part else of]
        if likeliest := row.get("likeliest"):
            first, share = likeliest[0]
            lines.append(f"looks like {shown(first)} {per_cent(share, 0)}")
        return lines

    def read(self, at: Any) -> None:
        super().read(at)
        if at is not None:
            self.want([at])
            self.describe()
        self.look_again()

    def show_reading(self) -> None:
        """The box with its words, and the image below it, or above where there is no room."""
        super().show_reading()
        if self.chart is None:
            return
        thumb = None
        if self.at is not None and self.cloud is not None and self.box.words:
            row = self.rows.get(int(self.cloud.keys[self.at]))
            thumb = self.thumbs.get(row["thumb"]) if row else None
        self.shown_image.setVisible(thumb is not None and not thumb.isNull())
        if thumb is None or thumb.isNull():
            return
        self.shown_image.setPixmap(QPixmap.fromImage(thumb))
        _, place = self.box.words[0]
        below = place.bottom() + 4
        if below + thumb.height() > self.chart.height():
            below = place.top() - thumb.height() - 4
        left = min(place.left(), self.chart.width() - thumb.width() - 4)
        self.shown_image.setPos(left, max(below, 0))

    def describe(self) -> None:
        """Says to a screen reader what is read, and how many are chosen."""
        if self.cloud is None:
            return
        count = int(self.cloud.chosen.sum())
        said = [*self.said(), *([f"{count:,} chosen"] if count else [])]
        if (words := ", ".join(said)) != self.accessibleDescription():
            self.setAccessibleDescription(words)
