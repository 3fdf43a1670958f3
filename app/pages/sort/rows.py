"""The images that wait as rows: what each may be, in words and as a tile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QStyleOptionViewItem

from app import theme
from app.bridge import Bridge
from app.theme import GRID
from app.widgets.captions import Caption, Name
from app.widgets.rows import ImageRows, Row, row_of, shown
from app.widgets.table import Index
from app.widgets.tile import Tile
from engine.results.heap import Asked, Suggestion
from engine.system.words import per_cent, plural

FAINT = 0.35
BEHIND = GRID // 2
"""Pixels by which the edges of a burst's other images stand out."""
RANDOM = "Drawn at random to judge by: type its class"


def blank(number: int) -> Row:
    """An image of which no more is known yet than that it waits."""
    return {"id": number, "path": "", "file": "", "caption": "One moment …"}


def suggested(row: Row) -> str:
    """The likeliest class; none before there are two, and none where nothing shall be suggested."""
    likeliest = row.get("likeliest", ())
    return str(likeliest[0][0]) if len(likeliest) > 1 and "members" not in row else ""


def choices(row: Row) -> list[tuple[str, str]]:
    """The classes that the digits mean, each with how likely it is, where that may be said."""
    if "choices" in row:
        return [(name, "") for name in row["choices"]]
    sure = bool(suggested(row))
    return [(n, per_cent(share, 0) if sure else "") for n, share in row.get("likeliest", ())]


def of_one(given: Suggestion, opened: bool) -> Row:
    """An image with its likeliest class, how likely that is, and the runner-up; those of a burst
    as a whole, unless it is `opened`."""
    as_one = given["together"] and not opened
    row: Row = {
        **given,
        "opened": opened,
        "likeliest": given["together"] if as_one else given["likeliest"],
    }
    if len(row["likeliest"]) < 2:
        return {**row, "caption": Caption.of(("no suggestion yet",)), "badge": ""}
    return {**row, "caption": suggestion(row["likeliest"]), "badge": ""}


def suggestion(likeliest: Sequence[tuple[str, float]]) -> Caption:
    """“cat 80 %”, “or dog 15 %”."""
    (first, share), (second, other) = likeliest[:2]
    return Caption.of(
        (Name(shown(first)), f" {per_cent(share, 0)}"),
        ("or ", Name(shown(second)), f" {per_cent(other, 0)}"),
    )


def of_group(row: Row, members: Sequence[int]) -> Row:
    """The most typical of images that are alike."""
    count = len(members)
    words = f"{count:,} alike" if count > 1 else "1 image"
    return {**row, "caption": Caption.of((words,)), "badge": "", "members": list(members)}


def of_inside(row: Row) -> Row:
    """One of the images of a group that is open: it stands for itself."""
    given: Row = {name: value for name, value in row.items() if name != "members"}
    likeliest = given["likeliest"]
    words = Caption.of(("",)) if len(likeliest) < 2 else suggestion(likeliest)
    return {**given, "caption": words, "badge": "", "burst": []}


def of_random(row: Asked) -> Row:
    """An image that was drawn at random, without a suggestion."""
    lines = (("Drawn at random:",), ("type its class",))
    return {**row, "caption": Caption.of(*lines), "badge": "to judge by", "burst": []}


def of_done(row: Row, words: str) -> Row:
    """An image that got a class where it was seen, or was set aside: it stays until the next
    screenful, so that nothing around it moves."""
    kept = {n: row[n] for n in ("id", "path", "file", "width", "height", "thumb") if n in row}
    lines = (("✓ ", Name(words)), ("",))
    return {**kept, "caption": Caption.of(*lines), "badge": "", "burst": [], "done": words}


def about(row: Row) -> str:
    """What is to be said of the current image beside its choices."""
    if "choices" in row:
        return RANDOM
    if "members" in row:
        way = (
            "Type their class, or press its digit." if row.get("likeliest") else "Type their class."
        )
        return f"{plural(len(row['members']))} alike. {way}"
    if not row.get("likeliest"):
        return "Type its class."
    first = suggested(row)
    words = f"{shown(first)}?" if first else "No suggestion yet. Type its class."
    burst = len(row.get("burst", ()))
    if burst < 2:
        return words
    if row.get("opened"):
        return f"{words} One of a burst of {burst}."
    return f"{words} A burst of {burst}, named as one."


