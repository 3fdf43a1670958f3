"""How an image was taken, whatever it shows: its brightness, its sharpness, and its colour."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

QUALITIES = ("brightness", "sharpness", "colour")
LEAST = 1e-6


def qualities(thumb: bytes) -> tuple[float, float, float]:
    """Measured on an image's thumbnail, a JPEG, so that all are measured at about one size.

    Brightness: the mean of luma, from 0 to 1. Sharpness: the logarithm of the Laplacian's variance,
    which falls where an image is blurred (Pech-Pacheco et al., Diatom autofocusing in brightfield
    microscopy, ICPR 2000), as a share of the squared brightness, for less light is no blur. Colour:
    by how much red is more than blue, as a share of all light.
    """
    with Image.open(io.BytesIO(thumb)) as image:
        rgb = np.asarray(image.convert("RGB"), np.float64) / 255
    red, _, blue = means = rgb.mean(axis=(0, 1))
    grey = rgb @ (0.299, 0.587, 0.114)
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    edges = around - 4 * grey[1:-1, 1:-1]
    strength = edges.var() / max(grey.mean() ** 2, LEAST) if edges.size else 0.0
    colour = (red - blue) / max(means.sum(), LEAST)
    return float(grey.mean()), float(np.log10(strength + LEAST)), float(colour)
