"""A plot as a file.

The title and the chart are painted in the same way as on the screen, without the crosshair.
pyqtgraph's own exporters know the chart only, so that what they write has no title.
"""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QImage, QImageWriter, QKeySequence, QPainter, QShortcut
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QFileDialog, QMenu, QToolButton

from app import theme
from app.widgets.controls import tool

if TYPE_CHECKING:
    from app.widgets.plots import Plot

TWICE = 2.0


def save_button(plot: Plot) -> QToolButton:
    """The button of a plot, with a menu of kinds of files; Ctrl+S on the plot opens it."""
    made = tool("save", f"Save the plot: {plot.title}", "Saves this plot", key="")
    made.setParent(plot)
    made.setToolTip("Saves this plot as PNG, SVG or CSV (Ctrl+S on the plot)")
    made.setProperty("key", "Ctrl+S")
    made.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    menu = QMenu(made)
    for kind in ("PNG", "SVG", "CSV"):
        menu.addAction(f"Save as {kind} …", partial(choose_file, plot, kind))
    made.setMenu(menu)
    shortcut = QShortcut(QKeySequence("Ctrl+S"), plot, made.showMenu)
    shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
    return made


def choose_file(plot: Plot, kind: str, *_: object) -> None:
    name = f"{plot.title.lower().replace(' ', '-')}.{kind.lower()}"
    path, _chosen = QFileDialog.getSaveFileName(plot, f"Save as {kind}", name, f"*.{kind.lower()}")
    if path:
        write(plot, path)


def write(plot: Plot, path: str) -> None:
    """Writes what the path's ending says: .png (at twice the size), .svg or .csv."""
    ending = Path(path).suffix.lower()
    if ending == ".csv":
        with open(path, "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(plot.table())
    elif ending == ".svg":
        made = QSvgGenerator()
        made.setFileName(path)
        made.setSize(plot.size())
        made.setResolution(plot.logicalDpiX())
        made.setViewBox(plot.rect())
        made.setTitle(plot.title)
        paint(plot, QPainter(made), 1.0)
    else:
        image = QImage(plot.size() * TWICE, QImage.Format.Format_RGB32)
        image.setDevicePixelRatio(TWICE)
        paint(plot, QPainter(image), TWICE)
        QImageWriter(path, b"PNG").write(image)


def paint(plot: Plot, painter: QPainter, scale: float) -> None:
    """Title and chart; marks are drawn one by one, since those kept for the screen are pixels."""
    plot.make_chart()
    painter.setFont(plot.font())
    painter.fillRect(plot.rect(), theme.colour("surface"))
    plot.paint_title(painter)
    at, plot.at = plot.at, None
    plot.redraw(scale)
    if plot.has_figures():
        for on in (True, False):
            for item in plot.chart.scene().items():
                if hasattr(item, "setExportMode"):
                    item.setExportMode(on, {"antialias": True, "resolutionScale": 1.0})
            if on:
                place = QRectF(plot.chart.geometry())
                plot.chart.render(painter, place, plot.chart.rect())
    painter.end()
    plot.at = at
    plot.redraw()
