"""Image rows as a model: asked from the engine page by page, when they come into view."""

from __future__ import annotations

import json
import os
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QItemSelection,
    QMimeData,
    QModelIndex,
    Qt,
    QTimer,
    Signal,
)

from app.bridge import Bridge
from app.widgets.controls import tip
from app.widgets.table import Index
from engine.events import Ended
from engine.results.images import ImageIds, ImagePage
from engine.system.words import listed, per_cent

PAGE = 256
PAGES_KEPT = 40
ROW = Qt.ItemDataRole.UserRole
MIME = "application/x-espalier-images"

Row = Mapping[str, Any]
Chosen = list[int] | dict[str, Any]
"""Images by their ids; or, where not all of their rows are here, what `image_ids` is asked."""


def shown(path: str) -> str:
    """A path as text that can be painted, whatever bytes the file system holds."""
    return path.encode("utf-8", "replace").decode("utf-8")


def short(path: str) -> str:
    """A path as a person says it: from their home folder on, where it lies in there."""
    home = str(Path.home())
    return "~" + shown(path)[len(home) :] if path.startswith(home + os.sep) else shown(path)


def side(row: Row) -> str:
    """On which side of the split an image is, as a person reads it."""
    split = str(row.get("split") or "")
    return {"train": "to learn", "validation": "to test"}.get(split, split)


def words(row: Row) -> str:
    """One row in words, for the tooltip and for screen readers."""
    parts = [shown(PurePath(row["path"]).name)]
    if "conflict" in row:
        parts.append(f"classes {listed([shown(n) for n in row['conflict']['classes']], 9)}")
    elif row.get("class"):
        parts.append(f"class {shown(row['class'])}")
    elif row.get("caption"):
        parts.append(row["caption"].replace("\n", ", "))
    if row.get("predicted"):
        parts.append(f"seen as {shown(row['predicted'])} {per_cent(row['confidence'], 0)}")
    if row.get("beside"):
        parts.append(f"beside the nearest of {shown(row['beside']['class'])}")
    if row.get("split"):
        parts.append(side(row))
    if row.get("width"):
        parts.append(f"{row['width']} × {row['height']} pixels")
    if row.get("learnt") is False:
        parts.append("not learnt yet")
    return ", ".join([*parts, *([row["note"]] if row.get("note") else [])])


