"""The cells of the layer plot as pixels, and the colours of learning rates.

A cell is a number in a table of colours, so that an image of all cells is one look-up; what
happens in a step changes its columns only.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import (
    QBrush,
    QColor,
    QLinearGradient,
    QPainter,
    QPainterPath,
    QPen,
    QPixmap,
    QTransform,
)

from app import theme
from app.pages.tune.layer_columns import FROZEN, LEVELS, MOST, UNKNOWN, Layers, rate_of
from app.widgets.ticks import ticks

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


def still(tokens: theme.Tokens) -> QColor:
    """The grey of what is frozen."""
    return mixed(QColor(tokens.muted), QColor(tokens.surface), 0.45)


@lru_cache(maxsize=4)
def table(tokens: theme.Tokens, scale: Scale) -> Any:
    """A colour for each level, for FROZEN and UNKNOWN; then the same for what is only planned."""
    import numpy as np

    known = QColor(tokens.surface), still(tokens), QColor(tokens.sunken)
    colours = [(c.red(), c.green(), c.blue()) for c in known]
    ramp = np.array([list(bytes.fromhex(shade[1:])) for shade in RAMP])
    places = [scale.place(rate_of(n)) * (len(RAMP) - 1) for n in range(LEVELS)]
    made = np.zeros((2, UNKNOWN + 1, 3))
    for part in range(3):
        made[:, :LEVELS, part] = np.interp(places, range(len(RAMP)), ramp[:, part])
    made[:, FROZEN] = colours[1]
    made[1] = PALE * made[1] + (1 - PALE) * np.array(colours[0])
    made[:, UNKNOWN] = colours[2]
    return made.reshape(-1, 3).round().astype(np.uint8)


def hatching(ink: QColor, scale: float) -> QBrush:
    """Lines that rise to the right, with nothing between them; `scale`: pixels for one."""
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
    brush.setTransform(QTransform.fromScale(1 / scale, 1 / scale))
    return brush


class Cells:
    """Of each stage (rows, from the stem) at each step (columns): its colour, and if it is cached.

    A run of more steps than MOST has columns of several steps.
    """

    def __init__(self, layers: Layers) -> None:
        import numpy as np

        self.layers, self.total, self.wide = layers, layers.total, min(layers.total, MOST)
        self.look: tuple[theme.Tokens, Scale] | None = None
        shape = len(layers.stages), self.wide
        self.levels, self.served = np.empty(shape, np.uint16), np.empty(shape, bool)
        self.unknown = np.full(shape[0], UNKNOWN, np.uint16).tobytes()
        self.nothing = bytes(shape[0])
        self.bring(0, layers.total)

    def colour(self) -> None:
        """Takes the colours of now, if they are others."""
        look = theme.tokens(), Scale.over(self.layers.peaks)
        if look != self.look:
            self.look, self.table = look, table(*look)
            self.pixels = self.table[self.levels]

    @property
    def done(self) -> int:
        """How many columns are of steps that are done."""
        return round(self.layers.done * self.wide / self.total)

    def bring(self, first: int, last: int) -> None:
        """Brings the steps from `first` to before `last` up to date."""
        left, right = first * self.wide // self.total, -(-last * self.wide // self.total)
        steps = [int((x + 0.5) * self.total / self.wide) for x in range(left, right)]
        done = bisect_left(steps, self.layers.done)
        self.fill(left, steps[:done], 0)
        self.fill(left + done, steps[done:], UNKNOWN + 1)
        if self.look is not None:
            self.pixels[:, left:right] = self.table[self.levels[:, left:right]]

    def fill(self, left: int, steps: list[int], tint: int) -> None:
        """Columns from `left` on for these steps, all done or all planned (`tint`)."""
        if not steps:
            return
        import numpy as np

        columns = self.layers.along(steps)
        here, shape = slice(left, left + len(steps)), (len(steps), -1)
        levels = b"".join([column.levels if column else self.unknown for column in columns])
        served = b"".join([column.served if column else self.nothing for column in columns])
        self.levels[:, here] = np.frombuffer(levels, np.uint16).reshape(shape).T + tint
        self.served[:, here] = np.frombuffer(served, bool).reshape(shape).T

    def hatched(self, first: int, last: int) -> QPainterPath:
        """What is served from the cache between two columns, in steps across and stages up."""
        path, each = QPainterPath(), self.total / self.wide
        import numpy as np

        for stage, row in enumerate(self.served[:, first:last]):
            edges = np.flatnonzero(np.diff(row, prepend=False, append=False))
            for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
                path.addRect(QRectF((first + start) * each, stage, (end - start) * each, 1))
        return path
