"""What speaks for an answer and what against it, as colours over an image.

Blue and orange are told apart with every kind of colour vision; the image below turns grey, so that
no colour of its own is taken for one of them.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

FOR, AGAINST = (0, 90, 230), (255, 130, 0)
MOST = 0.72
"""How much of a colour lies over the image where the most speaks."""
SIDE = 256
"""Pixels of an overlay's longer side."""

FILTER = Image.Resampling.BICUBIC

Region = tuple[float, float, float, float]
"""Left, top, right, bottom of what the network sees, in shares of an image's sides."""


def overlay(values: np.ndarray, side: int = SIDE) -> Image.Image:
    """The colours alone, RGBA: values (h, w) above 0 speak for it, the largest most densely."""
    h, w = values.shape
    size = (round(side * w / max(h, w)), round(side * h / max(h, w)))
    fine = Image.fromarray(values.astype(np.float32)).resize(size, FILTER)
    found = np.asarray(fine)
    strength = np.abs(found) / max(float(np.abs(values).max()), 1e-30)
    shown = np.empty((*found.shape, 4), np.uint8)
    shown[..., :3] = np.where(found[..., None] > 0, FOR, AGAINST)
    shown[..., 3] = (255 * MOST * strength.clip(0, 1)).round()
    return Image.fromarray(shown, "RGBA")


def over(image: Image.Image, colours: Image.Image, region: Region) -> Image.Image:
    """An RGB image, grey, with an overlay where the network looked."""
    grey = image.convert("L").convert("RGB")
    left, top, right, bottom = (
        round(share * side) for share, side in zip(region, (*image.size, *image.size), strict=True)
    )
    fitted = colours.resize((max(right - left, 1), max(bottom - top, 1)), FILTER)
    grey.paste(fitted, (left, top), fitted)
    return grey


def png_of(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def jpeg_of(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=88)
    return buffer.getvalue()
