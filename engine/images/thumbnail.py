"""Small images for the window, and the hash that finds near duplicates."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


def thumbnail(image: Image.Image, longest: int) -> Image.Image:
    """The image with at most `longest` pixels on its longer side, and about as many.

    Averaging whole blocks of pixels takes a fifth of the time of scaling, so it is done where it
    comes near enough to that size.
    """
    factor = -(-max(image.size) // longest)
    if factor == 1:
        return image
    if max(image.size) / factor >= 0.8 * longest:
        return image.reduce(factor)
    scale = longest / max(image.size)
    size = (max(round(image.width * scale), 1), max(round(image.height * scale), 1))
    return image.resize(size, Image.Resampling.HAMMING, reducing_gap=2.0)


def as_jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=80)
    return file.getvalue()


LOW = np.cos(np.pi / 64 * np.outer(np.arange(8), 2 * np.arange(32) + 1))
"""The eight lowest waves of the discrete cosine transform of 32 values."""


def perceptual_hash(image: Image.Image) -> str:
    """ImageHash's phash (6 times as fast as there): similar images differ in few of 64 bits.

    The 8x8 lowest frequencies of the image at 32x32, each a bit: above their median or not.
    """
    grey = image.convert("L").resize((32, 32), Image.Resampling.LANCZOS)
    waves = LOW @ np.asarray(grey, np.float64) @ LOW.T
    return np.packbits(waves > np.median(waves)).tobytes().hex()
