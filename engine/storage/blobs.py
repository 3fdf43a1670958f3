"""Bytes named by their sha256, in blobs/ab/abcd..., written so that a power cut can't harm them."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from engine.system.crash_points import point
from engine.system.files import sync_folder

MINUTES_BEFORE_SWEEP = 10
BLOB, WRITING = re.compile("[0-9a-f]{64}"), ".writing-"


class Blobs:
    """A folder of blobs. A blob is written first, and the row that names it after."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, sha256: str) -> Path:
        return self.folder / sha256[:2] / sha256

    def shown(self, sha256: str) -> str:
        """As `path`, for pages of images, which ask a hundred times after each act."""
        return os.path.join(self.folder, sha256[:2], sha256)

    def __contains__(self, sha256: str) -> bool:
        return self.path(sha256).is_file()

    def put(self, content: bytes) -> str:
        """Stores `content` and returns its sha256. What is there already is not written again."""
        sha256 = hashlib.sha256(content).hexdigest()
        target = self.path(sha256)
        if target.is_file() and target.stat().st_size == len(content):
            return sha256
        if not target.parent.is_dir():
            # Not the folders above: where a disk was pulled, they would be made on another one.
            target.parent.mkdir(exist_ok=True)
            sync_folder(self.folder)
        handle, temporary = tempfile.mkstemp(prefix=WRITING, dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                point("blob written")
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        point("blob renamed")
        sync_folder(target.parent)
        return sha256

    def get(self, sha256: str) -> bytes | None:
        """The blob's bytes; None where it is missing or damaged."""
        try:
            content = self.path(sha256).read_bytes()
        except OSError:
            return None
        return content if hashlib.sha256(content).hexdigest() == sha256 else None

    def files(self) -> Iterator[Path]:
        """Every blob that is there or half written, and nothing else: in a folder from elsewhere, a
        link could lead to a person's own files."""
        for path in self.folder.glob("??/*"):
            own = BLOB.fullmatch(path.name) and path.name[:2] == path.parent.name
            if (own or path.name.startswith(WRITING)) and not path.parent.is_symlink():
                yield path

    def names(self) -> Iterator[str]:
        """The sha256 of every blob that is there."""
        return (path.name for path in self.files() if not path.name.startswith(WRITING))

    def sweep(self, known: set[str]) -> int:
        """Removes blobs that no row names, and files half written; returns how many.

        What was written in the last minutes stays: its row may be on its way.
        """
        young = time.time() - 60 * MINUTES_BEFORE_SWEEP
        removed = 0
        for path in self.files():
            if path.name not in known and path.stat().st_mtime < young:
                path.unlink(missing_ok=True)
                removed += 1
        return removed
