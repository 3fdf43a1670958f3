"""Learnt images to look at again: whose class may be wrong, and those unlike all others."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QComboBox, QPushButton, QWidget

from app.bridge import Bridge
from app.widgets.controls import (
    EDGES,
    Elided,
    beside,
    buddy,
    column,
    label,
    laid_out,
    named,
    reach,
    row,
)
from app.widgets.empty import Either, EmptyState
from app.widgets.gallery import PICTURE
from app.widgets.mend_list import MendList
from app.widgets.pairs import PairTile
from app.widgets.thumbs import Thumbnails
from engine.events import ProjectView
from engine.results.learn import AnsweredImages
from engine.system.words import plural

AGAIN = (("wrong", "Look again: wrong class?"), ("unlike", "Look again: unlike all others"))
"""Orders of images that are learnt, beside those of images that wait."""
MOST = 200
"""So many are shown; more come when these are dealt with."""
KEYS = (
    "K or Enter keeps an image where it is, 1 to 9 move it, Delete removes it, Backspace takes "
    "back, Space looks closer"
)
ABOUT = {
    "wrong": "Judged by all the others, another class is likelier. Beside each: the nearest image "
    "of that class.",
    "unlike": "They lie far from all that is learnt. Beside each is the nearest image.",
}
DONE = {
    "wrong": "No image looks as if it were in the wrong class.",
    "unlike": "No image is unlike all others.",
}
ONE_SIDE = " This method can judge images to test alone."
WIDTH = 288


class LookAgain(MendList):
    """Shows one of two lists of learnt images, each beside the one to compare it with.

    `left` brings the order of waiting images that was chosen instead.
    """

    left = Signal(str)

    def __init__(
        self,
        bridge: Bridge,
        thumbs: Thumbnails,
        waiting: tuple[tuple[str, str], ...],
        after: QPushButton,
    ) -> None:
        """`waiting` are the orders of images that wait, which are offered beside these; `after`
        leads on where none is left."""
        super().__init__(bridge, thumbs, PICTURE, keeps=True)
        self.tile = PairTile(thumbs, self.gallery, PICTURE)
        self.tile.lines = 2
        self.gallery.tile = self.tile
        self.gallery.setItemDelegate(self.tile)
        self.gallery.setDragEnabled(False)
        named(self.gallery, "Images to look at again", KEYS)
        reach(self.gallery, "Alt+I")
        self.list = "wrong"
        self.stale = True
        self.state: tuple[object, ...] = ()
        self.heading = label("", "heading")
        self.about = Elided("", "muted")
        self.order = QComboBox()
        self.order.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        for name, words in (*waiting, *AGAIN):
            self.order.addItem(words, name)
        self.order.insertSeparator(len(waiting))
        named(self.order, "Order", "Images that wait, or learnt ones to look at again", "Alt+O")
        self.order.activated.connect(lambda _: self.choose(str(self.order.currentData())))
        self.none = EmptyState("learn", "Nothing to look at again", "", after)
        self.lay_out()
        bridge.changed.connect(self.on_changed)

    def lay_out(self) -> None:
        """What the list is above, the pairs, and what can be done with them beside these."""
        top, side, grid = QWidget(), QWidget(), QWidget()
        for card in (top, side):
            card.setObjectName("card")
            card.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        first = row(self.heading, 8, self.about)
        first.setStretch(2, 1)
        top.setLayout(column(first, row(buddy("&Order", self.order), self.order, 0)))
        laid_out(top).setContentsMargins(16, 12, 16, 12)
        side.setFixedWidth(WIDTH)
        inside = QWidget()
        inside.setLayout(column(self.bar, 0))
        side.setLayout(column(beside(inside)))
        laid_out(side).setContentsMargins(*EDGES)
        frame = QWidget()
        frame.setObjectName("card")
        frame.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        frame.setLayout(column(self.gallery, edge=8))
        grid.setLayout(row(frame, side, gap=16))
        laid_out(grid).setStretch(0, 1)
        self.grid = grid
        self.pages = Either(grid, self.none)
        self.setLayout(column(top, self.pages, gap=16))
        laid_out(self).setStretch(1, 1)

    # Which list.

    def choose(self, order: str) -> None:
        """Another list of these, or the images that wait."""
        if order in dict(AGAIN):
            self.begin(order)
        else:
            self.left.emit(order)

    def begin(self, order: str) -> None:
        """Shows a list from its beginning."""
        self.list = order
        self.order.setCurrentIndex(self.order.findData(order))
        self.heading.setText("One moment …")
        self.about.set_full(ABOUT[order])
        self.pages.setCurrentWidget(self.grid)
        self.start("look_again", {"order": order, "limit": MOST})
        self.stale = False

    def on_changed(self, project: ProjectView | None) -> None:
        """What others changed changes the list; what was done here is learnt first."""
        step = project.current_step if project is not None else None
        now = (project.path, step.id if step else 0, project.undo) if project is not None else ()
        if now != self.state:
            self.stale = True
            self.state = now
            if not self.mending.acts:
                self.refresh()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.refresh()

    def refresh(self) -> None:
        if self.stale and self.isVisible() and self.state:
            self.stale = False
            self.ask_again()

    def say(self, found: AnsweredImages) -> None:
        """How many there are, or that there are none."""
        total = found["total"]
        self.heading.setText(f"{plural(total)} to look at again" if total else "Look again")
        one_side = "" if found["both_sides"] else ONE_SIDE
        self.about.set_full(ABOUT[self.list] + one_side if total else "")
        self.none.text.setText(DONE[self.list] + one_side)
        for name, words in AGAIN:
            count = found.get("lists", {}).get(name, 0)
            self.order.setItemText(self.order.findData(name), f"{words} ({count:,})")
        here = self.isAncestorOf(self.window().focusWidget() or self.window())
        self.pages.setCurrentWidget(self.grid if self.rows.rowCount() else self.none)
        if here:
            self.take_focus()

    def take_focus(self) -> None:
        """Keys work in the list; where it is empty, the last act can still be taken back."""
        (self.gallery if self.pages.currentWidget() is self.grid else self.order).setFocus()
