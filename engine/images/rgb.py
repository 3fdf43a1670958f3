"""From a decoded image of any kind to an eight-bit RGB one, small, without full-size copies."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image

BAND = 1 << 21
"""About how many pixels are converted at a time."""


def small_rgb(image: Image.Image, factor: int) -> Image.Image:
    """The loaded image as RGB, each side divided by `factor` (a box average, rounded up).

    Transparent parts become white, sixteen bits and floats are scaled to eight. What is not RGB
    or grey already is converted band by band, so that the image is never in memory twice.
    """
    if image.mode in ("RGB", "L") and "transparency" not in image.info:
        small = image.reduce(factor) if factor > 1 else image
        return small if small.mode == "RGB" else small.convert("RGB")
    width, height = (-(-side // factor) for side in image.size)
    small = Image.new("RGB", (width, height))
    low, high = value_range(image)
    for top, band in bands(image, factor):
        rgb = convert(band, low, high)
        small.paste(rgb.reduce(factor) if factor > 1 else rgb, (0, top // factor))
    return small


def bands(image: Image.Image, step: int) -> Iterator[tuple[int, Image.Image]]:
    """The image's bands of rows from the top, each a multiple of `step` high but the last."""
    rows = max(BAND // image.width // step, 1) * step
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def value_range(image: Image.Image) -> tuple[float, float]:
    """The values that become black and white, for an image of wide integers or floats.

    Sixteen bits span their whole range. Other images say nothing of their range: values within
    0 to 1 (floats), 0 to 255 or 0 to 65535 are taken as that, and any others are stretched.
    """
    if image.mode.startswith("I;16"):
        return 0.0, 65535.0
    if image.mode not in ("I", "F"):
        return 0.0, 255.0
    low, high = np.inf, -np.inf
    for _, band in bands(image, 1):
        values = np.asarray(band)
        values = values[np.isfinite(values)]
        if values.size:
            low, high = min(low, float(values.min())), max(high, float(values.max()))
    for usual in (1.0, 255.0, 65535.0)[image.mode == "I" :]:
        if low >= 0 and high <= usual:
            return 0.0, usual
    return low, high


def convert(band: Image.Image, low: float, high: float) -> Image.Image:
    """A band as RGB; see value_range for `low` and `high`."""
    if band.mode.startswith("I") or band.mode == "F":
        values = np.nan_to_num(np.asarray(band, np.float32), nan=low, posinf=high, neginf=low)
        values = (values - low) * (255.0 / max(high - low, 1e-12))
        return Image.fromarray((values + 0.5).clip(0, 255).astype(np.uint8)).convert("RGB")
    if band.mode in ("LA", "La", "PA", "RGBa") or "transparency" in band.info:
        band = band.convert("RGBa" if band.mode == "La" else "RGBA")
    if band.mode in ("RGBA", "RGBa"):
        band = band.convert("RGBA")
        white = Image.new("RGBA", band.size, "white")
        return Image.alpha_composite(white, band).convert("RGB")
    return band.convert("RGB")
