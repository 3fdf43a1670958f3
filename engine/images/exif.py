"""When, with what and where an image was taken, as its file says; nothing where it doesn't."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from PIL import Image

from engine.images.formats import BROKEN

MAKE, MODEL, DETAILS, PLACES = 0x010F, 0x0110, 0x8769, 0x8825
ORIGINAL, OFFSET, SERIAL = 0x9003, 0x9011, 0xA431
ZONE = re.compile(r"[+-]\d\d:\d\d")
LONGEST = 100


@dataclass(frozen=True)
class Taken:
    """`when` is like 2026-06-01 21:04:05, in the camera's own time; empty where it is not known.
    `zone` is that time's, like +02:00, where the camera says it."""

    when: str = ""
    zone: str = ""
    camera: str = ""
    latitude: float | None = None
    longitude: float | None = None


def taken(image: Image.Image) -> Taken:
    """What the EXIF says; a part that is broken or makes no sense is as if it were not there."""
    try:
        exif = image.getexif()
        details, places = exif.get_ifd(DETAILS), exif.get_ifd(PLACES)
    except BROKEN:
        return Taken()
    latitude = degrees(places, 1, "S", 90)
    longitude = degrees(places, 3, "W", 180)
    both = latitude is not None and longitude is not None
    zone = str(details.get(OFFSET, "")).strip("\0 ")
    return Taken(
        moment(details.get(ORIGINAL)),
        zone if ZONE.fullmatch(zone) else "",
        " ".join(filter(None, map(words, (exif.get(MAKE), exif.get(MODEL), details.get(SERIAL))))),
        latitude if both else None,
        longitude if both else None,
    )


def moment(value: object) -> str:
    """A time of EXIF, as in 2026:06:01 21:04:05."""
    try:
        return str(datetime.strptime(str(value).strip("\0 "), "%Y:%m:%d %H:%M:%S"))
    except ValueError:
        return ""


def words(value: object) -> str:
    """A text that can be shown and stored."""
    text = "".join(c for c in value if c.isprintable()) if isinstance(value, str) else ""
    return text.encode("utf-8", "replace").decode().strip()[:LONGEST]


def degrees(places: Mapping[int, Any], tag: int, negative: str, most: int) -> float | None:
    """Degrees, minutes and seconds as one number, between -most and most."""
    try:
        parts = [float(part) for part in places[tag + 1]]
        found = sum(part / 60**power for power, part in enumerate(parts[:3]))
        side = str(places[tag]).strip("\0 ").upper()
    except BROKEN:
        return None
    found = -found if side == negative else found
    return found if parts and math.isfinite(found) and abs(found) <= most else None
