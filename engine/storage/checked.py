"""Which large projects need not be read as a whole at each opening.

A project is checked to the last cell before it is believed. Of millions of rows that takes many
seconds, so what this computer has checked, and then closed itself, is noted in the cache: opened
again as the very same file, only its small tables are looked at. A file that another program wrote,
that was copied here or that a kill left is checked as a whole, and so is each once a week: a disk
may forget.
"""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path
from typing import Any

from engine.system.files import replace_file
from engine.system.paths import cache_folder

LARGE = 64 << 20
"""Bytes of tables from which a check takes longer than a person wants to wait."""
DAYS = 7
KEPT = 50
DAMAGED: set[str] = set()
"""Files in which damage was found since they were opened, by any thread."""


def notes() -> Path:
    return cache_folder() / "checked.json"


def read() -> dict[str, Any]:
    """Each file's state and when it was checked; nothing where the notes can't be read."""
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(notes().read_text())
        if isinstance(found, dict):
            return found
    return {}


def state(file: Path) -> list[int]:
    """What changes when a file is written, moved or replaced. Its last time can't be chosen."""
    found = file.stat()
    return [found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def when_checked(file: Path) -> float:
    """When a file was checked that is still as it was then left; 0 where that must be done now."""
    log = file.with_name(file.name + "-wal")
    DAMAGED.discard(str(file.resolve()))  # it has no note any more, and is read as a whole now
    try:
        if file.stat().st_size < LARGE or (log.exists() and log.stat().st_size):
            return 0.0
        known = read().get(str(file.resolve()))
        if isinstance(known, dict) and known.get("state") == state(file):
            when = float(known["when"])
            return when if 0 <= time.time() - when < DAYS * 86400 else 0.0
    except (OSError, KeyError, TypeError, ValueError):
        pass
    return 0.0


def note(file: Path, when: float) -> None:
    """Notes a file that was checked and that was closed just now. To be called where nobody has it
    open; what can't be noted is checked again."""
    log = file.with_name(file.name + "-wal")
    with contextlib.suppress(OSError):
        if str(file.resolve()) in DAMAGED:
            return
        if file.stat().st_size < LARGE or (log.exists() and log.stat().st_size):
            return
        known = read()
        known.pop(str(file.resolve()), None)
        known[str(file.resolve())] = {"state": state(file), "when": when}
        newest = dict(list(known.items())[-KEPT:])
        replace_file(notes(), json.dumps(newest).encode(), shared=True)


def forget(file: Path) -> None:
    """Damage was found in a file: it is read as a whole when it is opened next."""
    DAMAGED.add(str(file.resolve()))
    known = read()
    if known.pop(str(file.resolve()), None) is not None:
        with contextlib.suppress(OSError):
            replace_file(notes(), json.dumps(known).encode(), shared=True)
