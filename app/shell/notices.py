"""Messages in one place: over the page's upper right corner, so that nothing moves below them."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QElapsedTimer, QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QAccessible, QAccessibleEvent, QKeySequence
from PySide6.QtWidgets import QAbstractButton, QFrame, QLabel, QVBoxLayout, QWidget

from app import theme
from app.theme import GRID
from app.widgets.controls import button, column, label, laid_out, named, pack, row, tool

MOST = 3
SHOWN_DETAILS = 12
STAYS = 12_000
"""Milliseconds that a message that asks for nothing stays."""
NARROWEST, WIDEST = 376, 720
DO_KEY, CLOSE_KEY, DETAILS_KEY, OTHERS_KEY = "F9", "Shift+F9", "Ctrl+F9", "Ctrl+Shift+F9"
"""Keys of the newest message: what it offers, putting it away, its details, and the others."""
DETAILS = "Shows or hides the details"
OTHERS = "Shows or hides the messages before this one"

Action = tuple[str, Callable[[], object]]


class NoticeCard(QFrame):
    """One message. `action` is a word for its button and what it does; `topic` is what it is about:
    a newer message on that takes its place, and it goes when that is settled."""

    dismissed = Signal()
    asked_for_others = Signal()

    def __init__(
        self,
        text: str,
        level: str,
        details: tuple[str, ...],
        action: Action | None,
        topic: str = "",
    ) -> None:
        super().__init__()
        self.setObjectName("noticeWarning" if level == "warning" else "notice")
        self.text, self.details, self.topic, self.gone = text, details, topic, False
        self.level, self.mark = level, QLabel()
        self.clock = QElapsedTimer()
        self.clock.start()
        self.setAccessibleName(text)
        self.draw_mark()
        sentence = label(text, wrap=True)
        sentence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.more = label("\n".join(details[:SHOWN_DETAILS]), "caption", wrap=True)
        self.more.hide()
        line = row(self.mark, sentence)
        line.setStretch(1, 1)
        self.details_button: QAbstractButton | None = None
        if details:
            self.details_button = button("Details", DETAILS, self.toggle_details, kind="quiet")
            line.addWidget(self.details_button)
        self.action_button: QAbstractButton | None = None
        if action is not None:
            self.action_button = self.button_of(*action)
            line.addWidget(self.action_button)
        self.others = button("", OTHERS, self.asked_for_others.emit, kind="quiet")
        line.addWidget(self.others)
        self.close_button = tool("close", "Dismiss", "Puts this message away", self.dismiss)
        line.addWidget(self.close_button)
        pack(QVBoxLayout(self), column(line, self.more), edge=4)
        laid_out(self).setContentsMargins(12, 4, 4, 4)

    @property
    def age(self) -> int:
        """Milliseconds since it was said."""
        return self.clock.elapsed()

    def button_of(self, words: str, act: Callable[[], object]) -> QAbstractButton:
        """Does what the message offers, and puts it away."""

        def act_and_go() -> None:
            self.dismiss()
            act()

        return button(words, self.text, act_and_go)

    def stand(self, newest: bool, others: int, open: bool) -> None:
        """The newest message is shown and has the keys (two with one key would both stay silent);
        the others are shown where the person asked for them."""
        self.setVisible(newest or open)
        self.others.setVisible(newest and others > 0)
        words = "Fewer" if open else f"{others} more"
        self.others.setText(words)
        for made, key in (
            (self.action_button, DO_KEY),
            (self.close_button, CLOSE_KEY),
            (self.details_button, DETAILS_KEY),
            (self.others, OTHERS_KEY),
        ):
            if made is not None:
                key = key if newest else ""
                name = f"Messages: {words}" if made is self.others else made.accessibleName()
                named(made, name, made.accessibleDescription(), key)
                made.setShortcut(QKeySequence(key))

    def draw_mark(self) -> None:
        """The drawing before the sentence, in the theme's colour."""
        warns = self.level == "warning"
        tint = theme.tokens().warning if warns else theme.tokens().accent
        image = theme.image("warning" if warns else "info", tint, 40)
        image.setDevicePixelRatio(2)
        self.mark.setPixmap(image)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self.draw_mark()

    def toggle_details(self) -> None:
        self.more.setVisible(not self.more.isVisible())

    def dismiss(self) -> None:
        if not self.gone:
            self.gone = True
            self.dismissed.emit()
            self.hide()
            self.deleteLater()


