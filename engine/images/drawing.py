"""Draws shapes that a recipe describes: parts in a square from -1 to 1, y downwards.

A part is a dict with one shape: `blob` or `polygon` (points), `ellipse` (x, y, two radii), `line`
(points, and a `width`), `spiral` (x, y, radius, and `turns`, a `width`), each with a `fill`: a
colour's name in the palette, perhaps with a factor behind it ("body*0.8"). Or it is a group: a
list of `parts` with any of

    one      draw one of the parts, chosen by chance
    chance   draw it with this probability
    at       move it by (x, y)
    turn, grow, squash   turn it by degrees, scale it, scale its x: each between two values
    mirror   draw it and its mirror image
    times    draw it so often (between two values): with `round` turned evenly about the
             middle, with `step` moved by (x, y) each time, with `scatter` anywhere in the box
             (left, top, right, bottom)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

Part = Mapping[str, Any]
Palette = Mapping[str, tuple[float, float, float]]

JITTER = 0.02
"""By how much each point is moved by chance, so that no two shapes are the same."""


class Canvas:
    """A square image of `side` pixels, and beside it the mask of what was drawn on it."""

    def __init__(self, side: int, ground: tuple[float, float, float]) -> None:
        self.side = side
        self.image = Image.new("RGB", (side, side), whole(ground))
        self.mask = Image.new("L", (side, side), 0)
        self.draws = ((ImageDraw.Draw(self.image), None), (ImageDraw.Draw(self.mask), 255))

    def fill(self, points: np.ndarray, colour: tuple[float, float, float]) -> None:
        """A filled polygon; points (n, 2) in the square from -1 to 1."""
        for draw, mark in self.draws:
            draw.polygon(self.pixels(points), fill=mark or whole(colour))

    def stroke(self, points: np.ndarray, width: float, colour: tuple[float, float, float]) -> None:
        """A line through the points with round ends; its width is in units of the square."""
        thick = max(round(width * self.side / 2), 1)
        along = self.pixels(points)
        for draw, mark in self.draws:
            fill = mark or whole(colour)
            draw.line(along, fill=fill, width=thick, joint="curve")
            for x, y in (along[0], along[-1]):
                r = thick / 2
                draw.ellipse((x - r, y - r, x + r, y + r), fill=fill)

    def pixels(self, points: np.ndarray) -> list[tuple[float, float]]:
        return [(x, y) for x, y in ((points + 1) * (self.side / 2)).tolist()]


def whole(colour: Sequence[float]) -> tuple[int, ...]:
    return tuple(min(max(round(part), 0), 255) for part in colour)


def paint(
    canvas: Canvas,
    parts: Sequence[Part],
    palette: Palette,
    rng: np.random.Generator,
    place: np.ndarray | None = None,
) -> None:
    """Draws the parts one over the other. `place` (2, 3) maps their square to the canvas's."""
    place = np.eye(2, 3) if place is None else place
    for part in parts:
        if rng.random() >= part.get("chance", 1):
            continue
        if "parts" not in part:
            shape(canvas, part, palette, rng, place)
            continue
        for where in places(part, rng):
            some = part["parts"]
            some = [some[rng.integers(len(some))]] if part.get("one") else some
            paint(canvas, some, palette, rng, combine(place, where))


def shape(
    canvas: Canvas, part: Part, palette: Palette, rng: np.random.Generator, place: np.ndarray
) -> None:
    """Draws one part that is no group."""
    name, _, factor = part["fill"].partition("*")
    red, green, blue = (value * float(factor or 1) for value in palette[name])
    colour = red, green, blue
    points = outline(part)
    points = points + rng.normal(0, part.get("jitter", JITTER), points.shape)
    if "blob" in part:
        points = smooth(points, closed=True)
    elif "line" in part:
        points = smooth(points, closed=False)
    points = points @ place[:, :2].T + place[:, 2]
    if "width" in part:
        scale = abs(np.linalg.det(place[:, :2])) ** 0.5
        canvas.stroke(points, part["width"] * scale, colour)
    else:
        canvas.fill(points, colour)


def outline(part: Part) -> np.ndarray:
    """The part's own points (n, 2)."""
    for kind in ("blob", "polygon", "line"):
        if kind in part:
            return np.array(part[kind], np.float64)
    if "ellipse" in part:
        x, y, across, down = part["ellipse"]
        turn = np.linspace(0, 2 * np.pi, 36, endpoint=False)
        return np.stack([x + across * np.cos(turn), y + down * np.sin(turn)], 1)
    x, y, radius = part["spiral"]
    turn = np.linspace(0, 2 * np.pi * part["turns"], 60)
    out = radius * turn / turn[-1]
    return np.stack([x + out * np.cos(turn), y + out * np.sin(turn)], 1)


def smooth(points: np.ndarray, closed: bool, pieces: int = 7) -> np.ndarray:
    """A Catmull-Rom curve through the points."""
    if closed:
        before, after, last = np.roll(points, 1, 0), np.roll(points, -1, 0), np.roll(points, -2, 0)
    else:
        more = np.concatenate([points[:1], points, points[-1:]])
        before, points, after, last = more[:-3], more[1:-2], more[2:-1], more[3:]
    t = np.linspace(0, 1, pieces, endpoint=not closed)[None, :, None]
    a, b, c, d = (p[:, None, :] for p in (before, points, after, last))
    curve = 2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * (b - c) + d - a) * t**3
    return curve.reshape(-1, 2) / 2


def places(part: Part, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Where a group is drawn: one affine map (2, 3) for each copy."""
    low, high = part.get("times", (1, 1))
    times = int(rng.integers(low, high + 1))
    start = rng.random() * 360 if part.get("round") else 0.0
    for number in range(times):
        x, y = part.get("at", (0, 0))
        turn = 0.0
        if part.get("round"):
            turn = start + 360 * number / times
        elif "step" in part:
            x, y = x + number * part["step"][0], y + number * part["step"][1]
        elif "scatter" in part:
            left, top, right, bottom = part["scatter"]
            x, y = rng.uniform(left, right), rng.uniform(top, bottom)
        turn += between(part.get("turn", (0, 0)), rng)
        grow, squash = (between(part.get(key, (1, 1)), rng) for key in ("grow", "squash"))
        where = affine((x, y), turn, (grow * squash, grow))
        yield where
        if part.get("mirror"):
            yield combine(MIRROR, where)


MIRROR = np.array([[-1.0, 0, 0], [0, 1, 0]])


def between(pair: Sequence[float], rng: np.random.Generator) -> float:
    return float(rng.uniform(pair[0], pair[1]))


def affine(
    at: Sequence[float] | np.ndarray, degrees: float, scale: tuple[float, float]
) -> np.ndarray:
    """Scales, then turns clockwise (as y points down), then moves: (2, 3)."""
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.concatenate([turn * np.array(scale), np.array(at, np.float64)[:, None]], 1)


def combine(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """First `inner`, then `outer`."""
    linear = outer[:, :2] @ inner[:, :2]
    return np.concatenate([linear, (outer[:, :2] @ inner[:, 2] + outer[:, 2])[:, None]], 1)
