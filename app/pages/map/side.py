"""Beside the map: what is chosen, what can be done with it, and the classes to choose from."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QSizePolicy, QWidget

from app.pages.map import looks
from app.widgets.acts import act, key_in
from app.widgets.controls import (
    EDGES,
    Elided,
    beside,
    buddy,
    calling,
    column,
    label,
    laid_out,
    named,
    reach,
    row,
)
from app.widgets.name_field import NameField
from app.widgets.rows import shown
from engine.system.words import plural

WIDTH = 264
LINES = 40
"""Pixels of two lines of words, so that nothing below them moves."""
DIGITS = 9
CLASS = Qt.ItemDataRole.UserRole


class MapSide(QWidget):
    """`chose_class` brings the place of a class whose images are to be chosen; `given` a name for
    those that are. The keys work in `where`."""

    chose_class = Signal(int)
    given = Signal(str)
    near_asked = Signal()
    seen_asked = Signal()
    name_asked = Signal()
    look_asked = Signal()
    undo_asked = Signal()

    def __init__(self, where: QWidget) -> None:
        super().__init__()
        self.names: Sequence[str] = ()
        self.title = Elided("", "heading")
        self.about = label("", "muted", wrap=True)
        self.about.setFixedHeight(LINES)
        self.about.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.field = NameField()
        self.field.setPlaceholderText("Type a name")
        help = "A letter on the map begins a name; Enter gives it to the chosen images"
        named(self.field, "Class", help, "Alt+C")
        self.classes = QListWidget()
        self.classes.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        self.classes.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.classes.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # the count stays
        named(self.classes, "Classes on the map", "Enter or a click chooses all images of a class")
        reach(self.classes, "Alt+L")
        self.classes.itemClicked.connect(self.choose)
        self.classes.itemActivated.connect(self.choose)
        self.make_acts(where)
        self.lay_out()

    def make_acts(self, where: QWidget) -> None:
        """A button and a key for each act; the keys work on the map, where letters are free."""
        help = "Chooses those that lie near the current one; again, twice as many"
        self.near = act("Near", help, ".", self.near_asked, where)
        self.seen = act("All", "Chooses all that is seen", "Ctrl+A", self.seen_asked, where)
        help = "Gives the chosen images a class, from a list"
        self.name = act("Name …", help, "Ctrl+Return", self.name_asked, where)
        help = "Shows the current image large, or those that are chosen"
        self.look = act("Look", help, "Space", self.look_asked, where)
        help = "Takes back the last name that was given"
        self.undo = act("Undo", help, "Backspace", self.undo_asked, where)
        for key in ("Return", "Enter"):
            key_in(where, key, self.look_asked.emit)
        for digit in range(1, DIGITS + 1):
            key_in(where, str(digit), calling(self.give, digit))

    def lay_out(self) -> None:
        name = row(buddy("&Class", self.field), self.field)
        acts = column(row(self.near, self.seen), row(self.look, self.undo), row(self.name), gap=8)
        inside = QWidget()
        inside.setLayout(column(self.title, self.about, name, acts, 8, self.classes))
        laid_out(inside).setStretch(5, 1)
        self.setObjectName("card")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(WIDTH)
        self.setLayout(column(beside(inside)))
        laid_out(self).setContentsMargins(*EDGES)

    def show_classes(self, names: Sequence[str], counts: Sequence[int]) -> None:
        """The classes in their order, the first with digits, and last what waits."""
        self.names = names
        self.field.offer(names)
        now = self.classes.currentRow()
        self.classes.clear()
        places = [*range(len(names)), *([looks.WAITS] if counts[-1] else [])]
        for place in places:
            name, count = shown(names[place]) if place >= 0 else "Unsorted", counts[place]
            digit = str(place + 1) if 0 <= place < DIGITS else ""
            made = QListWidgetItem(looks.icon(place), f"{name}   {count:,}")
            made.setData(CLASS, place)
            said = f"{name}, {plural(count)}" + (f", digit {digit}" if digit else "")
            made.setData(Qt.ItemDataRole.AccessibleTextRole, said)
            made.setText(f"{digit}  {name}   {count:,}" if digit else f"{name}   {count:,}")
            made.setToolTip(f"Chooses {plural(count)} of {name}")
            self.classes.addItem(made)
        self.classes.setCurrentRow(min(now, len(places) - 1))

    def show_chosen(self, count: int, words: Sequence[str]) -> None:
        """How many are chosen, or what the current image is, in lines."""
        several = count > 1
        nobody = "Nothing chosen"
        self.title.set_full(f"{count:,} chosen" if several else words[0] if words else nobody)
        each = "Type a class, or press its digit: it is for all of them."
        nothing = "Draw a loop around images, or go to one with the arrows."
        self.about.setText(each if several else "\n".join(words[1:]) if words else nothing)
        for made in (self.look, self.name, self.field):
            made.setEnabled(bool(count))

    def choose(self, item: QListWidgetItem) -> None:
        self.chose_class.emit(int(item.data(CLASS)))

    def give(self, digit: int) -> None:
        if digit <= len(self.names):
            self.given.emit(self.names[digit - 1])
