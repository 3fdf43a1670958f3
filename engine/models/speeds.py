"""How long networks take for an image on this computer, as far as they were used here."""

from __future__ import annotations

import json
import logging
from typing import Any

from engine.system.files import replace_file
from engine.system.paths import cache_folder

log = logging.getLogger(__name__)

FILE = "speeds.json"
MOST = 200


def known_speeds() -> dict[str, dict[str, Any]]:
    """For each network by name what was measured last: its `milliseconds` at `size` pixels.

    A file that can't be read counts as empty: all in the cache is made again.
    """
    try:
        found = json.loads((cache_folder() / FILE).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    rows = found.items() if isinstance(found, dict) else ()
    return {name: row for name, row in rows if is_speed(row)}


def is_speed(row: object) -> bool:
    return isinstance(row, dict) and all(
        isinstance(row.get(name), int | float) and row[name] > 0
        for name in ("milliseconds", "size")
    )


def keep_speed(name: str, size: int, milliseconds: float) -> None:
    """Notes a measurement. Where that fails, it is made again another time."""
    found = known_speeds()
    kept = {"milliseconds": round(milliseconds, 2), "size": size}
    if found.pop(name, None) == kept:
        return
    rows = [*found.items(), (name, kept)][-MOST:]
    try:
        replace_file(cache_folder() / FILE, json.dumps(dict(rows)).encode(), shared=True)
    except OSError as error:
        log.info("the speed of %s is not kept: %s", name, error)
