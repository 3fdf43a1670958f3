"""Beside images that may be wrong: what they may be, and what can be done, each with its key."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QFontMetrics, QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QMenu, QPushButton, QSizePolicy, QWidget

from app.widgets.acts import sign_of
from app.widgets.captions import Name, fitted
from app.widgets.class_choices import EDGES, ClassChoices
from app.widgets.controls import button, calling, column, keeps_place, label, named, row, set_kind
from app.widgets.mend import MOST, Mending, answered, is_wrong, others
from app.widgets.rows import Row, shown
from engine.system.words import per_cent

NONE = "Choose an image to put it right."
MOVES = "Or move it to:"
LINES = 2
"""Of text above the keys, whatever it says, so that nothing moves."""


class MendBar(QWidget):
    """Says what the chosen images may be, with a digit for each class, and does what is asked.

    `where` is the widget in which the keys work, `chosen` gives the images that they are about.
    Where it stands `upright`, beside the images, each class is a button; K keeps and digits move
    everywhere, and the button that Enter presses says so.
    """

    def __init__(
        self,
        mending: Mending,
        where: QWidget,
        chosen: Callable[[], Sequence[Row]],
        *,
        upright: bool = False,
    ) -> None:
        super().__init__()
        self.mending, self.chosen, self.upright = mending, chosen, upright
        self.choices = label("", "caption", wrap=True)
        self.news = label("", "caption", wrap=True)
        if upright:
            self.classes = ClassChoices()
            self.classes.chose.connect(self.choose)
        self.choices.setAccessibleName("Classes to choose from")
        self.choices.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        for words in (self.choices, self.news):
            words.setFixedHeight(LINES * words.fontMetrics().lineSpacing())
        self.mover_key = "1" if mending.keeps else "Return"
        help = "Moves it to the class that was answered"
        self.mover = self.made("Move", help, self.mover_key, self.move_first)
        self.mover.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        help = "Keeps it where it is, and never asks again"
        self.keep_button = self.act("Keep", help, "K", mending.keep)
        remove = self.act("Remove", "Takes it out; the file stays", "Delete", mending.remove)
        self.undo = self.made("Undo", "Takes the last change back", "Z", mending.undo)
        self.buttons = [self.keep_button, remove]
        self.lay_out()
        self.add_keys(where)
        mending.said.connect(self.tell)

    def lay_out(self) -> None:
        """Upright what is asked most lies highest, else in a line below the classes."""
        keep, remove = self.buttons
        if self.upright:
            self.mover.hide()
            set_kind(keep, "primary")
            for made in (remove, self.undo):
                set_kind(made, "")
            for made in (keep, remove, self.undo):
                made.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            self.choices.setFixedHeight(self.choices.fontMetrics().lineSpacing())
            lines = column(keep, self.choices, self.classes, row(remove, self.undo), self.news)
        else:
            self.news.hide()
            keeps_place(self.mover)
            last = row(keep, remove, self.undo, 0, gap=4)
            lines = column(self.news, self.mover, self.choices, last, gap=4)
        self.setLayout(lines)

    def add_keys(self, where: QWidget) -> None:
        mending = self.mending
        enter = mending.keep if mending.keeps else mending.agree
        keys = {"Return": enter, "Enter": enter, "K": mending.keep, "Delete": mending.remove}
        for key, act in keys.items():
            self.key(where, key, calling(self.do, act))
        for digit in range(1, MOST + 1):
            self.key(where, str(digit), calling(self.choose, digit))
        for key in ("Z", "Backspace"):
            self.key(where, key, mending.undo)

    def act(
        self, text: str, help: str, key: str, act: Callable[[Sequence[Row]], None]
    ) -> QPushButton:
        return self.made(text, help, key, lambda: self.do(act))

    def made(self, text: str, help: str, key: str, act: Callable[[], object]) -> QPushButton:
        made = button(f"{text}  {sign_of(key)}", help, act, kind="quiet")
        made.setAutoDefault(False)  # Return belongs to the image, also in a dialog
        made.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # and so do all keys after a click
        return named(made, text, help, key)

    def key(self, where: QWidget, key: str, act: Callable[[], object]) -> None:
        made = QShortcut(QKeySequence(key), where, act)
        made.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)

    def do(self, act: Callable[[Sequence[Row]], None]) -> None:
        rows = answered(self.chosen())
        if rows:
            act(rows)

    def move_first(self) -> None:
        """What the first button does: as Enter, or where that keeps an image, as 1."""
        if self.mending.keeps:
            self.choose(1)
        else:
            self.do(self.mending.agree)

    def choose(self, digit: int) -> None:
        """Moves the images to the class of a digit: one of the first image's likeliest."""
        rows = answered(self.chosen())
        names = [name for name, _ in others(rows[0])] if rows else []
        if digit <= len(names):
            self.mending.put(rows, names[digit - 1])

    def refresh(self) -> None:
        """Shows the digits of the images that are chosen now."""
        rows = answered(self.chosen())
        for made in self.buttons:
            made.setEnabled(bool(rows))
        offered = others(rows[0]) if rows else []
        about = rows[:1] if self.mending.keeps else rows
        names = list(dict.fromkeys(r["predicted"] for r in about if is_wrong(r)))
        enters = self.mending.keeps or (bool(rows) and not names)
        self.keep_button.setText(f"Keep  {sign_of('Return')} or K" if enters else "Keep  K")
        if self.upright:
            self.choices.setText(MOVES if rows else NONE)
            told = [(name, per_cent(share, 0)) for name, share in offered]
            self.classes.offer(told, "Moves the chosen images to this class")
        else:
            self.choices.setText(self.fitting(offered) if rows else NONE)
            self.say_where(names)

    def say_where(self, names: Sequence[str]) -> None:
        """The button says where Return moves the images; where nowhere, it is not there."""
        self.mover.setVisible(bool(names))
        if not names:
            return
        sign = sign_of(self.mover_key)
        words: list[str] = ["Move to ", Name(shown(names[0]))]
        if len(names) > 1:
            words = ["Move each to its answer"]
        room = self.width() - EDGES
        told = fitted([*words, f"  {sign}"], self.mover.fontMetrics(), room)
        self.mover.setText(told.replace("&", "&&"))
        said = "".join(words)
        named(self.mover, said, f"{said}: what the model answered", self.mover_key)

    def tell(self, text: str) -> None:
        """Says it beside the keys, which stay where they are; above them it takes no room where
        there is nothing to say."""
        self.news.setText(text)
        self.news.setVisible(self.upright or bool(text))

    def fitting(self, offered: list[tuple[str, float]]) -> str:
        """The digits and what they mean, as much as has room: nothing is cut, and nothing moves."""
        metrics, width = self.choices.fontMetrics(), self.choices.width()
        for count in range(len(offered), 0, -1):
            for shares in (True, False):
                words = choices(offered[:count], metrics, width, shares)
                needed = metrics.boundingRect(
                    QRect(0, 0, width, 10_000), Qt.TextFlag.TextWordWrap, words
                )
                if needed.height() <= self.choices.height():
                    return words
        return ""

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.refresh()


