"""The rail on the left: the pages that work, and below them theme and keys."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QToolButton, QWidget

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
USUAL, SMALL = QSize(80, 56), QSize(68, 48)
"""A page's button."""
BELOW = 120
"""Pixels of the two buttons below them, and of the margins."""


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
        self.setLayout(column(*self.buttons.values(), 0, below, gap=8, edge=8))
        laid_out(self).setContentsMargins(4, 16, 4, 12)

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

    @property
    def roomy(self) -> int:
        """Pixels of height that all buttons take at their usual size."""
        return len(self.buttons) * (USUAL.height() + 8) + BELOW

    def fit(self, small: bool) -> None:
        """Takes less room where the window has little."""
        size, gap, pixels = (SMALL, 0, 18) if small else (USUAL, 8, 24)
        if self.width() != size.width() + 8:
            self.setFixedWidth(size.width() + 8)
            laid_out(self).setSpacing(gap)
            laid_out(self).setContentsMargins(4, 8 if small else 16, 4, 8 if small else 12)
            for made in self.buttons.values():
                made.setFixedSize(size)
                made.setIconSize(QSize(pixels, pixels))

    def mark(self, name: str) -> None:
        self.buttons[name].setChecked(True)
