"""Beside the grid: what the chosen images may be, and all that can be done with them."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QPushButton, QSizePolicy, QSpinBox, QWidget

from app.pages.sort.rows import about, choices, suggested, together
from app.pages.sort.targets import Targets
from app.widgets.acts import act, key_in, sign_of
from app.widgets.class_choices import MOST, ClassChoices
from app.widgets.controls import (
    EDGES,
    Elided,
    beside,
    buddy,
    calling,
    column,
    indented,
    label,
    laid_out,
    named,
    reach,
    row,
    say_on,
)
from app.widgets.empty import Either
from app.widgets.name_field import NameField
from app.widgets.rows import Row, shown
from engine.system.words import plural

WIDTH = 288
WHOLE = "All of the group. Take out what does not belong to it, then type its class."
LINES = 36
"""Pixels of two lines of words, so that nothing below them moves."""
SHOWN = "Ctrl+Return"
BURST = "Shift+Return"


class Side(QWidget):
    """Says what is chosen, the classes with their digits, and the acts, each as a button.

    `where` is the widget in which the keys work. `chose` brings a class's name.
    """

    chose = Signal(str)
    accepted = Signal()
    shown_accepted = Signal()
    burst_asked = Signal()
    aside_asked = Signal()
    undo_asked = Signal()
    look_asked = Signal()
    open_asked = Signal()
    out_asked = Signal()
    gap_chosen = Signal(float)
    said = Signal(str)

    def __init__(self, where: QWidget) -> None:
        super().__init__()
        self.now: Sequence[Row] = ()
        self.inside = False
        self.offered: list[tuple[str, str]] = []
        self.title = Elided("", "heading")
        self.about = label("", "muted", wrap=True)
        self.about.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.about.setFixedHeight(LINES)
        self.about.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.field = NameField()
        self.field.setPlaceholderText("Type a name")
        help = "A letter begins a name; Enter gives it, Shift+Enter to the whole burst"
        named(self.field, "Class", help, "Alt+C")
        self.classes = ClassChoices()
        self.classes.chose.connect(self.choose)
        self.choices = self.classes.buttons
        for digit in range(1, MOST + 1):
            key_in(where, str(digit), calling(self.choose, digit))
        self.make_acts(where)
        self.lay_out()

    def make_acts(self, where: QWidget) -> None:
        """A button and a key for each act; the keys work in the grid, where letters are free."""
        self.accept = act(
            "Accept", "Gives each its suggested class", "Return", self.accepted, where, "primary"
        )
        key_in(where, "Enter", self.accepted.emit)
        help = "Gives all that is shown its suggested class; the next images follow"
        self.shown = act("Accept the shown", help, SHOWN, self.shown_accepted, where)
        key_in(where, "Ctrl+Enter", self.shown_accepted.emit)
        help = "Names all that was taken together with it"
        self.burst = act("Burst", help, BURST, self.burst_asked, where)
        key_in(where, "Shift+Enter", self.burst_asked.emit)
        self.aside = act(
            "Set aside", "None of these, or not usable", "Delete", self.aside_asked, where
        )
        help = "Shows the images of a burst or group one by one, or as one again"
        self.open = act("Open", help, "+", self.open_asked, where)
        help = "Takes the chosen images out of the group: they don’t belong to it"
        self.out = act("Take out", help, "-", self.out_asked, where)
        self.gap = indented(QSpinBox())
        self.gap.setRange(0, 24 * 3600)
        self.gap.setPrefix("Gap ")
        self.gap.setSuffix(" s")
        self.gap.setKeyboardTracking(False)
        help = "Images of one camera that are less than so many seconds apart are one burst"
        named(self.gap, "Gap between bursts", help)
        reach(self.gap, "Alt+G")
        self.gap.valueChanged.connect(lambda seconds: self.gap_chosen.emit(float(seconds)))
        self.look = act("Look", "Shows it large", "Space", self.look_asked, where)
        self.undo = act(
            "Undo", "Takes the last act back, all of it", "Backspace", self.undo_asked, where
        )

    def lay_out(self) -> None:
        """What is asked most lies highest; in a low window the rest is scrolled to."""
        inside = QWidget()
        self.gap.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.bursts = QWidget()
        self.bursts.setLayout(row(self.burst, self.open, self.out))
        acts = column(row(self.aside, self.undo), self.bursts, row(self.look, self.gap))
        name = row(buddy("&Class", self.field), self.field)
        accepts = column(self.accept, self.shown)
        inside.setLayout(column(self.title, self.about, accepts, name, self.classes, acts, 0))
        place = beside(inside)
        self.targets = Targets()
        drops = QWidget()
        drops.setLayout(column(label("Drop on a class", "heading"), self.targets))
        self.parts = Either(place, drops)
        self.setObjectName("card")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(WIDTH)
        self.setLayout(column(self.parts))
        laid_out(self).setContentsMargins(*EDGES)
        for made in self.findChildren(QPushButton):  # a click leaves the keys with the images
            made.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def show_rows(self, rows: Sequence[Row], classes: Sequence[str], whole: bool = False) -> None:
        """What is chosen now, the current image first; `whole`: all of a group that is open."""
        self.now = rows
        first: Row = rows[0] if rows else {}
        several = len(rows) > 1
        name = shown(str(first.get("path", ""))).replace("\\", "/").rsplit("/", 1)[-1]
        name = plural(len(first["members"])) if "members" in first else name or " "
        self.title.set_full(f"{len(rows):,} chosen" if several else name)
        each = "Enter gives each the class that is suggested for it."
        words = about(first) if rows else "Choose an image."
        group = "members" in first and together(first) > 0 and not several
        does = "Open the group" if group else "Accept each" if several else "Accept"
        say_on(self.accept, f"{does}  {sign_of('Return')}")
        words = each if several and suggested(first) else words
        self.about.setText(WHOLE if whole and several else words)
        self.offered = choices(first)[:MOST] if rows else []
        if not self.offered:
            self.offered = [(name, "") for name in classes[:MOST]] if rows else []
        likely = [name for name, _ in self.offered]
        self.field.offer([*likely, *(name for name in classes if name not in likely)])
        self.accept.setEnabled(group or any(suggested(each) for each in rows))
        of_burst = any(len(each.get("burst", ())) > 1 for each in rows)
        self.burst.setEnabled(of_burst)
        self.open.setEnabled(of_burst or self.inside or together(first) > 0)
        for made in (self.aside, self.look, self.field):
            made.setEnabled(bool(rows))
        help = f"Gives the chosen {plural(max(len(rows), 1))} this class"
        self.classes.offer(self.offered, help)

    def show_targets(self, pulls: bool, classes: Sequence[str]) -> None:
        """While images are pulled, the classes that they can be dropped on."""
        self.targets.show_classes(classes)
        self.parts.setCurrentIndex(int(pulls))

    def show_bursts(self, timed: bool, gap: float, grouped: bool, inside: bool) -> None:
        """What is there of bursts only where files say when images were taken, and of groups only
        where they are shown; `inside` one of them."""
        self.bursts.setVisible(timed or grouped)
        self.gap.setVisible(timed)
        self.burst.setVisible(not grouped)
        self.out.setVisible(grouped)
        self.out.setEnabled(inside)
        self.inside = inside
        say_on(self.open, f"{'Close' if inside else 'Open'}  {sign_of('+')}")
        self.gap.blockSignals(True)
        self.gap.setValue(round(gap))
        self.gap.blockSignals(False)

    def show_count(self, count: int) -> None:
        """How many images would be accepted by the key for all that is shown."""
        self.shown.setEnabled(count > 0)
        words = f"Accept the {count:,} shown" if count else "Accept the shown"
        say_on(self.shown, f"{words}  {sign_of(SHOWN)}")

    def choose(self, digit: int) -> None:
        if digit <= len(self.offered):
            self.chose.emit(self.offered[digit - 1][0])
        elif self.now:
            self.said.emit(f"No class has the digit {digit} yet. Type a name.")