def choices(
    offered: list[tuple[str, float]], metrics: QFontMetrics, room: int, shares: bool = True
) -> str:
    """The digits and what they mean: “1 shoes 98 %   2 pants 1 %”; a line ends between two."""
    whole = str.maketrans({" ": "\u00a0", "-": "\u2011"})
    texts = []
    for digit, (name, share) in enumerate(offered, 1):
        name = Name(shown(name).translate(whole))
        parts = (f"{digit} ", name, f" {per_cent(share, 0)}" if shares else "")
        texts.append(fitted(parts, metrics, room).translate(whole).replace("…", "…\u2060"))
    return "   ".join(texts)


def mend_menu(mending: Mending, rows: Sequence[Row], parent: QWidget) -> QMenu:
    """The same acts as a menu, for the mouse."""
    menu = QMenu(parent)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    if found := answered(rows):

        def move(name: str) -> None:
            mending.put(found, name)

        for digit, (name, share) in enumerate(others(found[0]), 1):
            words = f"Move to {shown(name)} ({per_cent(share, 0)})".replace("&", "&&")
            menu.addAction(f"{words}\t{digit}", calling(move, name))
        menu.addSeparator()
        kept = f"Keep in {shown(found[0]['class'])}".replace("&", "&&")
        menu.addAction(f"{kept}\tK", lambda: mending.keep(found))
        menu.addAction("Remove\tDelete", lambda: mending.remove(found))
        menu.addSeparator()
    menu.addAction("Undo\tZ", mending.undo)
    return menu
