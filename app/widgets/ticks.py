"""Round values along an axis."""

from __future__ import annotations

import math
from collections.abc import Iterable


def round_step(span: float, most: int) -> float:
    """The smallest of 1, 2, 5, 10, 20 … (or 0.5, 0.2 …) that divides `span` at most so often."""
    size = 10 ** math.floor(math.log10(span / most))
    return next(size * n for n in (1, 2, 5, 10) if size * n * most >= span * 0.999)


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round values from `low` to `high`."""
    step = round_step(high - low, most)
    return [n * step for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def wide(values: Iterable[float], least: float, room: float) -> tuple[float, float]:
    """A range around the values, at least so wide, with so much of its width free at each end."""
    values = list(values)
    low, high = min(values), max(values)
    more = max(least - (high - low), 0) / 2 + max(high - low, least) * room
    return low - more, high + more
