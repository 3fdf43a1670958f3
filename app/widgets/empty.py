"""What a page shows while it has nothing to show: what to do first."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from app import theme
from app.widgets.controls import label, laid_out, pack, row


class Either(QStackedWidget):
    """One page or another. It asks for the least height of the page that is shown, not for the one
    that a line of news in it would like best: then the whole page would scroll for it."""

    def __init__(self, *pages: QWidget) -> None:
        super().__init__()
        for page in pages:
            self.addWidget(page)
        self.currentChanged.connect(lambda _: self.updateGeometry())

    def minimumSizeHint(self) -> QSize:
        page = self.currentWidget()
        return page.minimumSizeHint().expandedTo(page.minimumSize()) if page else QSize()

    def hasHeightForWidth(self) -> bool:
        return False


class EmptyState(QWidget):
    """A drawing, a title, one or two sentences, and the button that does it."""

    def __init__(self, icon: str, title: str, text: str, *buttons: QPushButton) -> None:
        super().__init__()
        self.icon = icon
        self.sign = QLabel()
        self.sign.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.title = label(title, "big")
        self.title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.text = label(text, "muted", wrap=True)
        self.text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.text.setFixedWidth(440)
        pack(
            QVBoxLayout(self),
            0,
            self.sign,
            self.title,
            row(0, self.text, 0),
            8,
            row(0, *buttons, 0),
            0,
            gap=12,
        )

    def add_below(self, made: QWidget) -> None:
        """One thing more, below the words."""
        lines = laid_out(self)
        lines.insertWidget(lines.count() - 1, made, 0, Qt.AlignmentFlag.AlignHCenter)

    def showEvent(self, event: object) -> None:
        image = theme.image(self.icon, theme.tokens().muted, 128)
        image.setDevicePixelRatio(2)
        self.sign.setPixmap(image)