def together(row: Row) -> int:
    """How many images were taken together or are alike; 0 for one image."""
    count = len(row.get("members", row.get("burst", ())))
    return count if count > 1 else 0


def stack(row: Row) -> int:
    """How many images a tile stands for; 0 for one image."""
    return together(row) if not row.get("opened") or "members" in row else 0


class HeapRows(ImageRows):
    """Rows that are given again and again, while a person chooses among them.

    Only ids are held, and what is known of each is looked up when it is painted: a list of 20,000
    costs no more than a few milliseconds.
    """

    def __init__(self, bridge: Bridge) -> None:
        super().__init__(bridge)
        self.ids: list[int] = []
        self.known: Mapping[int, Row] = {}

    def row(self, number: int) -> Row | None:
        if not 0 <= number < len(self.ids):
            return None
        return self.known.get(self.ids[number]) or blank(self.ids[number])

    def everything(self) -> list[Row]:
        return [self.known.get(number) or blank(number) for number in self.ids]

    def numbered(self) -> Iterator[tuple[int, Row]]:
        yield from enumerate(self.everything())

    def put(self, ids: Sequence[int], known: Mapping[int, Row]) -> bool:
        """Shows these. Where they are the same images in the same order, all that is chosen stays
        so; otherwise it is to be chosen anew, and True is returned."""
        self.known = known
        if ids == self.ids:
            if ids:
                self.dataChanged.emit(self.index(0), self.index(len(ids) - 1))
            return False
        self.beginResetModel()
        self.ids, self.total = list(ids), len(ids)
        self.endResetModel()
        self.counted.emit(self.total)
        return True


class HeapTile(Tile):
    """A tile with a mark where the image was drawn at random; a burst or a group is a stack with
    its count, and what is done is faint."""

    stacks = False

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row = row_of(index) or {}
        self.stacks = stack(row) > 0
        painter.setOpacity(FAINT if "done" in row else 1.0)
        super().paint(painter, option, index)
        painter.setOpacity(1.0)
        if together(row):
            self.paint_count(painter, self.count_place(option.rect), row)

    def paint_picture(self, painter: QPainter, spot: QRect, image: QImage) -> QRect:
        """Of a burst, with the edges of two more behind it."""
        if not self.stacks:
            return super().paint_picture(painter, spot, image)
        spot = spot.adjusted(0, 2 * BEHIND, -2 * BEHIND, 0)
        size = image.size().scaled(spot.size(), Qt.AspectRatioMode.KeepAspectRatio)
        place = QRect(QPoint(0, 0), size)
        place.moveCenter(spot.center())
        painter.setPen(theme.colour("line"))
        painter.setBrush(theme.colour("sunken"))
        for off in (2 * BEHIND, BEHIND):
            painter.drawRect(place.translated(off, -off))
        return super().paint_picture(painter, spot, image)

    def count_place(self, cell: QRect) -> QRect:
        """Where the count of a burst or group stands, which a click opens."""
        return QRect(cell.right() - 5 * GRID, cell.top() + GRID, 4 * GRID, 2 * GRID + 2)

    def paint_count(self, painter: QPainter, place: QRect, row: Row) -> None:
        """How many images there are, on the accent's ground while they are one tile."""
        closed = stack(row) > 0
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("accent" if closed else "sunken"))
        painter.drawRoundedRect(place, 4, 4)
        painter.setPen(theme.colour("on_accent" if closed else "muted"))
        words = f"{together(row)} {'▸' if closed else '▾'}"
        painter.drawText(place, Qt.AlignmentFlag.AlignCenter, words)

    def paint_words(self, painter: QPainter, cell: QRect, place: QRect, row: Row) -> None:
        painter.setOpacity(1.0)
        super().paint_words(painter, cell, place, row)
        if badge := row.get("badge"):
            ink = theme.colour("accent" if "choices" in row else "muted")
            self.paint_badge(painter, place, badge, ink)
