"""When and where an image was taken, as files of camera traps say it: with a time zone, always."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image

from engine.images import exif
from engine.images.formats import BROKEN, FORMATS

DIGITS = 5
"""Of a degree: about a metre."""


@dataclass(frozen=True)
class Captured:
    """`when` is ISO 8601 with a time zone; `sure` says that EXIF had both. `place` is latitude and
    longitude in degrees, where they are known."""

    when: str
    sure: bool
    place: tuple[float, float] | None = None


def captured(path: Path) -> Captured:
    """What EXIF says; without a time in it, when the file was changed last. Of a file that is gone
    no time is known."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            found = exif.taken(image)
    except (*BROKEN, Image.DecompressionBombError):
        found = exif.Taken()
    place = None
    if found.latitude is not None and found.longitude is not None:
        place = round(found.latitude, DIGITS), round(found.longitude, DIGITS)
    if found.when:
        return Captured(found.when.replace(" ", "T") + (found.zone or "Z"), bool(found.zone), place)
    try:
        changed = datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
    except (OSError, OverflowError, ValueError):
        return Captured("", False, place)
    return Captured(changed.strftime("%Y-%m-%dT%H:%M:%SZ"), False, place)
