"""The image inside the layer plot: a row for each stage, a column of pixels for some steps.

It is made once for a size and a theme, and extended as steps are done. Pixels are copied from a
table of colours, a row at a time: a rectangle for each cell would take ten times as long.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import (
    QBrush,
    QColor,
    QImage,
    QLinearGradient,
    QPainter,
    QPen,
    QPixmap,
    QTransform,
)

from app import theme
from app.pages.tune.layer_columns import LEVELS, UNKNOWN, Layers, rate_of
from app.widgets.axes import ticks

RAMP = (
    "#443983",
    "#3a528b",
    "#31688e",
    "#277f8e",
    "#1f968b",
    "#29af7f",
    "#55c667",
    "#94d840",
    "#dce319",
    "#fde725",
)
"""Viridis (Smith and van der Walt 2015) without its darkest part, which a dark theme would hide:
evenly spaced to the eye, in order without colour, and no colour of it is grey."""
SHADES = 256
PALE = 0.4
"""How much of its colour is left of what is only planned."""
TILE = 6
"""Pixels between two lines of the hatching."""


def mixed(one: QColor, other: QColor, share: float) -> QColor:
    """So much of the one, and the rest of the other."""
    return QColor.fromRgbF(
        share * one.redF() + (1 - share) * other.redF(),
        share * one.greenF() + (1 - share) * other.greenF(),
        share * one.blueF() + (1 - share) * other.blueF(),
    )


@lru_cache(maxsize=1)
def ramp() -> tuple[QColor, ...]:
    """The colours from the lowest rate to the highest."""
    found = []
    for number in range(SHADES):
        at = number / (SHADES - 1) * (len(RAMP) - 1)
        low = min(int(at), len(RAMP) - 2)
        found.append(mixed(QColor(RAMP[low + 1]), QColor(RAMP[low]), at - low))
    return tuple(found)


def gradient(start: QPointF, end: QPointF, share: float = 1.0) -> QLinearGradient:
    """All shades from one point to another, as a brush; `share`: how much is left of them."""
    made = QLinearGradient(start, end)
    for number, shade in enumerate(RAMP):
        colour = mixed(QColor(shade), theme.colour("surface"), share)
        made.setColorAt(number / (len(RAMP) - 1), colour)
    return made


@dataclass(frozen=True)
class Scale:
    """From learning rates to shades: by their size, or by their powers of ten."""

    low: float
    high: float
    powers: bool

    @classmethod
    def over(cls, peaks: Sequence[float]) -> Scale:
        """For stages with these highest rates: by powers of ten where they lie far apart.

        The stage with the lowest still shows how it falls to a tenth.
        """
        seen = [peak for peak in peaks if peak > 0] or [1.0]
        low, high = min(seen), max(seen)
        return cls(low / 10, high, True) if high > 8 * low else cls(0.0, high, False)

    def place(self, rate: float) -> float:
        """Where a rate lies, from 0 to 1."""
        if not self.powers:
            return min(rate / self.high, 1.0)
        up = math.log10(max(rate, self.low) / self.low) / math.log10(self.high / self.low)
        return min(up, 1.0)

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """Round rates as (place, text), at most so many."""
        if not self.powers:
            return [(self.place(v), f"{v:.3g}") for v in ticks(self.low, self.high, most)]
        first, last = (math.log10(v) for v in (self.low, self.high))
        whole = range(math.ceil(first - 1e-9), math.floor(last + 1e-9) + 1)
        return [(self.place(10.0**n), f"{10.0**n:g}") for n in whole[:: -(-len(whole) // most)]]


def hatching(ink: QColor, scale: float, scaled: bool = False) -> QBrush:
    """Lines that rise to the right, with nothing between them.

    `scale`: pixels for one; `scaled`: whether the painter counts in ones, or in pixels.
    """
    side = round(TILE * scale)
    tile = QPixmap(side, side)
    tile.fill(Qt.GlobalColor.transparent)
    painter = QPainter(tile)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(ink, 1.2 * scale))
    for across in (-side, 0, side):
        painter.drawLine(QPointF(across - 2, side + 2), QPointF(across + side + 2, -2))
    painter.end()
    brush = QBrush(tile)
    if scaled:
        brush.setTransform(QTransform.fromScale(1 / scale, 1 / scale))
    return brush


@dataclass(frozen=True)
class Inks:
    """The colours of one theme and one scale: of what happened, and of what is planned.

    `solid` and `pale` are tables by level; the last two are for FROZEN and UNKNOWN.
    """

    solid: list[int]
    pale: list[int]
    still: QColor
    hatch: QColor
    pale_hatch: QColor


@lru_cache(maxsize=4)
def inks(tokens: theme.Tokens, scale: Scale) -> Inks:
    surface, muted = QColor(tokens.surface), QColor(tokens.muted)
    sunken, still = QColor(tokens.sunken), mixed(muted, surface, 0.45)
    shades = [int(scale.place(rate_of(n)) * (SHADES - 1)) for n in range(LEVELS)]
    tables = []
    for share in (1.0, PALE):
        colours = [mixed(colour, surface, share).rgb() for colour in ramp()]
        table = [colours[shade] for shade in shades]
        tables.append([*table, mixed(still, surface, share).rgb(), sunken.rgb()])
    solid, pale = tables
    return Inks(solid, pale, still, muted, mixed(muted, surface, PALE))


class LayerImage:
    """The image of `layers` in device pixels; `draw` brings it up to date between two steps."""

    def __init__(self, layers: Layers, width: int, height: int, pixels: float) -> None:
        self.layers, self.pixels = layers, pixels
        self.image = QImage(max(width, 1), max(height, 1), QImage.Format.Format_RGB32)
        self.look = (theme.tokens(), Scale.over(layers.peaks), layers.total)
        self.inks = inks(*self.look[:2])
        self.draw(0, layers.total)

    def fits(self, layers: Layers, width: int, height: int) -> bool:
        """Whether it is of these layers, at this size, in the theme and scale of now."""
        look = (theme.tokens(), Scale.over(layers.peaks), layers.total)
        size = self.image.width(), self.image.height()
        return self.layers is layers and size == (width, height) and look == self.look

    def draw(self, first: int, last: int) -> None:
        """Draws the steps from `first` to before `last`."""
        wide, total = self.image.width(), self.layers.total
        left = max(int(first * wide / total) - 1, 0)
        right = min(math.ceil(last * wide / total) + 1, wide)
        # A column of pixels shows the step in its middle.
        steps = [int((x + 0.5) * total / wide) for x in range(left, right)]
        done = bisect_left(steps, self.layers.done)
        painter = QPainter(self.image)
        self.strip(painter, left, steps[:done], self.inks.solid, self.inks.hatch)
        self.strip(painter, left + done, steps[done:], self.inks.pale, self.inks.pale_hatch)

    def strip(
        self, painter: QPainter, left: int, steps: list[int], table: list[int], hatch: QColor
    ) -> None:
        """Columns of pixels from `left` on for these steps, all done or all planned."""
        rows, width = len(self.layers.stages), len(steps)
        if not rows or not width:
            return
        columns = self.layers.along(steps)
        levels = array("H")
        unknown = array("H", [UNKNOWN] * rows).tobytes()
        levels.frombytes(b"".join([c.levels if c else unknown for c in columns]))
        lines = [array("I", map(table.__getitem__, levels[row::rows])) for row in range(rows)]
        pixels = b"".join(line.tobytes() for line in reversed(lines))
        strip = QImage(pixels, width, rows, 4 * width, QImage.Format.Format_RGB32)
        painter.drawImage(QRect(left, 0, width, self.image.height()), strip)
        kept = [column.cached if column else () for column in columns]
        if any(map(any, kept)):
            self.hatch(painter, left, kept, hatching(hatch, self.pixels))

    def hatch(
        self, painter: QPainter, left: int, kept: list[tuple[bool, ...]], brush: QBrush
    ) -> None:
        """Lines over what is served from the cache; `kept`: for each column from `left` on."""
        for cached, group in groupby(kept):
            width, stage = len(list(group)), 0
            for served, together in groupby(cached):
                rows = len(list(together))
                if served:
                    painter.fillRect(self.place(stage, rows, left, width), brush)
                stage += rows
            left += width

    def place(self, stage: int, rows: int, left: int, width: int) -> QRectF:
        """The place of so many stages' cells from a stage up; the stem is the lowest."""
        high = self.image.height() / len(self.layers.stages)
        top, bottom = (round((len(self.layers.stages) - n) * high) for n in (stage + rows, stage))
        return QRectF(left, top, width, bottom - top)
