"""Buttons, labels and cards that all pages use, so that each has a name, a tooltip and a key."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import TypeVar

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut
from PySide6.QtGui import Qt as GuiQt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QBoxLayout,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app import theme
from app.theme import GRID

Spin = TypeVar("Spin", bound=QAbstractSpinBox)
Control = TypeVar("Control", bound=QWidget)
Box = TypeVar("Box", bound=QBoxLayout)
Given = TypeVar("Given")


class WheelGuard(QObject):
    """Lets the wheel change a list or a number only while it has the focus.

    Otherwise whoever scrolls a page changes what lies under the pointer, and does not see it.
    """

    @classmethod
    def over(cls, control: QWidget) -> None:
        """Puts a guard over a control, once; a wheel gives it no focus either."""
        if control.findChild(cls) is None:
            control.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            control.installEventFilter(cls(control))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() != QEvent.Type.Wheel:
            return False
        if isinstance(watched, QWidget) and watched.hasFocus():
            return False
        event.ignore()  # The page around it scrolls.
        return True


def named(widget: Control, name: str, help: str, key: str = "") -> Control:
    """Gives a control its accessible name and its tooltip; `key` is shown and kept with it."""
    if isinstance(widget, QComboBox | QAbstractSpinBox):
        WheelGuard.over(widget)
    widget.setAccessibleName(name)
    shown = QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText) if key else ""
    widget.setToolTip(f"{help} ({shown})" if shown else help)
    widget.setAccessibleDescription(help)
    widget.setProperty("key", key)
    return widget


def reach(widget: QWidget, key: str) -> None:
    """A key that goes to a control while it is shown; the tooltip tells it."""
    name, help = widget.accessibleName(), widget.accessibleDescription()
    named(widget, name, help, key)
    QShortcut(QKeySequence(key), widget, widget.setFocus)


def calling(act: Callable[[Given], object], given: Given) -> Callable[[], None]:
    """What does `act` with this value: a lambda in a loop would see the last one only."""

    def call() -> None:
        act(given)

    return call


def button(
    text: str,
    help: str,
    clicked: Callable[[], object],
    *,
    key: str = "",
    icon: str = "",
    kind: str = "",
) -> QPushButton:
    """A button with words. `kind`: primary, quiet or link; `key`: its shortcut on its page."""
    made = QPushButton(text)
    made.setObjectName(kind)
    named(made, text.replace("&", ""), help, key)
    if icon:
        theme.put_icon(made, icon, "on_accent" if kind == "primary" else "muted", 18)
    if key:
        made.setShortcut(QKeySequence(key))
    made.clicked.connect(lambda *_: clicked())
    return made


def tool(
    icon: str,
    name: str,
    help: str,
    clicked: Callable[[], object] | None = None,
    *,
    key: str = "",
    pixels: int = 20,
) -> QToolButton:
    """A button with an image only; its name is for screen readers and the tooltip."""
    made = QToolButton()
    theme.put_icon(made, icon, pixels=pixels)
    named(made, name, help, key)
    if key:
        made.setShortcut(QKeySequence(key))
    if clicked is not None:
        made.clicked.connect(lambda *_: clicked())
    return made


def set_kind(made: QAbstractButton, kind: str) -> None:
    """Makes a button a primary or a plain one; Qt asks the style sheet anew only if told."""
    if made.objectName() != kind:
        made.setObjectName(kind)
        made.style().unpolish(made)
        made.style().polish(made)


def say_on(made: QAbstractButton, text: str) -> None:
    """Changes a button's words, and keeps its shortcut, which Qt would forget."""
    shortcut = made.shortcut()
    made.setText(text)
    made.setShortcut(shortcut)


def label(text: str = "", kind: str = "", *, wrap: bool = False) -> QLabel:
    """A text; `kind`: title, heading, big, muted, caption, warning or accent."""
    made = QLabel(text)
    made.setObjectName(kind)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(wrap)
    return made


def tip(text: str) -> str:
    """A tooltip that shows names as they are: Qt would take “<b>moth</b>” for markup."""
    if not GuiQt.mightBeRichText(text):
        return text
    return f'<p style="white-space: pre-wrap">{escape(text)}</p>'


