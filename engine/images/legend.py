"""The legend below an image with its reasons: what the colours mean, for which class, how far."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from engine.images.letters import can_write, face, lines_of
from engine.images.overlay import AGAINST, FOR, MOST

GROUND, INK, MUTED = "#ffffff", "#1d2320", "#5f6a64"
GREY = 205
NARROW, WIDE = 640, 1600
"""Pixels that an image with its legend is wide or high, at least and at most."""
NAME = "the answer"
"""Stands for a class in whose name are letters that the font lacks."""


def with_legend(
    image: Image.Image, name: str, most: float, meaning: str, told: Sequence[str]
) -> Image.Image:
    """An RGB image over its legend, wide enough to be read.

    The densest colour stands for `most` of what the numbers are of, which `meaning` says, with {}
    for the class `name`; `told` are sentences below it.
    """
    image = grown(image)
    width, letters = image.width, max(14.0, image.width / 56)
    edge, line = round(letters), round(1.5 * letters)
    name = name if can_write(name) else NAME
    words = [meaning.format(name), *told]
    room = width - 2 * edge
    below = [part for text in words for part in lines_of(text, face(letters), room)]
    strip = Image.new("RGB", (width, 3 * edge + line * (2 + len(below))), GROUND)
    draw = ImageDraw.Draw(strip)
    scale = colours(room, line)
    strip.paste(scale, (edge, edge))
    top, own = edge + round(1.25 * line), face(letters)
    against, speaks = f"against it: -{figure(most)}", f"for {name}: +{figure(most)}"
    speaks = lines_of(speaks, own, room)[-1] if own.getlength(speaks) > 0.6 * room else speaks
    draw.text((edge, top), against, INK, own)
    draw.text((width / 2, top), "0", INK, own, anchor="ma")
    draw.text((width - edge, top), speaks, INK, own, anchor="ra")
    for number, text in enumerate(below):
        draw.text((edge, top + edge + line * (number + 1)), text, MUTED, own)
    whole = Image.new("RGB", (width, image.height + strip.height), GROUND)
    whole.paste(image, (0, 0))
    whole.paste(strip, (0, image.height))
    return whole


def figure(value: float) -> str:
    """A number with what matters of it: 5,227, 12.4, 0.052."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def grown(image: Image.Image) -> Image.Image:
    """At least NARROW pixels wide, unless it would be more than WIDE high then."""
    times = min(NARROW / image.width, WIDE / image.height)
    if times <= 1:
        return image
    size = (round(image.width * times), round(image.height * times))
    return image.resize(size, Image.Resampling.BICUBIC)


def densest(colour: tuple[int, int, int] = (GREY,) * 3) -> str:
    """A colour as it is seen where it is densest, over grey: #rrggbb."""
    return "#" + "".join(f"{round(MOST * c + (1 - MOST) * GREY):02x}" for c in colour)


def colours(width: int, height: int) -> Image.Image:
    """From what speaks most against it, over nothing, to what speaks most for it."""
    at = np.linspace(-1, 1, width)[None, :, None]
    colour = np.where(at > 0, FOR, AGAINST)
    strength = MOST * np.abs(at)
    row = (strength * colour + (1 - strength) * GREY).round().astype(np.uint8)
    return Image.fromarray(np.broadcast_to(row, (height, width, 3)).copy())
