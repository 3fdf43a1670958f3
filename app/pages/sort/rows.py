"""The images that wait as rows: what each may be, in words and as a tile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QRect
from PySide6.QtGui import QPainter

from app import theme
from app.bridge import Bridge
from app.widgets.captions import Caption, Name
from app.widgets.gallery import Tile
from app.widgets.rows import ImageRows, Row, shown
from engine.results.heap import Asked, Suggestion
from engine.system.words import per_cent, plural

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


def of_one(row: Suggestion) -> Row:
    """An image with its likeliest class, how likely that is, and the runner-up."""
    badge = f"burst of {len(row['burst'])}" if len(row["burst"]) > 1 else ""
    if len(row["likeliest"]) < 2:
        return {**row, "caption": Caption.of(("no suggestion yet",)), "badge": badge}
    (first, share), (second, other) = row["likeliest"][:2]
    lines = (
        (Name(shown(first)), f" {per_cent(share, 0)}"),
        ("or ", Name(shown(second)), f" {per_cent(other, 0)}"),
    )
    return {**row, "caption": Caption.of(*lines), "badge": badge}


def of_group(row: Suggestion, members: Sequence[int]) -> Row:
    """The most typical of images that are alike."""
    count = len(members)
    words = f"{count:,} alike" if count > 1 else "1 image"
    return {**row, "caption": Caption.of((words,)), "badge": "", "members": list(members)}


def of_random(row: Asked) -> Row:
    """An image that was drawn at random, without a suggestion."""
    lines = (("Drawn at random:",), ("type its class",))
    return {**row, "caption": Caption.of(*lines), "badge": "to judge by", "burst": []}


def about(row: Row) -> str:
    """What is to be said of the current image beside its choices."""
    if "choices" in row:
        return RANDOM
    if "members" in row:
        return f"{plural(len(row['members']))} alike. Type their class."
    if not row.get("likeliest"):
        return "Type its class."
    first = suggested(row)
    words = f"{shown(first)}?" if first else "No suggestion yet. Type its class."
    burst = len(row.get("burst", ()))
    return f"{words} One of a burst of {burst}." if burst > 1 else words


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
    """A tile with a mark where the image is one of a burst, or was drawn at random."""

    def paint_words(self, painter: QPainter, cell: QRect, place: QRect, row: Row) -> None:
        super().paint_words(painter, cell, place, row)
        if badge := row.get("badge"):
            ink = theme.colour("accent" if "choices" in row else "muted")
            self.paint_badge(painter, place, badge, ink)
