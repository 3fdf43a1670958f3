"""The confusion matrix as a picture: Pillow alone, so that any process can draw it.

Colours are those of the window's light theme. Names stand beside the rows and above the columns
while there is room for them; each class also has its number, by which lists name it, for scripts
that the font has no letters for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from engine.export.receipts.words import readable
from engine.images.letters import Face, can_write, face

SHARP = 2
"""Pixels drawn for each unit of length, so that letters stay sharp on paper."""
GROUND, SUNKEN, INK, MUTED = "#ffffff", "#efefeb", "#1d2320", "#5f6a64"
RIGHT, WRONG = (42, 117, 83), (168, 58, 42)
CELL, WIDEST, EDGE = 40, 168, 12
"""The largest cell, the most room for a name, and the margin, in units."""
NAMED, COUNTED = 120, 45
"""Classes up to which names are written, and up to which each cell holds its number."""

Cells = Iterable[tuple[int, int, int]]


@dataclass(frozen=True)
class Layout:
    """Where things are, in units: the side of a cell, of letters, and of the room for names."""

    count: int
    cell: int
    letters: float
    names: int

    @property
    def left(self) -> int:
        return EDGE + 18 + self.names

    @property
    def side(self) -> int:
        return self.count * self.cell

    @property
    def size(self) -> tuple[int, int]:
        right = self.left + self.side + EDGE
        return right * SHARP, right * SHARP


def confusion_picture(names: Sequence[str], cells: Cells) -> Image.Image:
    """RGB; `cells` are (place of the true class, place of the answer, images), those above 0."""
    place = layout([label(number, name) for number, name in enumerate(names, start=1)])
    image = Image.new("RGB", place.size, GROUND)
    draw = ImageDraw.Draw(image)
    known = list(cells)
    totals = [0] * len(names)
    for true, _, count in known:
        totals[true] += count
    square(draw, place, 0, 0, place.count, SUNKEN)
    for true, answer, count in known:
        paint_cell(draw, place, true, answer, count, count / totals[true])
    if place.names:
        write_names(image, place, names)
    write_sides(image, place)
    return image


def layout(labels: Sequence[str]) -> Layout:
    """As large as so many classes need: 2 in large cells, 100 in small ones with their names."""
    count = len(labels)
    cell = max(min(CELL, 1200 // max(count, 1)), 3)
    if count > NAMED:
        return Layout(count, cell, 9, 0)
    letters = min(13.0, max(cell * 0.8, 9.0))
    cell = max(cell, int(letters) + 2)
    widest = max((font(letters).getlength(text) / SHARP for text in labels), default=0)
    return Layout(count, cell, letters, math.ceil(min(widest, WIDEST)) + 10)


def font(letters: float) -> Face:
    """Letters so high in units."""
    return face(letters * SHARP)


def label(number: int, name: str) -> str:
    """A class as the picture names it: number and name, or the number where letters are lacking."""
    words = readable(name)
    return f"{number} {words}" if can_write(words) else f"{number} …"


def shortened(text: str, letters: float, room: float) -> str:
    """The text, or its beginning with an ellipsis, no wider than `room` units."""
    own = font(letters)
    if own.getlength(text) <= room * SHARP:
        return text
    while text and own.getlength(f"{text}…") > room * SHARP:
        text = text[:-1]
    return f"{text.rstrip()}…"


def square(
    draw: ImageDraw.ImageDraw,
    place: Layout,
    row: int,
    column: int,
    cells: int,
    colour: str | tuple[int, ...],
) -> None:
    """Fills a square of so many cells, one pixel short where cells are large enough for a line."""
    gap = SHARP if cells == 1 and place.cell >= 8 else 0
    left = (place.left + column * place.cell) * SHARP
    top = (place.left + row * place.cell) * SHARP
    side = cells * place.cell * SHARP - 1 - gap
    draw.rectangle((left, top, left + side, top + side), fill=colour)


def paint_cell(
    draw: ImageDraw.ImageDraw, place: Layout, true: int, answer: int, count: int, share: float
) -> None:
    """A cell in the shade of its share of the true class, with its number where there is room."""
    strength = 0.16 + 0.84 * share**0.7
    ink = RIGHT if true == answer else WRONG
    square(draw, place, true, answer, 1, tuple(round(255 + (c - 255) * strength) for c in ink))
    if place.count <= COUNTED:
        across, down = ((place.left + (at + 0.5) * place.cell) * SHARP for at in (answer, true))
        colour = GROUND if share > 0.45 else INK
        # Numbers of four digits must fit, too.
        letters = min(place.letters, place.cell * 1.6 / max(len(str(count)), 2))
        draw.text((across, down), str(count), colour, font(letters), anchor="mm")


def write_names(image: Image.Image, place: Layout, names: Sequence[str]) -> None:
    """Numbers and names, beside rows and, turned, above columns."""
    own, room = font(place.letters), place.names - 8
    draw = ImageDraw.Draw(image)
    # Drawn lying, one under the other; a turn to the left puts them above their columns.
    lying = Image.new("RGB", (place.names * SHARP, place.side * SHARP), GROUND)
    above = ImageDraw.Draw(lying)
    for number, name in enumerate(names):
        words = shortened(label(number + 1, name), place.letters, room)
        middle = (number + 0.5) * place.cell
        at = ((place.left - 6) * SHARP, (place.left + middle) * SHARP)
        draw.text(at, words, INK, own, anchor="rm")
        above.text((6 * SHARP, middle * SHARP), words, INK, own, anchor="lm")
    corner = (place.left * SHARP, (place.left - place.names) * SHARP)
    image.paste(lying.transpose(Image.Transpose.ROTATE_90), corner)


def write_sides(image: Image.Image, place: Layout) -> None:
    """Which side is which."""
    draw, own = ImageDraw.Draw(image), font(11)
    middle = (place.left + place.side / 2) * SHARP
    draw.text((middle, EDGE * SHARP), "answer of the file", MUTED, own, anchor="mt")
    upright = Image.new("RGB", (place.side * SHARP, 18 * SHARP), GROUND)
    line = ImageDraw.Draw(upright)
    line.text((upright.width / 2, 2), "true class", MUTED, own, anchor="mt")
    image.paste(
        upright.transpose(Image.Transpose.ROTATE_90), (EDGE * SHARP - 4, place.left * SHARP)
    )