class Notices(QWidget):
    """The messages, at most three. They lie over `over`, right of `beside`.

    The newest is shown, and the others below it where a person asks for them.
    """

    left = Signal()
    """A message that had the keyboard was put away."""

    def __init__(self, over: QWidget, beside: QWidget) -> None:
        super().__init__(over)
        self.over, self.beside = over, beside
        self.column = pack(QVBoxLayout(self), gap=GRID // 2)
        self.open = False
        over.installEventFilter(self)
        self.hide()

    @property
    def cards(self) -> list[NoticeCard]:
        """Those that were not put away, the newest last."""
        return [c for c in self.findChildren(NoticeCard) if not c.gone]

    def say(
        self,
        text: str,
        level: str = "info",
        details: tuple[str, ...] = (),
        action: Action | None = None,
        topic: str = "",
        stays: bool = False,
        beside: bool = False,
    ) -> None:
        """Shows a sentence in place of the same one, of one that it contains, or of its topic's;
        with `beside` those of its topic stay as well.

        Messages that ask for nothing go away by themselves, unless told to stay.
        """
        for card in self.cards:
            if card.text in text or (topic and card.topic == topic and not beside):
                card.dismiss()
        self.make_room()
        card = NoticeCard(text, level, details, action, topic)
        self.column.insertWidget(0, card)
        card.asked_for_others.connect(self.toggle)
        card.dismissed.connect(lambda: self.after(card))
        if level == "info" and action is None and not stays:
            QTimer.singleShot(STAYS, card, card.dismiss)
        self.order()
        self.place()
        QAccessible.updateAccessibility(QAccessibleEvent(card, QAccessible.Event.Alert))

    def make_room(self) -> None:
        """Puts the oldest messages away, warnings last."""
        old = sorted(self.cards, key=lambda card: card.level == "warning")
        for card in old[: max(0, len(old) - MOST + 1)]:
            card.dismiss()

    def settle(self, *topics: str) -> None:
        """Puts away what was said on these topics: its cause is gone."""
        for card in self.cards:
            if card.topic in topics:
                card.dismiss()

    def after(self, card: NoticeCard) -> None:
        """A message was put away: the next one has the keys, or the page gets the keyboard."""
        self.order()
        focus = card.focusWidget()
        if focus is not None and focus.hasFocus():
            self.left.emit()
        QTimer.singleShot(0, self, self.place)

    def toggle(self) -> None:
        self.open = not self.open
        self.order()

    def order(self) -> None:
        """Shows the newest in full, and the others where they are asked for."""
        cards = self.cards
        self.open = self.open and len(cards) > 1
        for card in cards:
            card.stand(card is cards[-1], len(cards) - 1, self.open)

    # Where it lies.

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self.place()
        return False

    def event(self, event: QEvent) -> bool:
        done = super().event(event)
        if event.type() == QEvent.Type.LayoutRequest:
            self.place()
        return done

    def place(self) -> None:
        """As wide as the room beside the steps, as high as its messages, above all else."""
        self.setVisible(bool(self.cards))
        if not self.cards:
            return
        taken = self.beside.sizeHint().width() if self.beside.isVisibleTo(self.over) else 0
        room = self.over.width() - 2 * GRID
        width = min(room, max(NARROWEST, min(WIDEST, room - taken)))
        height = self.column.totalHeightForWidth(width)
        self.setGeometry(self.over.width() - width - GRID, GRID // 2, width, height)
        self.raise_()
