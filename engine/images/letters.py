"""Pillow's own letters, so that any process can write on an image, whatever fonts a system has."""

from __future__ import annotations

from functools import lru_cache

from PIL import ImageFont

Face = ImageFont.FreeTypeFont | ImageFont.ImageFont


@lru_cache(maxsize=16)
def face(pixels: float) -> Face:
    """Letters so high."""
    return ImageFont.load_default(pixels)


@lru_cache(maxsize=4096)
def has_letter(letter: str) -> bool:
    """Whether the font has a letter: one that it lacks is drawn as the box of U+FFFF."""
    own = face(40)
    box = bytes(own.getmask("\uffff"))
    return letter == " " or bytes(own.getmask(letter)) not in (box, b"")


def can_write(text: str) -> bool:
    return all(map(has_letter, text))


def lines_of(text: str, own: Face, room: float) -> list[str]:
    """A text in lines no wider than so many pixels, but for single words that are."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and own.getlength(longer) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
