"""One image as large as the window allows; arrow keys go on, Esc goes back."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QCloseEvent, QKeyEvent
from PySide6.QtWidgets import QDialog, QWidget

from app.widgets.controls import Elided, button, column, laid_out, row
from app.widgets.images import Picture
from app.widgets.rows import ImageRows, words


class Viewer(QDialog):
    """Looks at the images of a gallery one by one."""

    def __init__(self, rows: ImageRows, number: int, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.rows, self.number = rows, number
        self.setWindowTitle("Image")
        self.resize(900, 640)
        self.image = Picture("This file can't be read. It may have been moved or deleted.")
        self.caption = Elided("", "muted")
        back = button(
            "Previous", "Shows the image before this one", lambda: self.go(-1), key="Left"
        )
        on = button("Next", "Shows the image after this one", lambda: self.go(1), key="Right")
        close = button("Close", "Goes back to the gallery", self.close, key="Esc")
        foot = row(self.caption, back, on, close)
        foot.setStretch(0, 1)
        self.setLayout(column(self.image, foot, edge=16))
        laid_out(self).setStretch(0, 1)
        rows.dataChanged.connect(self.show_row)
        self.show_row()

    def go(self, by: int) -> None:
        self.number = min(max(self.number + by, 0), max(self.rows.rowCount() - 1, 0))
        self.show_row()

    def show_row(self, *_: object) -> None:
        row_here = self.rows.row(self.number)
        if row_here is not None and row_here["file"] != self.image.path:
            self.image.show_file(row_here["file"])
            self.caption.set_full(words(row_here))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space:
            self.close()
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        self.image.closed()
        super().closeEvent(event)
