"""Above the grid: how far the heap is, what is left to do, and in which order it is shown."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QPushButton, QSpinBox, QWidget

from app.pages.sort.again import AGAIN
from app.pages.sort.order import GROUPS
from app.widgets.ask import choose
from app.widgets.controls import (
    Elided,
    buddy,
    button,
    column,
    indented,
    label,
    laid_out,
    named,
    row,
)
from engine.results.heap import Accepted, Standing
from engine.system.words import per_cent, plural

ORDERS = (
    (GROUPS, "Groups"),
    ("likeness", "Likeness"),
    ("uncertain", "Least certain"),
    ("useful", "Most useful"),
    ("time", "Time"),
)
BEGIN = "Begin to type the class of an image. Others like it are suggested then."
GO_ON = "Enter accepts what is suggested. Type the name of a class that is still missing."
GROUP_BY_GROUP = "Name groups that are of one class; go on one by one for the rest."
SURE = 95
"""Per cent above which suggestions are accepted, at first."""


def far(standing: Standing) -> str:
    """“128 sorted, 340 left”."""
    done = standing["typed"] + standing["accepted"] + standing["bulk"]
    return f"{done:,} sorted, {standing['waiting']:,} left"


def forecast(standing: Standing, classes: int, grouped: bool) -> str:
    """How good the suggestions were, and what is left; before there are any to judge, what to do:
    two classes are suggested at once."""
    if grouped and classes > 1 and standing["waiting"]:
        return GROUP_BY_GROUP
    if not standing["recent"]:
        hint = GO_ON if classes > 1 else BEGIN
        return hint if standing["waiting"] else ""
    right, recent = standing["recent_right"], standing["recent"]
    words = f"{right} of the last {plural(recent, 'suggestion')} right"
    wanted, keys = per_cent(standing["wanted"], 0), standing["keys_left"]
    if not standing["waiting"]:
        return words
    if keys:
        return f"{words} · about {plural(keys, 'more key')} until {wanted} are right"
    least = per_cent(standing["least"], 0)
    return f"{words} · accept all above {least} to have {wanted} right"


def warn(parent: QWidget, found: Accepted, least: float, accept: Callable[[], object]) -> None:
    """Says what is to be expected before anything is done."""
    title = f"Accept {plural(found['images'], 'suggestion')} of {per_cent(least, 0)} and more?"
    words = f"Accept {found['images']:,}"
    choose(parent, title, warned(found), [(words, title, accept)])


def warned(found: Accepted) -> str:
    """What accepting many at once may bring."""
    wrong = found["mistakes"]
    expected = (
        "Less than one mistake is to be expected."
        if wrong < 1
        else f"About {plural(round(wrong), 'mistake')} {'is' if round(wrong) == 1 else 'are'} "
        "to be expected."
    )
    each = "It gets" if found["images"] == 1 else "Each gets"
    return f"{each} its likeliest class. {expected} One undo takes all of it back."


class SortBar(QWidget):
    """`accept_asked` brings the least probability, `order_chosen` an order's name."""

    accept_asked = Signal(float)
    order_chosen = Signal(str)

    groups_asked = Signal()

    def __init__(self, back: QPushButton, add: QPushButton) -> None:
        super().__init__()
        self.heading = label("", "heading")
        self.forecast = Elided("", "muted")
        self.forecast.setAccessibleName("Forecast")
        self.news = Elided("", "muted")
        self.news.setAccessibleName("What was done")
        self.order = QComboBox()
        for name, words in ORDERS:
            self.order.addItem(words, name)
        named(self.order, "Order", "In which order images that wait are shown", "Alt+O")
        self.waiting = self.order.count()
        self.least = indented(QSpinBox())
        self.least.setRange(50, 100)
        self.least.setValue(SURE)
        self.least.setSuffix(" %")
        named(self.least, "Accept all above", "How sure a suggestion has to be", "Alt+V")
        self.accept = button(
            "Accept all …",
            "Says how many mistakes are to be expected, and then gives all that are so sure "
            "their class",
            lambda: self.accept_asked.emit(self.least.value() / 100),
            key="Ctrl+Shift+Return",
        )
        self.order.activated.connect(
            lambda _: self.order_chosen.emit(str(self.order.currentData()))
        )
        self.make_views()
        self.lay_out(back, add)

    def make_views(self) -> None:
        """From groups to their images, and back."""
        self.one_by_one = button(
            "One by one",
            "Shows each image with what it may be, in place of groups",
            lambda: self.order_chosen.emit("likeness"),
            key="Ctrl+Shift+G",
        )
        self.one_by_one.hide()
        help = "Shows all groups again, in place of the images of one; Esc does, too"
        self.groups = button("All groups  +", help, self.groups_asked.emit)
        named(self.groups, "All groups", help, "+")
        self.groups.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keys with images
        self.groups.hide()

    def lay_out(self, back: QPushButton, add: QPushButton) -> None:
        """How far the heap is above, the order and what is accepted at once below."""
        first = row(self.heading, 8, self.forecast, self.groups, self.one_by_one, back, add)
        first.setStretch(2, 1)
        self.setObjectName("card")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        sure = buddy("Accept all abo&ve", self.least)
        second = row(buddy("&Order", self.order), self.order, 8, self.news)
        for made in (sure, self.least, self.accept):
            second.addWidget(made)
        second.setStretch(3, 1)
        self.setLayout(column(first, second))
        laid_out(self).setContentsMargins(16, 12, 16, 12)

    def offer_again(self, learnt: bool) -> None:
        """Offers to look again at learnt images, where there are some."""
        if learnt and self.order.count() == self.waiting:
            self.order.insertSeparator(self.waiting)
            for name, words in AGAIN:
                self.order.addItem(words, name)
        while not learnt and self.order.count() > self.waiting:
            self.order.removeItem(self.waiting)

    def show_standing(
        self, standing: Standing | None, classes: int, order: str, inside: bool = False
    ) -> None:
        """`inside`: the images of one group are shown."""
        grouped = order == GROUPS
        self.order.setCurrentIndex(self.order.findData(order))
        self.heading.setText(far(standing) if standing is not None else "One moment …")
        words = forecast(standing, classes, grouped) if standing is not None else ""
        self.forecast.set_full(words)
        self.one_by_one.setVisible(grouped and classes > 1 and not inside)
        self.groups.setVisible(inside)
        for made in (self.least, self.accept):
            made.setEnabled(classes > 1 and standing is not None and standing["waiting"] > 0)