def indented(made: Spin) -> Spin:
    """Puts a number as far from the left edge as the text of other fields.

    A style sheet can't: Qt gives its padding to no field inside another control.
    """
    made.lineEdit().setTextMargins(GRID + 1, 0, 0, 0)
    return made


def keeps_place(made: QWidget) -> None:
    """Hides a part whose place stays, so that nothing beside it moves when it comes and goes."""
    policy = made.sizePolicy()
    policy.setRetainSizeWhenHidden(True)
    made.setSizePolicy(policy)
    made.hide()


def buddy(text: str, control: QWidget) -> QLabel:
    """A label whose underlined letter, with Alt, goes to its control."""
    made = label(text, "muted")
    made.setBuddy(control)
    return made


def rule() -> QFrame:
    made = QFrame()
    made.setObjectName("rule")
    return made


def pack(layout: Box, *things: QWidget | QLayout | int, gap: int = GRID, edge: int = 0) -> Box:
    """Fills a layout in order; 0 is a stretch, another number a space in pixels."""
    layout.setSpacing(gap)
    layout.setContentsMargins(edge, edge, edge, edge)
    for thing in things:
        if isinstance(thing, int):
            layout.addStretch(1) if thing == 0 else layout.addSpacing(thing)
        elif isinstance(thing, QWidget):
            layout.addWidget(thing)
        else:
            layout.addLayout(thing)
    return layout


def row(*things: QWidget | QLayout | int, gap: int = GRID, edge: int = 0) -> QHBoxLayout:
    return pack(QHBoxLayout(), *things, gap=gap, edge=edge)


def column(*things: QWidget | QLayout | int, gap: int = GRID, edge: int = 0) -> QVBoxLayout:
    return pack(QVBoxLayout(), *things, gap=gap, edge=edge)


def laid_out(widget: QWidget) -> QBoxLayout:
    """The row or column in which a widget's parts lie."""
    layout = widget.layout()
    assert isinstance(layout, QBoxLayout)
    return layout


def card(*things: QWidget | QLayout | int, gap: int = GRID, edge: int = 2 * GRID) -> QFrame:
    """A white panel with a thin border."""
    made = QFrame()
    made.setObjectName("card")
    pack(QVBoxLayout(made), *things, gap=gap, edge=edge)
    return made


class Yielding(QScrollArea):
    """A place to scroll in that asks for no height: it takes what the page has left, so that the
    page itself need not scroll too."""

    def sizeHint(self) -> QSize:
        return QSize(super().sizeHint().width(), self.minimumSizeHint().height())


class Whole(Yielding):
    """One that is as wide as what is in it: sideways nothing scrolls, so it would be cut."""

    def minimumSizeHint(self) -> QSize:
        usual, bar = super().minimumSizeHint(), self.verticalScrollBar().sizeHint().width()
        inside = self.widget()
        wide = inside.minimumSizeHint().width() + bar if inside is not None else usual.width()
        return QSize(wide, usual.height())


def scrolled(widget: QWidget, kind: type[QScrollArea] = QScrollArea) -> QScrollArea:
    """A place in which a widget scrolls up and down, on whatever ground lies behind it."""
    made = kind()
    made.setWidget(widget)
    made.setWidgetResizable(True)
    made.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    made.viewport().setObjectName("clear")
    widget.setObjectName("clear")
    return made


EDGES = (2 * GRID, 2 * GRID, GRID, GRID)
"""Of a card that holds what `beside` makes: on the right there is room for its bar, or none."""


def beside(inside: QWidget) -> QScrollArea:
    """What stands in a narrow card beside a page's main part, scrolled where the card is low."""
    laid_out(inside).setContentsMargins(0, 0, GRID, 0)
    made = scrolled(inside, Yielding)
    made.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return made


class Elided(QLabel):
    """A label that shortens its text in the middle instead of widening its window."""

    def __init__(self, text: str = "", kind: str = "") -> None:
        super().__init__()
        self.setObjectName(kind)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.full = text
        self.setText(text)

    def set_full(self, text: str) -> None:
        if text != self.full:
            self.full = text
            self.setToolTip(tip(text))
            self.shorten()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.shorten()

    def shorten(self) -> None:
        metrics = self.fontMetrics()
        self.setText(metrics.elidedText(self.full, Qt.TextElideMode.ElideMiddle, self.width()))
