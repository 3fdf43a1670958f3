"""Files that a power cut or a full disk leaves as they were or as they should be, never half."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import tempfile
from pathlib import Path
from typing import Any

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the system says where a disk, a person's share of it, or a file can take no more."""
SQLITE_FULL, SQLITE_IOERR = 13, 10
ROOM = 64 << 10
"""Bytes that a disk must take to count as one with room: the index of SQLite's log needs half."""


def is_full(error: BaseException, folder: Path | None = None) -> bool:
    """Whether an error says that there is no room, by its number and never by its words.

    SQLite tells some of them as any other failure to read or write; then `folder`, where it was
    working, is tried.
    """
    if getattr(error, "errno", None) in FULL:
        return True
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if primary == SQLITE_IOERR and folder is not None:
        return not has_room(folder)
    return primary == SQLITE_FULL


def has_room(folder: Path) -> bool:
    """Whether `folder` takes a few more bytes; asked by doing it, since quotas are told nowhere."""
    return trial(folder) not in FULL


def trial(folder: Path) -> int:
    """Writes a few bytes in `folder` and removes them; the system's number where it refuses."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(ROOM))
            file.flush()
    except OSError as error:
        return error.errno or 0
    return 0


def replace_file(path: Path, content: bytes | memoryview, shared: bool = False) -> None:
    """Gives `path` another content, whole or not at all, also across a power cut.

    `shared` files may be written by two processes at once, so each takes a name of its own first.
    Raises OSError; the old file is then as it was.
    """
    half = path.with_name(f"{path.name}.{os.getpid()}.half" if shared else f"{path.name}.half")
    try:
        half.write_bytes(content)
        put_in_place(half, path)
    except OSError:
        with contextlib.suppress(OSError):
            half.unlink(missing_ok=True)
        raise


def noted(path: Path) -> dict[str, Any]:
    """What a note in JSON says; nothing where there is none, or a power cut left half of it."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def put_in_place(half: Path, path: Path) -> None:
    """Gives a written file its name, once its bytes are on the disk. Raises OSError."""
    sync_file(half)
    os.replace(half, path)
    sync_folder(path.parent)


def sync_file(path: Path) -> None:
    """Waits until what was written into a file is on the disk."""
    with path.open("rb+") as written:
        os.fsync(written.fileno())


def sync_folder(folder: Path) -> None:
    """Makes a rename durable. Windows has no handle for a folder; its rename is durable itself."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
