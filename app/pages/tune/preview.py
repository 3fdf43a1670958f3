"""The dialog that shows images as training will see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QDialog, QGridLayout, QLabel, QWidget

from app.bridge import Bridge
from app.widgets.controls import Elided, button, column, label, row
from engine.events import Ended
from engine.results.tune import ChangedImages

ABOUT = (
    "Each time a run shows an image to the network it is changed at random, so that the network "
    "learns what the image is of and not the image itself. How much is set by “Augment” under "
    "More settings."
)
ACROSS, SIDE = 6, 128


class PreviewDialog(QDialog):
    """Twelve changed images, each with its class."""

    def __init__(self, bridge: Bridge, settings: Mapping[str, Any], parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Preview images")
        self.bridge = bridge
        self.news = label("Changing images …", "muted", wrap=True)
        self.grid = QGridLayout()
        self.grid.setSpacing(8)
        self.tiles: list[QWidget] = []
        close = button("Close", "Goes back", self.reject, key="Esc")
        strength = str(settings["settings"].get("augment", "")).replace("_", " ")
        now = f" It is “{strength}” now." if strength else ""  # a preset decides by itself
        about = label(f"{ABOUT}{now}", "muted", wrap=True)
        self.setLayout(
            column(
                label("Images as training sees them", "big"),
                about,
                self.grid,
                self.news,
                0,
                row(0, close),
                gap=16,
                edge=24,
            )
        )
        self.setMinimumSize(ACROSS * (SIDE + 8) + 40, 480)
        self.question = bridge.ask("preview_augmented", self.take, **settings)
        self.finished.connect(lambda _: bridge.drop(self.question))

    def take(self, ended: Ended) -> None:
        """Shows the images; or why there are none."""
        self.news.setText(ended.text)
        self.news.setVisible(bool(ended.text))
        shown = ended.of(ChangedImages)["pictures"] if ended.how == "done" else []
        for number, made in enumerate(shown):
            tile = self.tile(made["class"], made["jpeg"])
            self.tiles.append(tile)
            self.grid.addWidget(tile, number // ACROSS, number % ACROSS)

    def tile(self, name: str, jpeg: bytes) -> QWidget:
        """One image above its class."""
        pixels = QPixmap()
        pixels.loadFromData(jpeg)
        ratio = self.devicePixelRatioF()
        image = QLabel()
        shown = pixels.scaled(
            round(SIDE * ratio),
            round(SIDE * ratio),
            Qt.AspectRatioMode.KeepAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        )
        shown.setDevicePixelRatio(ratio)
        image.setPixmap(shown)
        image.setFixedSize(SIDE, SIDE)
        image.setAccessibleName(f"Changed image of {name}")
        words = Elided(name, "caption")
        made = QWidget()
        made.setFixedWidth(SIDE)
        made.setLayout(column(image, words, gap=4))
        return made