class ImageRows(QAbstractListModel):
    """The rows of one query, or a list that was given. `counted` tells how many there are."""

    counted = Signal(int)
    refused = Signal(str)

    def __init__(self, bridge: Bridge, page: int = PAGE) -> None:
        super().__init__()
        self.bridge, self.page = bridge, page
        self.query: dict[str, Any] = {}
        self.total = 0
        self.pages: OrderedDict[int, Sequence[Row]] = OrderedDict()
        self.asked: dict[int, int] = {}
        self.wanted: set[int] = set()
        # Rows are wanted while the gallery paints; they are asked for once it is done.
        self.soon = QTimer(self, singleShot=True, interval=0)
        self.soon.timeout.connect(self.ask_wanted)
        self.watched, self.stale = True, False

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else self.total

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self.row(index.row())
        if role == ROW:
            return row
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            said = words(row) if row else "Being read"
            return tip(said) if role == Qt.ItemDataRole.ToolTipRole else said
        return None

    def row(self, number: int) -> Row | None:
        """The row if its page is here; otherwise the page is asked for."""
        page = number // self.page
        if page in self.pages:
            rows = self.pages[page]
            return rows[number % self.page] if number % self.page < len(rows) else None
        if page not in self.asked:
            self.wanted.add(page)
            self.soon.start()
        return None

    def ask(self, **query: Any) -> None:
        """Shows what `images` answers to the query."""
        self.forget_asked()
        if not self.watched:
            self.give([])  # or what was asked before would be seen first
        self.query = query
        self.ask_anew()

    def ask_again(self) -> None:
        """Asks anew, after the project changed; the old rows stay until the answer is here."""
        if self.query:
            self.forget_asked()
            self.ask_anew()

    def watch(self, watched: bool) -> None:
        """Nothing is asked while nobody looks; who looks again sees nothing of before."""
        self.watched = watched
        if watched and self.stale:
            self.pages.clear()
            self.ask_anew()

    def ask_anew(self) -> None:
        self.stale = not self.watched
        if self.watched:
            self.ask_page(0, fresh=True)

    def give(self, rows: Sequence[Row]) -> None:
        """Shows these rows."""
        self.forget_asked()
        self.query, self.stale = {}, False
        self.beginResetModel()
        self.pages = OrderedDict(
            (at // self.page, rows[at : at + self.page]) for at in range(0, len(rows), self.page)
        )
        self.total = len(rows)
        self.endResetModel()
        self.counted.emit(self.total)

    def everything(self) -> list[Row]:
        """All rows of a list that was given."""
        return [row for page in sorted(self.pages) for row in self.pages[page]]

    def numbered(self) -> Iterator[tuple[int, Row]]:
        """The rows that are here, each with its number, in their order."""
        for page in sorted(self.pages):
            yield from enumerate(self.pages[page], page * self.page)

    def among(self, selection: QItemSelection) -> list[Row]:
        """The rows of a selection that are here, in their order. It is looked through by its runs:
        an index for each of a million images would take seconds."""
        runs, found = runs_of(selection), list[Row]()
        for number, row in self.numbered():
            at = bisect_right(runs, number, key=lambda run: run[0]) - 1
            if at >= 0 and number <= runs[at][1]:
                found.append(row)
        return found

    def forget_asked(self) -> None:
        self.wanted.clear()
        for ticket in self.asked.values():
            self.bridge.drop(ticket)
        self.asked.clear()

    def ask_wanted(self) -> None:
        if self.query:
            for page in sorted(self.wanted):
                self.ask_page(page)
        self.wanted.clear()

    def ask_page(self, page: int, fresh: bool = False) -> None:
        self.asked[page] = self.bridge.ask(
            "images",
            lambda ended: self.take(page, ended, fresh),
            offset=page * self.page,
            limit=self.page,
            **self.query,
        )

    def take(self, page: int, ended: Ended, fresh: bool) -> None:
        """Puts an answer in its place. A fresh one, or another total, starts the list anew."""
        self.asked.pop(page, None)
        if ended.how != "done":
            self.refused.emit(ended.text)
            return
        found = ended.of(ImagePage)
        total, rows = found["total"], found["rows"]
        if fresh or total != self.total:
            self.renew(total)
        self.pages[page] = rows
        while len(self.pages) > PAGES_KEPT:
            self.pages.popitem(last=False)
        if rows:
            last = min(page * self.page + len(rows), self.total) - 1
            self.dataChanged.emit(self.index(page * self.page), self.index(max(last, 0)))

    def renew(self, total: int) -> None:
        """Forgets all rows. Where their number stays, what is selected stays selected too."""
        if total == self.total:
            self.pages.clear()
        else:
            self.beginResetModel()
            self.pages.clear()
            self.total = total
            self.endResetModel()
        self.counted.emit(total)

    def flags(self, index: Index) -> Qt.ItemFlag:
        return super().flags(index) | Qt.ItemFlag.ItemIsDragEnabled

    def mimeTypes(self) -> list[str]:
        return [MIME]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        selection = QItemSelection()
        for index in indexes:
            selection.select(index, index)
        return self.carried(selection)

    def carried(self, selection: QItemSelection) -> QMimeData:
        """A selection as a drag takes it along; `chosen_in` reads it."""
        made = QMimeData()
        made.setData(MIME, json.dumps(self.chosen(selection)).encode())
        return made

    def chosen(self, selection: QItemSelection) -> Chosen:
        """All images of a selection, in their order, also those whose rows are not here."""
        found, runs = self.among(selection), runs_of(selection)
        if len(found) == count(runs) or not self.query:
            return [row["id"] for row in found]
        return {"runs": runs, "total": self.total, **self.query}

    def with_ids(self, chosen: Chosen, then: Callable[[list[int]], object]) -> None:
        """Calls `then` with the ids of what was chosen: at once, or when the engine has told."""

        def take(ended: Ended) -> None:
            if ended.how == "done":
                then(array("q", ended.of(ImageIds)["ids"]).tolist())
            else:
                self.refused.emit(ended.text)

        if isinstance(chosen, list):
            then(chosen)
        else:
            self.bridge.ask("image_ids", take, **chosen)


def chosen_in(mime: QMimeData) -> Chosen:
    """What a drag took along."""
    found: Chosen = json.loads(bytes(mime.data(MIME).data()))
    return found


def count(runs: Sequence[tuple[int, int]]) -> int:
    """How many rows there are in runs."""
    return sum(last - first + 1 for first, last in runs)


def runs_of(selection: QItemSelection) -> list[tuple[int, int]]:
    """The first and the last row of each run of a selection, in their order."""
    parts = [selection.at(place) for place in range(selection.size())]
    return sorted((part.top(), part.bottom()) for part in parts)


def row_of(index: Index) -> Row | None:
    """The row itself: what `data` hands over has passed through Qt, and is plain text."""
    model = index.model()
    assert isinstance(model, ImageRows)
    return model.row(index.row())
