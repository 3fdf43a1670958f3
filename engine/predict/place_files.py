"""One file into a folder: copied or moved, never over another, and never lost on the way."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import uuid
from collections.abc import Callable
from pathlib import Path


class FilePlacer:
    """Puts files into folders under free names: "a.jpg", or "a (2).jpg" where that is taken."""

    def __init__(self, move: bool) -> None:
        self.move = move
        self.numbers: dict[tuple[Path, str], int] = {}
        self.given: set[Path] = set()

    def put(self, source: Path, folder: Path) -> Path:
        """Copies `source` into `folder`, which is there, and says where it is now.

        To move it, remove the original with `remove` once it is noted where it went, and both are
        on the disk. Raises OSError where it can't be copied; then nothing is left in `folder`.
        """
        if self.move and plain(source):
            # A second name for the same file: at once, and it takes no room.
            with contextlib.suppress(OSError):
                return self.named(folder, source.name, lambda to: self.link(source, to))
        half = folder / f".espalier-{uuid.uuid4().hex}.part"
        try:
            copy(source, half, durable=self.move)
            return self.named(folder, source.name, lambda to: rename(half, to))
        finally:
            half.unlink(missing_ok=True)

    def named(self, folder: Path, name: str, give: Callable[[Path], None]) -> Path:
        """Calls `give` with the first free path; it raises FileExistsError where one is taken."""
        stem, suffix = os.path.splitext(name)
        key = (folder, name.casefold())
        number = self.numbers.get(key, 1)
        while True:
            path = folder / (name if number == 1 else f"{stem} ({number}){suffix}")
            number += 1
            try:
                give(path)
            except FileExistsError:
                continue
            self.given.add(path)
            # Goes on from here for the next of this name: there may be thousands.
            self.numbers[key] = number
            return path

    def link(self, source: Path, to: Path) -> None:
        """Gives a file a second name, unless a move that was cut off has given it the same."""
        if to in self.given or not os.path.lexists(to) or not same(source, to):
            os.link(source, to)


def same(one: Path, other: Path) -> bool:
    """Whether two paths are names of one file."""
    return os.path.samestat(one.lstat(), other.lstat())


def plain(path: Path) -> bool:
    """Whether a path is the file itself and no link to it."""
    return stat.S_ISREG(path.lstat().st_mode)


def copy(source: Path, to: Path, durable: bool) -> None:
    """Copies bytes and times into a new file; `durable`: waits until they are on the disk."""
    with source.open("rb") as have, to.open("xb") as made:
        shutil.copyfileobj(have, made, 1 << 20)
        made.flush()
        if durable:
            os.fsync(made.fileno())
    with contextlib.suppress(OSError):  # a disk that keeps no times or rights keeps the bytes
        shutil.copystat(source, to)


def rename(half: Path, to: Path) -> None:
    """Gives a file its name, never one that is taken. Raises FileExistsError."""
    try:
        os.link(half, to)
    except FileExistsError:
        raise
    except OSError:  # the disk knows no second names, as memory cards
        if os.path.lexists(to):
            raise FileExistsError(str(to)) from None
        os.rename(half, to)
    else:
        half.unlink()


def remove(source: Path) -> None:
    """Removes an original whose copy is whole and noted. Raises OSError where it can't be."""
    source.unlink()
