"""The points of a map as arrays: which are seen, which lie in a loop, and which is the next one.

NumPy is imported here, so this is imported by the functions that need it: see plots.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.pages.map.looks import WAITS
from engine.results.map import MapPoints
from engine.system.cells import text_cell

CELL = 3
"""Pixels of a cell of the density."""
MANY, FAINT = 4, 90
"""So many points in a cell are many, at least; how strong a cell with one point is, of 255."""


class Cloud:
    """All points. A point is named by its place here; `keys` tell the same image again later."""

    def __init__(self, found: MapPoints) -> None:
        self.spots = np.frombuffer(found["spots"], np.float32).reshape(-1, 2)
        self.x, self.y = (np.ascontiguousarray(along) for along in self.spots.T)
        self.ids = np.frombuffer(found["ids"], np.int64)
        self.classes = np.frombuffer(found["classes"], np.int32).copy()
        self.keys = 2 * self.ids + (self.classes == WAITS)
        self.names = list(found["names"])
        self.joined = found["paths"]
        self.paths: list[str] | None = None
        self.chosen = np.zeros(len(self.ids), bool)

    def __len__(self) -> int:
        return len(self.ids)

    def path(self, point: int) -> str:
        if self.paths is None:
            self.paths = self.joined.split("\0")
        return self.paths[point]

    def name(self, point: int) -> str:
        """The class of a point; empty where it waits for one."""
        at = int(self.classes[point])
        return "" if at == WAITS else self.names[at]

    def waits(self, point: int) -> bool:
        return bool(self.keys[point] % 2)

    def counts(self) -> list[int]:
        """How many images each class has, and last how many wait."""
        found = np.bincount(self.classes + 1, minlength=len(self.names) + 1).tolist()
        return [*found[1:], found[0]]

    def rows(self) -> list[list[object]]:
        """Path, class and place of each, for a table."""
        return [
            [text_cell(self.path(at)), text_cell(self.name(at)), f"{x:.9g}", f"{y:.9g}"]
            for at, (x, y) in enumerate(self.spots)
        ]

    def bounds(self) -> tuple[float, float, float, float]:
        """Left, right, low and high of all."""
        low, high = self.spots.min(axis=0), self.spots.max(axis=0)
        return float(low[0]), float(high[0]), float(low[1]), float(high[1])

    # From one answer of the engine to the next.

    def same_place(self, other: Cloud) -> bool:
        """Whether the images that both have lie where they lay."""
        _, here, there = np.intersect1d(self.keys, other.keys, return_indices=True)
        return bool(len(here)) and bool((self.spots[here] == other.spots[there]).all())

    def take_choice(self, other: Cloud) -> None:
        """What was chosen stays chosen."""
        self.chosen = np.isin(self.keys, other.keys[other.chosen])

    def place_of(self, key: int) -> int:
        """The point of a key; -1 where it is gone."""
        found = np.flatnonzero(self.keys == key)
        return int(found[0]) if len(found) else -1

    def give(self, points: np.ndarray, name: str) -> None:
        """Shows points as of a class at once, before the engine has answered."""
        if name not in self.names:
            self.names.append(name)
        self.classes[points] = self.names.index(name)

    def parted(self, points: Sequence[int] | np.ndarray) -> tuple[list[int], list[int]]:
        """Ids of those that have a class, and of those that wait."""
        points = np.asarray(points, np.int64)
        waits = self.keys[points] % 2 == 1
        return self.ids[points][~waits].tolist(), self.ids[points][waits].tolist()

    def of_class(self, number: int) -> np.ndarray:
        return np.flatnonzero(self.classes == number)

    def within(self, left: float, right: float, low: float, high: float) -> np.ndarray:
        """The points between these values."""
        x, y = self.x, self.y
        return np.flatnonzero((x >= left) & (x <= right) & (y >= low) & (y <= high))


# Where points lie, in pixels of the frame: (points, 2), x and y from its left and top.


def nearest(pixels: np.ndarray, x: float, y: float, reach: float) -> int:
    """The point next to a place, or -1 where none is within reach."""
    if not len(pixels):
        return -1
    away = np.hypot(pixels[:, 0] - x, pixels[:, 1] - y)
    best = int(away.argmin())
    return best if away[best] <= reach else -1


def around(pixels: np.ndarray, point: int, count: int) -> np.ndarray:
    """So many points that lie next to one, itself among them."""
    away = np.hypot(*(pixels - pixels[point]).T)
    count = min(count, len(away))
    return np.argpartition(away, count - 1)[:count]


def next_to(pixels: np.ndarray, point: int, right: int, down: int) -> int:
    """The nearest point in a direction, as a key means it: within a quarter of all directions."""
    x, y = (pixels - pixels[point]).T
    ahead, aside = (x * right, np.abs(y)) if right else (y * down, np.abs(x))
    there = np.flatnonzero((ahead > 0) & (aside <= ahead))
    if not len(there):
        return point
    return int(there[np.hypot(x[there], y[there]).argmin()])


def inside(pixels: np.ndarray, loop: Sequence[tuple[float, float]]) -> np.ndarray:
    """The points inside a closed line: those from which a ray crosses it an odd number of times."""
    corners = np.array(loop)
    low, high = corners.min(axis=0), corners.max(axis=0)
    some = np.flatnonzero(((pixels >= low) & (pixels <= high)).all(axis=1))
    x, y = pixels[some].T
    odd = np.zeros(len(some), bool)
    for (x1, y1), (x2, y2) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y1 == y2:
            continue
        crosses = (y1 > y) != (y2 > y)
        odd ^= crosses & (x < x1 + (y - y1) * (x2 - x1) / (y2 - y1))
    return some[odd]


def apart(pixels: np.ndarray, size: float) -> list[int]:
    """Places of points, in their order, around which images of a size lie without covering each
    other."""
    taken: dict[tuple[int, int], list[tuple[float, float]]] = {}
    found = []
    for place, (x, y) in enumerate(pixels.tolist()):
        column, line = int(x // size), int(y // size)
        beside = [(column + a, line + b) for a in (-1, 0, 1) for b in (-1, 0, 1)]
        if all(
            abs(x - x2) >= size or abs(y - y2) >= size
            for cell in beside
            for x2, y2 in taken.get(cell, ())
        ):
            taken.setdefault((column, line), []).append((x, y))
            found.append(place)
    return found


def density(
    x: np.ndarray, y: np.ndarray, shades: np.ndarray, chosen: np.ndarray, cells: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Points in the frame as an image of so many columns and lines of cells: the colour of a cell
    is the mean of its points' colours `shades` (3, points), and shows the more the more there are.

    Returns uint8 (lines, columns, 4), blue first, and the places of cells with a chosen point.
    """
    columns, lines = cells
    flat = (y * np.float32(1 / CELL)).astype(np.int32)
    flat *= columns
    flat += (x * np.float32(1 / CELL)).astype(np.int32)
    counts = np.bincount(flat, minlength=columns * lines)
    there = np.flatnonzero(counts)
    made = np.zeros((columns * lines, 4), np.uint8)
    for channel, shade in enumerate(shades):
        total = np.bincount(flat, weights=shade, minlength=columns * lines)
        made[there, 2 - channel] = total[there] / counts[there]
    share = np.log1p(counts[there]) / np.log1p(max(int(counts.max(initial=0)), MANY))
    made[there, 3] = FAINT + (255 - FAINT) * share
    return made.reshape(lines, columns, 4), flat[chosen]
