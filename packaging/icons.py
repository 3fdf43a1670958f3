"""Draws the program's icon in the sizes and formats that systems want: `icons.py FOLDER`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import bundle
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

SIZES = (16, 24, 32, 48, 64, 128, 256, 512)
DRAWING = bundle.RESOURCES / "icons" / "espalier.svg"


def draw(folder: Path) -> list[Path]:
    """Writes espalier-SIZE.png for each size, espalier.ico and espalier.icns."""
    folder.mkdir(parents=True, exist_ok=True)
    app = QGuiApplication.instance() or QGuiApplication([])
    pictures = []
    for size in SIZES:
        image = QImage(size, size, QImage.Format.Format_ARGB32)
        image.fill(Qt.GlobalColor.transparent)
        painter = QPainter(image)
        QSvgRenderer(str(DRAWING)).render(painter)
        painter.end()
        pictures.append(folder / f"espalier-{size}.png")
        image.save(str(pictures[-1]))
    del app
    with Image.open(pictures[-1]) as largest:
        largest.save(folder / "espalier.ico", sizes=[(s, s) for s in SIZES if s <= 256])
        largest.save(folder / "espalier.icns")
    return pictures


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
