"""The networks in the plot of subnets: their figures, and which of them are worth a look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LEGEND_HELP = {
    "measured": "Networks that ran on this computer: their latency was taken with a clock.",
    "predicted": "Latency worked out from the times of single blocks. The bar shows how far "
    "such predictions were off.",
    "front": "The front: the networks that are worth a look. No other found so far is both "
    "faster and at least as accurate.",
    "target": "The target: the longest time that an image may take. Drag the line, or hold "
    "Shift and press an arrow key.",
    "in use": "The network that this project uses now.",
    "whole network": "Networks that nothing was taken from, as they are at several sizes; a dotted "
    "line joins those of one network.",
    "landmark": "Well-known networks, measured on this computer with your classes.",
}


def decimals(milliseconds: float) -> int:
    """So many that three figures are told; small networks take a fraction of a millisecond."""
    return 3 if milliseconds < 1 else 2 if milliseconds < 10 else 1


@dataclass(frozen=True)
class Point:
    """A network: a subnet with its architecture as key, or a landmark, which has none.

    Milliseconds for one image; accuracy as a share, None where it is not known.
    """

    key: str
    name: str
    accuracy: float | None
    predicted: float | None = None
    error: float = 0.0
    measured: float | None = None
    family: str = ""
    """Landmarks, or whole networks, of one family are the same network at several sizes."""

    @property
    def x(self) -> float:
        return self.measured if self.measured is not None else self.predicted or 0.0

    @property
    def y(self) -> float:
        return 100 * (self.accuracy or 0.0)

    @property
    def words(self) -> list[str]:
        """What the crosshair reads."""
        known = self.accuracy is not None
        lines = [self.name, f"{self.y:.1f} % accuracy" if known else "accuracy not measured"]
        places = decimals(self.x)
        lines += [] if self.measured is None else [f"{self.measured:.{places}f} ms measured"]
        if self.predicted is not None:
            error = f" ± {self.error:.{places}f}" if self.error else ""
            lines.append(f"{self.predicted:.{places}f} ms{error} predicted")
        return lines


def families(landmarks: Sequence[Point]) -> list[list[Point]]:
    """Landmarks family by family, each from fast to slow."""
    names = dict.fromkeys(point.family or point.name for point in landmarks)
    return [
        sorted((p for p in landmarks if (p.family or p.name) == name), key=lambda p: p.x)
        for name in names
    ]


def front_of(points: Sequence[Point]) -> list[Point]:
    """From fast to slow, the points that no other beats: the accuracy rises along them."""
    front: list[Point] = []
    for point in sorted(points, key=lambda p: (p.x, -p.y)):
        if not front or point.y > front[-1].y:
            front.append(point)
    return front
