"""The drawing of a subnet: a bar for each block, in five stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPen

from app import theme
from app.widgets.painted import TITLE, Plot

Stages = Sequence[Sequence[Mapping[str, int]]]

KERNELS = {3: 80, 5: 155, 7: 255}
"""How strong the colour of each kernel is."""
EXPANDS = (3, 4, 6)
SLOTS = 4
"""Blocks of a stage at most."""
AXIS, NARROW, HEAD, FOOT = 52, 32, 16, 24
"""Pixels for the numbers on the left, and for words above and below the bars."""


class SubnetDrawing(Plot):
    """A bar for each block: its kernel as colour, how much it expands as height; a gap is a
    block that the network leaves out. The arrow keys read block by block."""

    def __init__(self, title: str, empty: str) -> None:
        super().__init__(title, empty)
        self.stages: Stages = ()
        self.at: tuple[int, int] | None = None
        self.setMinimumSize(128, 112)

    def show_stages(self, stages: Stages) -> None:
        """Shows {"kernel", "expand"} of each block of each of five stages."""
        self.stages, self.at = tuple(stages), None
        depths = ", ".join(str(len(stage)) for stage in self.stages)
        self.setAccessibleDescription(f"Blocks of the five stages: {depths}" if depths else "")
        self.update()

    def has_figures(self) -> bool:
        return bool(self.stages)

    def legend(self) -> list[tuple[str, QPen]]:
        word = "kernel " if self.width() >= 160 else ""
        return [
            (f"{word if kernel == 3 else ''}{kernel}", QPen(self.ink(kernel))) for kernel in KERNELS
        ]

    def paint_legend(self, painter: QPainter) -> None:
        """Closer together than in other plots: two drawings stand side by side."""
        left, middle = 4.0, TITLE + 9
        for text, pen in self.legend():
            painter.fillRect(QRectF(left, middle - 5, 12, 10), pen.color())
            painter.setPen(theme.colour("muted"))
            width = painter.fontMetrics().horizontalAdvance(text)
            place = QRectF(left + 17, middle - 9, width + 2, 18)
            painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, text)
            left += width + 31

    def ink(self, kernel: int) -> QColor:
        return theme.colour("accent", KERNELS.get(kernel, 255))

    def table(self) -> Sequence[Sequence[object]]:
        rows = [
            [s, b, block["kernel"], block["expand"]]
            for s, stage in enumerate(self.stages, 1)
            for b, block in enumerate(stage, 1)
        ]
        return [["stage", "block", "kernel", "expand"], *rows]

    @property
    def low(self) -> bool:
        """Whether there is little height: then some words are left out."""
        return self.height() < 168

    @property
    def axis(self) -> int:
        return NARROW if self.width() < 200 else AXIS

    def place(self, stage: int, block: int) -> QRectF:
        """The room of a block, as high as a bar can be."""
        area = self.inside().adjusted(self.axis, 4 if self.low else HEAD, -4, -FOOT)
        width = area.width() / max(len(self.stages), 1)
        slot = (width - 8) / SLOTS
        left = area.left() + stage * width + 4 + block * slot
        return QRectF(left, area.top(), slot, area.height())

    def paint_inside(self, painter: QPainter, area: QRectF) -> None:
        """Lines at the three heights, the bars, and the stages' names."""
        first, last = self.place(0, 0), self.place(len(self.stages) - 1, SLOTS - 1)
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for expand in EXPANDS:
            y = first.bottom() - first.height() * expand / EXPANDS[-1]
            painter.setPen(QPen(theme.colour("line"), 1))
            painter.drawLine(QPointF(first.left(), y), QPointF(last.right(), y))
            painter.setPen(theme.colour("muted"))
            if not self.low or expand != 4:
                painter.drawText(QRectF(0, y - 8, self.axis - 6, 16), right, f"×{expand}")
        if not self.low:
            painter.drawText(QRectF(0, first.top() - 22, self.axis - 6, 16), right, "expand")
        if self.axis == AXIS:
            painter.drawText(QRectF(0, first.bottom() + 4, AXIS - 6, FOOT - 6), right, "stage")
        for number, stage in enumerate(self.stages):
            for slot in range(SLOTS):
                self.paint_slot(painter, self.place(number, slot), stage[slot : slot + 1])
            whole = self.place(number, 0).united(self.place(number, SLOTS - 1))
            painter.setPen(theme.colour("muted"))
            below = QRectF(whole.left(), whole.bottom() + 4, whole.width(), FOOT - 6)
            painter.drawText(below, Qt.AlignmentFlag.AlignCenter, f"{number + 1}")

    def paint_slot(
        self, painter: QPainter, room: QRectF, block: Sequence[Mapping[str, int]]
    ) -> None:
        """A bar; or a short line at the foot where the block is left out."""
        if not block:
            painter.setPen(QPen(theme.colour("line"), 2))
            painter.drawLine(
                QPointF(room.left() + 2, room.bottom()), QPointF(room.right() - 2, room.bottom())
            )
            return
        gap = min(0.12 * room.width(), 1.5)
        bar = room.adjusted(gap, 0, -gap, 0)
        bar.setTop(room.bottom() - room.height() * block[0]["expand"] / EXPANDS[-1])
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("surface"))
        painter.drawRoundedRect(bar, 2, 2)
        painter.setBrush(self.ink(block[0]["kernel"]))
        painter.drawRoundedRect(bar, 2, 2)

    def paint_reading(self, painter: QPainter, area: QRectF) -> None:
        """The block under the mouse in words."""
        at = self.at or (self.under(self.spot) if self.spot is not None else None)
        if at is None:
            return
        stage, block = at
        room = self.place(stage, block)
        painter.setPen(QPen(theme.colour("text"), 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(room.adjusted(0.5, 0, -0.5, 1), 2, 2)
        self.paint_box(painter, room.center(), self.words(stage, block))

    def words(self, stage: int, block: int) -> list[str]:
        lines = [f"stage {stage + 1}, block {block + 1}"]
        if block >= len(self.stages[stage]):
            return [*lines, "left out"]
        made = self.stages[stage][block]
        return [*lines, f"kernel {made['kernel']} × {made['kernel']}", f"expand × {made['expand']}"]

    def under(self, at: QPointF) -> tuple[int, int] | None:
        places = [(s, b) for s in range(len(self.stages)) for b in range(SLOTS)]
        return next((p for p in places if self.place(*p).contains(at)), None)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.at = None
        super().mouseMoveEvent(event)

    def step_spot(self, right: int, down: int) -> None:
        """The next block to the right or left; down and up go a stage on or back."""
        stage, block = self.at or (0, 0)
        n = stage * SLOTS + block + right + down * SLOTS if self.at else 0
        self.at = divmod(min(max(n, 0), len(self.stages) * SLOTS - 1), SLOTS)
        self.spot = self.place(*self.at).center()
