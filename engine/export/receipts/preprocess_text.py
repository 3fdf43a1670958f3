"""Preprocessing in sentences, exact enough to write it again; images/preprocess.py is what it says.

Two neighbours say the same in other words: the ONNX graph (export/graphs/preprocess_onnx.py) and
the views (models/trunk.py).
"""

from __future__ import annotations

from engine.images.preprocess import Preprocessing

TO_PIXELS = 3
"""So many of the steps make the pixels that a network takes; the others are inside every file."""


def pixel_steps(p: Preprocessing, views: int = 1, mirror: bool = False) -> list[str]:
    """From an opened image to float32 (1, 3, size, size), or (views, 3, size, size)."""
    numbers = [", ".join(f"{x:g}" for x in values) for values in (p.mean, p.std)]
    steps = [
        "Open the image, turn it upright by its EXIF orientation, and make it 8-bit RGB: values "
        "of 16 bits divided by 257 and rounded; floats and wider integers brought from 0 to 1 "
        "(floats), 0 to 255 or 0 to 65535, the first that all lie within, or else from their own "
        "range, to 0 to 255; transparent parts laid on white; grey the same in all three colours.",
        f"Scale it so that the shorter side is {p.resize}: the new sides are {p.resize} × width / "
        f"shorter and {p.resize} × height / shorter, rounded down. The filter is Pillow's "
        f"{p.interpolation}, which widens as the image shrinks (antialiased); the result is "
        "rounded to 8 bits.",
        f"Cut out {p.size} × {p.size} pixels, from left = (new width − {p.size}) / 2 and top = "
        f"(new height − {p.size}) / 2, rounded, halves to the even number.",
        f"Divide by 255, subtract the mean ({numbers[0]}) and divide by the deviation "
        f"({numbers[1]}), for red, green and blue.",
        f"Order it as (1, 3, {p.size}, {p.size}), float32.",
    ]
    if views > 1:
        steps.append(
            f"Make {views} views in this order, of these twelve: the image, its middle, its "
            f"upper left, upper right, lower left and lower right corner, each followed by its "
            f"mirror image. Middle and corners are {p.size * 7 // 8} pixels wide and high, scaled "
            f"back to {p.size} bilinearly, without antialiasing."
        )
    if mirror:
        of_each = "each with" if views > 1 else "it and"
        steps.append(
            f"Ask the network about {of_each} its mirror image; the features are the mean."
        )
    return steps
