"""The drawing of a subnet: a bar for each block, stage by stage."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor

from app import theme
from app.widgets.plot_words import Reading, Word
from app.widgets.plots import LEGEND, Legend, Plot
from engine.results.specialise import Block

Stages = Sequence[Sequence[Block]]

KERNELS = {3: 80, 5: 155, 7: 255}
"""How strong the colour of each kernel is."""
EXPANDS, WIDTHS = (3, 4, 6), (0.25, 0.5, 1)
"""Heights with a line: of blocks that expand; of bottlenecks, whose whole width is 1."""
SLOTS = 4
"""Blocks of a stage at most, in a subnet."""
AXIS, NARROW, HEAD, FOOT = 52, 32, 16, 24
"""Pixels for the numbers on the left, and for words above and below the bars."""


class SubnetDrawing(Plot):
    """A bar for each block: its kernel as colour, how much it expands as height; a gap is a
    block that the network leaves out. The arrow keys read block by block."""

    legend_gap = 4
    """Two drawings stand side by side."""

    def __init__(self, title: str, empty: str) -> None:
        super().__init__(title, empty)
        self.stages: Stages = ()
        self.places: list[tuple[int, int]] = []
        self.starts: list[float] = [0.0]
        self.setMinimumSize(152, 112)

    def show_stages(self, stages: Stages, slots: int = SLOTS) -> None:
        """Shows the blocks of each stage; with `slots`, also which of so many are left out."""
        self.stages, self.at = tuple(stages), None
        lengths = [slots or len(stage) for stage in self.stages]
        self.places = [(s, b) for s, length in enumerate(lengths) for b in range(length)]
        self.starts = [0.0, *accumulate(length + 0.5 for length in lengths)]
        depths = ", ".join(str(len(stage)) for stage in self.stages)
        self.setAccessibleDescription(
            f"Blocks of the {len(self.stages)} stages: {depths}" if depths else ""
        )
        self.redraw_soon()

    def has_figures(self) -> bool:
        return bool(self.stages)

    def legend(self) -> Legend:
        word = "kernel " if self.width() >= 160 else ""
        return [
            (
                f"{word if kernel == 3 else ''}{kernel}",
                {"symbol": "s", "size": 11, "pen": None, "brush": self.ink(kernel)},
            )
            for kernel in KERNELS
        ]

    def ink(self, kernel: int) -> QColor:
        return theme.colour("accent", KERNELS.get(kernel, 255))

    @property
    def heights(self) -> tuple[float, ...]:
        expands = [block["expand"] for stage in self.stages for block in stage]
        return WIDTHS if max(expands, default=6) <= 1 else EXPANDS

    @property
    def measure(self) -> str:
        """What the height of a bar is."""
        return "expand" if self.heights == EXPANDS else "width"

    def table(self) -> Sequence[Sequence[object]]:
        rows = [
            [s, b, block["kernel"], block["expand"]]
            for s, stage in enumerate(self.stages, 1)
            for b, block in enumerate(stage, 1)
        ]
        return [["stage", "block", "kernel", self.measure], *rows]

    # Drawing.

    def room(self, stage: int, block: int) -> QRectF:
        """The room of a block as values, as high as a bar can be."""
        return QRectF(self.starts[stage] + block, 0, 1, self.heights[-1])

    def place(self, stage: int, block: int) -> QRectF:
        """The same in pixels of the widget."""
        room = self.room(stage, block)
        return QRectF(self.spot(room.left(), room.bottom()), self.spot(room.right(), room.top()))

    def draw(self) -> None:
        """Lines at the three heights, the bars, and a short line where a block is left out."""
        import pyqtgraph as pg

        right = self.starts[-1] - 0.5
        heights = [float(height) for height in self.heights for _ in "12"]
        self.line([0.0, right] * len(self.heights), heights, self.pen("line"), "pairs")
        bars = [(self.room(*place).left(), self.block(*place)) for place in self.places]
        gaps = [x + end for x, block in bars if block is None for end in (0.15, 0.85)]
        self.line(gaps, [0.0] * len(gaps), self.pen("line", 2), "pairs")
        for brush in (lambda _: theme.colour("surface"), self.ink):
            bar = pg.BarGraphItem(
                x0=[x + 0.06 for x, block in bars if block],
                width=0.88,
                y0=0,
                height=[block["expand"] for _, block in bars if block],
                brushes=[brush(block["kernel"]) for _, block in bars if block],
                pen=None,
            )
            self.chart.addItem(bar)
        most = self.heights[-1]
        self.show_range(-0.5, right + 0.5, -0.01 * most, 1.01 * most)

    def block(self, stage: int, block: int) -> Block | None:
        """None where it is left out."""
        return self.stages[stage][block] if block < len(self.stages[stage]) else None

    def set_up(self, chart: Any) -> None:
        chart.hideAxis("left")
        chart.hideAxis("bottom")

    def arrange(self) -> None:
        """Words beside and below the bars; where there is little room, some are left out."""
        low, wide = self.height() < 168, self.width() >= 200
        axis = AXIS if wide else NARROW
        self.chart.plotItem.layout.setContentsMargins(axis, LEGEND + (4 if low else HEAD), 4, FOOT)
        self.chart.plotItem.layout.activate()
        beside: dict[str, Any] = {"left": 1, "off": (-6, 0)}
        least, middle, most = self.heights
        lines = (least, most) if low else (least, middle, most)
        words = [Word(-0.5, height, f"×{height}", **beside) for height in lines]
        words += [] if low else [Word(-0.5, most, self.measure, left=1, off=(-6, -15))]
        words += [Word(-0.5, 0, "stage", left=1, off=(-6, 13))] if wide else []
        middles = [(a + b - 0.5) / 2 for a, b in pairwise(self.starts)]
        words += [Word(x, 0, f"{s}", off=(0, 13)) for s, x in enumerate(middles, 1)]
        self.overlay.say(words)

    # Reading.

    def reading(self) -> Reading:
        """The block in words, with a frame around it."""
        room = self.room(*self.at)
        middle = room.center()
        return Reading(middle.x(), middle.y(), self.words(*self.at), frame=room)

    def words(self, stage: int, block: int) -> list[str]:
        lines, made = [f"stage {stage + 1}, block {block + 1}"], self.block(stage, block)
        if made is None:
            return [*lines, "left out"]
        return [
            *lines,
            f"kernel {made['kernel']} × {made['kernel']}",
            f"{self.measure} × {made['expand']}",
        ]

    def under(self, at: QPointF) -> tuple[int, int] | None:
        value = QPointF(*self.value(at))
        return next((p for p in self.places if self.room(*p).contains(value)), None)

    def step(self, right: int, down: int) -> tuple[int, int]:
        """The next block to the right or left; down and up go a stage on or back."""
        if self.at is None:
            return self.places[0]
        stage, block = self.at
        at = self.places.index((stage, block)) + right
        if down:
            wanted = (stage + down, block)
            at = self.places.index(wanted) if wanted in self.places else down * len(self.places)
        return self.places[min(max(at, 0), len(self.places) - 1)]
