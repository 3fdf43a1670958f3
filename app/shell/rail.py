"""The rail on the left: the pages that work, and below them theme and keys."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QBoxLayout, QButtonGroup, QToolButton, QWidget

from app.widgets.controls import column, laid_out, say_on, tool

ICONS = {
    "Images": "images",
    "Sort": "sort",
    "Map": "map",
    "Learn": "learn",
    "Compare": "compare",
    "Tune": "tune",
    "Specialise": "specialise",
    "Try": "try",
    "Live": "live",
    "Export": "export",
}
HELP = {
    "Images": "Add images and sort them into classes",
    "Sort": "Name images that have no class yet, key by key",
    "Map": "See all images at once, and name those that lie together",
    "Learn": "Learn the classes and see how well they are recognised",
    "Compare": "Find the way to learn that is best on your images",
    "Tune": "Teach the network itself, and watch it",
    "Specialise": "Find the network that is fast enough for this computer",
    "Try": "See what the model says of an image",
    "Live": "Watch a camera, a film or a folder, and do something then",
    "Export": "Write the model as one file",
}
LIVE = "Ctrl+Shift+V"
"""Its key: there is no tenth digit, and Ctrl+0 is the usual size of tiles."""
NUMBERS = ("Images", "Learn", "Tune", "Specialise", "Try", "Export", "Sort", "Map", "Compare")
"""The pages in the order of their keys, which stay what they are when a page comes in between."""
USUAL, SMALL, LOW = QSize(80, 56), QSize(68, 48), QSize(68, 37)
"""A page's button: in a large window, in a small one, and at half a screen."""
LOOKS = {USUAL: (24, 8, (16, 12)), SMALL: (18, 0, (8, 8)), LOW: (16, 0, (8, 8))}
"""Of each: pixels of its image, between two buttons, and above and below all of them."""
BELOW, LITTLE = 120, 84
"""Pixels of the two buttons below them, and of the margins; in a small window."""


def key_of(name: str) -> str:
    return LIVE if name == "Live" else f"Ctrl+{NUMBERS.index(name) + 1}"


class Rail(QWidget):
    """One button for each page."""

    chosen = Signal(str)
    help_asked = Signal()
    theme_asked = Signal()

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self.setObjectName("rail")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(USUAL.width() + 8)
        self.group = QButtonGroup(self)
        self.buttons = {name: self.page_button(name, key_of(name)) for name in names}
        colours = tool(
            "theme",
            "Light or dark",
            "Changes between light and dark",
            self.theme_asked.emit,
            key="Ctrl+T",
        )
        keys = tool("keyboard", "Keys", "Shows all keys", self.help_asked.emit)
        keys.setProperty("key", "F1")
        keys.setToolTip("Shows all keys (F1)")
        below = column(colours, keys, gap=4)
        for made in (colours, keys):
            below.setAlignment(made, Qt.AlignmentFlag.AlignHCenter)
        self.below = below
        self.setLayout(column(*self.buttons.values(), 0, below, gap=8, edge=8))
        self.look(USUAL)

    def page_button(self, name: str, key: str) -> QToolButton:
        """An image with a word below; it stays pressed while its page is shown."""
        made = tool(
            ICONS[name], name, HELP[name], lambda: self.chosen.emit(name), key=key, pixels=24
        )
        made.setObjectName("railButton")
        say_on(made, name)
        made.setCheckable(True)
        made.setFixedSize(USUAL)
        made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        self.group.addButton(made)
        return made

    def fit(self, narrow: bool, height: int) -> None:
        """Takes less room where the window has little: `height` pixels are there."""
        count = len(self.buttons)
        roomy = count * (USUAL.height() + 8) + BELOW
        low = height < count * SMALL.height() + LITTLE
        size = LOW if low else SMALL if narrow or height < roomy else USUAL
        if size != self.size_of_one:
            self.look(size)

    def look(self, size: QSize) -> None:
        """The buttons at a size; where that is the lowest, theme and keys stand side by side."""
        self.size_of_one = size
        pixels, gap, (above, below) = LOOKS[size]
        self.setFixedWidth(size.width() + 8)
        laid_out(self).setSpacing(gap)
        laid_out(self).setContentsMargins(4, above, 4, below)
        across, down = QBoxLayout.Direction.LeftToRight, QBoxLayout.Direction.TopToBottom
        self.below.setDirection(across if size == LOW else down)
        for made in self.buttons.values():
            made.setFixedSize(size)
            made.setIconSize(QSize(pixels, pixels))
            made.setProperty("low", size == LOW)
            made.style().unpolish(made)
            made.style().polish(made)

    def mark(self, name: str) -> None:
        self.buttons[name].setChecked(True)
