"""When and where an image was taken, as its EXIF says; nothing of the image itself is decoded."""

from __future__ import annotations

import contextlib
import re
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from PIL import ExifTags, Image

from engine.images.formats import FORMATS

WRITTEN = re.compile(r"(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d)")
ZONE = re.compile(r"[+-]\d\d:\d\d")
UNREADABLE = (OSError, ValueError, SyntaxError, struct.error, Image.DecompressionBombError)


@dataclass(frozen=True)
class Taken:
    """`when` is ISO 8601 with a time zone; `sure` says that EXIF had both. `place` is latitude and
    longitude in degrees, where they are known."""

    when: str
    sure: bool
    place: tuple[float, float] | None = None


def taken(path: Path) -> Taken:
    """What EXIF says; without a time in it, when the file was changed last. Of a file that is gone
    no time is known."""
    when, zone, place = "", "", None
    with contextlib.suppress(*UNREADABLE), Image.open(path, formats=FORMATS) as image:
        exif = image.getexif()
        inside = exif.get_ifd(ExifTags.IFD.Exif)
        when = written(inside.get(ExifTags.Base.DateTimeOriginal))
        zone = str(inside.get(ExifTags.Base.OffsetTimeOriginal, ""))
        place = place_in(exif.get_ifd(ExifTags.IFD.GPSInfo))
    if when:
        sure = bool(ZONE.fullmatch(zone))
        return Taken(when + (zone if sure else "Z"), sure, place)
    try:
        changed = datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
    except (OSError, OverflowError, ValueError):
        return Taken("", False, place)
    return Taken(changed.strftime("%Y-%m-%dT%H:%M:%SZ"), False, place)


def written(value: object) -> str:
    """EXIF's time in ISO 8601; empty where it is none."""
    found = WRITTEN.fullmatch(str(value))
    if found is None:
        return ""
    with contextlib.suppress(ValueError):
        return datetime(*map(int, found.groups())).isoformat()  # type: ignore[arg-type]
    return ""


def place_in(gps: dict[int, object]) -> tuple[float, float] | None:
    """Latitude and longitude in degrees, to a metre."""
    parts = []
    for value, side in ((2, 1), (4, 3)):
        three = gps.get(value)
        if not isinstance(three, tuple) or len(three) != 3:
            return None
        try:
            degrees = float(three[0]) + float(three[1]) / 60 + float(three[2]) / 3600
        except (ValueError, ZeroDivisionError, TypeError):
            return None
        parts.append(round(-degrees if gps.get(side) in ("S", "W") else degrees, 5))
    inside = abs(parts[0]) <= 90 and abs(parts[1]) <= 180  # not-a-number is not
    return (parts[0], parts[1]) if inside else None
