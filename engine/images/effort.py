"""What decoding an image would take, told from its header: so that little files can't take all."""

from __future__ import annotations

from PIL import Image

from engine.errors import UnusableImage

MEMORY = 1_200_000_000
"""Bytes that one image may take while it is decoded."""
MOST_SCANS = 3000
"""Megapixels times scans of a progressive JPEG, each of which goes over all of them: usual ones
have ten scans. So many take a few seconds (measured)."""

UNPACKED = {"WEBP": 16, "AVIF": 12, "HEIF": 12}
"""Bytes that these formats' decoders take for each pixel, with what becomes of it (measured)."""
KEPT = {"RGB": 4, "L": 5, "P": 5, "1": 5, "I;16": 6, "I;16B": 6}
"""The same for what Pillow makes of other formats, by its modes; 8 for all others."""


def check_effort(image: Image.Image, data: bytes) -> None:
    """Raises UnusableImage where an image, with its header read, would take too much to decode."""
    pixels = image.width * image.height
    if pixels * bytes_each(image) > MEMORY:
        most = MEMORY // bytes_each(image) // 1_000_000
        raise UnusableImage(
            f"This image has {pixels // 1_000_000} megapixels, and a {image.format} like this one "
            f"takes more memory than an image may from {most} on. Save it smaller."
        )
    if not image.info.get("progressive") or image.format not in ("JPEG", "MPO"):
        return
    # Inside of what is packed the two bytes never stand, and in what goes before hardly ever.
    scans = data.count(b"\xff\xda")
    if scans * pixels > MOST_SCANS * 1_000_000:
        raise UnusableImage(
            f"This JPEG is packed in {scans:,} passes over the whole image, far more than any "
            "camera or program writes. Save it again."
        )


def bytes_each(image: Image.Image) -> int:
    """How many bytes of memory each pixel takes, until it is red, green and blue."""
    if image.format in UNPACKED:
        return UNPACKED[image.format]
    kept = KEPT.get(image.mode, 8)
    if image.format == "JPEG2000":
        return kept + 4 * len(image.getbands())
    if image.info.get("progressive"):
        return kept + coefficients(image)
    return kept


def coefficients(image: Image.Image) -> int:
    """Bytes of a progressive JPEG's numbers for each pixel: they are all kept to the last scan."""
    layers = [(across, down) for _, across, down, _ in getattr(image, "layer", [])]
    whole = max((a for a, _ in layers), default=1) * max((d for _, d in layers), default=1)
    return -(-2 * sum(across * down for across, down in layers) // max(1, whole))
