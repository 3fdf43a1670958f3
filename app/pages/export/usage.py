"""How an exported file is used, in two lines that can be typed."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.widgets.controls import column, label, tip
from engine.results.export import Receipt

AFTER = {
    "web": " and open index.html in a browser",
    "pi": " on the device, and type there: sh install.sh",
}
"""What is done with a zip once it is unpacked."""


def quoted(name: str) -> str:
    """A file's name as one word of a command."""
    return f'"{name}"' if " " in name else name


def uses(receipt: Receipt) -> list[str]:
    """The ways to use a file: the first needs no Espalier, the second does."""
    file, script = receipt["file"], receipt["papers"].get("script", "")
    alone = f"Use it: python {quoted(script)} image.jpg" if script else ""
    if file.endswith(".zip"):
        alone = f"Use it: unpack it{AFTER.get(receipt['format'], '')}."
    return [line for line in (alone, f"Or: espalier predict {quoted(file)} image.jpg") if line]


class Usage(QWidget):
    """The lines below the news of an export; hidden until there was one."""

    def __init__(self) -> None:
        super().__init__()
        self.lines = [label("", "muted", wrap=True) for _ in range(2)]
        for made in self.lines:
            made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            # A long name is cut rather than that it widens the window.
            made.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setLayout(column(*self.lines, gap=4))
        self.clear()

    def show_use(self, receipt: Receipt) -> None:
        told = uses(receipt)
        for made, text in zip(self.lines, [*told, ""], strict=False):
            made.setText(text)
            made.setToolTip(tip(text))
        self.show()

    def clear(self) -> None:
        self.hide()
