"""Names of folders for classes, which every system takes, each its own."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from engine.images.folders import class_name
from engine.images.formats import junk

RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\..*)?", re.I)
"""What Windows takes for devices, whatever follows a dot."""
FORBIDDEN = re.compile(r'[<>:"/\\|?*]+')
MOST_BYTES = 200
"""Of a name; systems allow 255, and a number may have to follow."""


def folder_names(names: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """A folder's name for each class. Those that only case or Unicode form tells apart get a number
    as well, for many systems take them for one; so do those that are like a name in `taken`."""
    used = {folded(name) for name in taken}
    found: dict[str, str] = {}
    for name in names:
        plain = unlike = safe(name)
        number = 2
        while folded(unlike) in used:
            unlike, number = f"{plain} ({number})", number + 1
        used.add(folded(unlike))
        found[name] = unlike
    return found


def safe(name: str) -> str:
    """The name as near as a folder's can be: one line, no path, nothing that a system reserves."""
    text = FORBIDDEN.sub("_", class_name(name)).strip().rstrip(". ")
    while len(text.encode("utf-8")) > MOST_BYTES:
        text = text[:-1].rstrip(". ")
    if RESERVED.fullmatch(text):
        stem, dot, rest = text.partition(".")
        text = f"{stem}_{dot}{rest}"
    # Hidden ones would be passed over when the folder is learnt.
    return f"_{text}" if not text or junk(text) else text


def folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", name).casefold())
