"""Calm messages above the job bar: one sentence each, with details and one thing to do."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from app import theme
from app.widgets.controls import button, column, label, laid_out, pack, row, tool

MOST = 3
SHOWN_DETAILS = 12
STAYS = 12_000
"""Milliseconds that a message that asks for nothing stays."""


class NoticeCard(QFrame):
    """One message. `action` is a word for its button and what it does."""

    dismissed = Signal()

    def __init__(
        self,
        text: str,
        level: str,
        details: tuple[str, ...],
        action: tuple[str, Callable[[], object]] | None,
    ) -> None:
        super().__init__()
        self.setObjectName("noticeWarning" if level == "warning" else "notice")
        self.text, self.details, self.gone = text, details, False
        self.level, self.mark = level, QLabel()
        self.draw_mark()
        sentence = label(text, wrap=True)
        sentence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.more = label("\n".join(details[:SHOWN_DETAILS]), "caption", wrap=True)
        self.more.hide()
        line = row(self.mark, sentence)
        line.setStretch(1, 1)
        if details:
            line.addWidget(self.details_button())
        self.action_button = None
        if action is not None:
            words, act = action

            def act_and_go() -> None:
                act()
                self.dismiss()

            self.action_button = button(words, text, act_and_go)
            line.addWidget(self.action_button)
        line.addWidget(tool("close", "Dismiss", "Puts this message away", self.dismiss))
        pack(QVBoxLayout(self), column(line, self.more), edge=4)
        laid_out(self).setContentsMargins(12, 4, 4, 4)

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

    def details_button(self) -> QWidget:
        return button("Details", "Shows or hides the details", self.toggle_details, kind="quiet")

    def toggle_details(self) -> None:
        self.more.setVisible(not self.more.isVisible())

    def dismiss(self) -> None:
        self.gone = True
        self.hide()
        self.dismissed.emit()
        self.deleteLater()


class Notices(QWidget):
    """The place of the messages; the newest comes last, and at most three are shown."""

    shown = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.column = pack(QVBoxLayout(self), edge=0)

    @property
    def cards(self) -> list[NoticeCard]:
        return [c for c in self.findChildren(NoticeCard) if not c.gone]

    def say(
        self,
        text: str,
        level: str = "info",
        details: tuple[str, ...] = (),
        action: tuple[str, Callable[[], object]] | None = None,
    ) -> None:
        """Shows a sentence in place of the same one, or of one that it contains.

        Messages that ask for nothing go away by themselves.
        """
        for card in self.cards:
            if card.text in text:
                card.dismiss()
        for card in self.cards[: max(0, len(self.cards) - MOST + 1)]:
            card.dismiss()
        card = NoticeCard(text, level, details, action)
        self.column.addWidget(card)
        self.shown.emit(True)
        if level == "info" and action is None:
            QTimer.singleShot(STAYS, card, card.dismiss)
        card.dismissed.connect(lambda: self.shown.emit(bool(self.cards)))
