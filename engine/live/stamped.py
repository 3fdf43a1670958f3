"""JPEGs that say when they were taken."""

from __future__ import annotations

from datetime import datetime

from PIL import Image

from engine.errors import Refused

START, APP1 = b"\xff\xd8", b"\xff\xe1"
"""With which a JPEG begins, and its part that holds the EXIF."""
ORIGINAL, SUBSECOND, DETAILS = 0x9003, 0x9291, 0x8769


def stamped(content: bytes, when: datetime) -> bytes:
    """A JPEG that has no EXIF, with some that says when, as its first segment; no pixel changes.
    Raises Refused for what is none."""
    if not content.startswith(START):
        raise Refused("A frame of the camera is no JPEG. Take it again.")
    exif = exif_at(when)
    return START + APP1 + (len(exif) + 2).to_bytes(2, "big") + exif + content[len(START) :]


def exif_at(when: datetime) -> bytes:
    """The EXIF of an image that was taken then."""
    exif = Image.Exif()
    details = exif.get_ifd(DETAILS)
    details[ORIGINAL] = when.strftime("%Y:%m:%d %H:%M:%S")
    details[SUBSECOND] = f"{when.microsecond // 1000:03}"
    return exif.tobytes()
