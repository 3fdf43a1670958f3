"""A small disk of its own in a file: it fills up, breaks, or is pulled while something works on it.

Takes Linux, root and ext4; `possible` says whether it can be had.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SHUTDOWN = 0x8004587D
"""EXT4_IOC_SHUTDOWN: from then on the disk answers everything with an input/output error."""
NO_FLUSH = 2
SHARED = Path("/dev/shm")
SIZE = 512 << 20


class Disk:
    """A disk at `place`, which lies in a file beside it."""

    def __init__(self, place: Path, size: int = SIZE) -> None:
        # In memory where that is possible: nothing waits for what others write.
        folder = SHARED if os.access(SHARED, os.W_OK) else place.parent
        handle, name = tempfile.mkstemp(suffix=".disk", dir=folder)
        os.truncate(handle, size)
        os.close(handle)
        self.place, self.file = place, Path(name)
        # None of it is kept for root, who is the one that fills it here.
        asked("mkfs.ext4", "-q", "-m", "0", str(self.file))
        self.place.mkdir()
        self.there = False
        self.mount()

    def sync(self) -> None:
        """Waits until all that was written so far lies on it."""
        asked("sync", "-f", str(self.place))

    def mount(self) -> None:
        """Puts it in its place, whole again where it was broken."""
        asked("mount", "-o", "loop,errors=remount-ro", str(self.file), str(self.place))
        self.there = True

    def unmount(self) -> None:
        """Takes it away once nobody uses it."""
        if self.there:
            asked("umount", str(self.place))
        self.there = False

    def emptied(self) -> Path:
        """Removes all that lies on it."""
        for path in self.place.iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        return self.place

    @property
    def free(self) -> int:
        found = os.statvfs(self.place)
        return found.f_bavail * found.f_bsize

    def fill(self, left: int) -> None:
        """Leaves about so many bytes free."""
        self.filler.unlink(missing_ok=True)
        handle = os.open(self.filler, os.O_CREAT | os.O_WRONLY)
        with suppress(OSError):  # what its own lists take can be a little more than is free
            os.posix_fallocate(handle, 0, max(1, self.free - left))
        os.close(handle)

    def room(self) -> None:
        self.filler.unlink(missing_ok=True)

    @property
    def filler(self) -> Path:
        return self.place / "filler"

    # What happens to it in the middle.

    def protect(self) -> None:
        """It can only be read from now on, as a disk that found a fault of its own."""
        asked("mount", "-o", "remount,abort", str(self.place))

    def break_off(self) -> None:
        """It answers nothing more; what was not flushed is lost."""
        handle = os.open(self.place, os.O_RDONLY)
        fcntl.ioctl(handle, SHUTDOWN, struct.pack("I", NO_FLUSH))
        os.close(handle)

    def pull(self) -> None:
        """It is gone from its folder; files that are open still reach it."""
        asked("umount", "-l", str(self.place))
        self.there = False

    def mended(self) -> list[Path]:
        """Back in its place and whole, once whoever worked on it has ended; says what was written
        into the folder while the disk was not there, and removes that."""
        self.unmount()
        stray = sorted(self.place.rglob("*"))
        for path in self.place.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        # A lazy unmount ends when the last handle is closed.
        while asked("losetup", "-j", str(self.file)):
            time.sleep(0.02)
        self.mount()
        return stray


def asked(*words: str) -> str:
    """Runs a command of the system. Raises CalledProcessError where it fails."""
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def possible() -> bool:
    """Whether such a disk can be had here."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return False
    return shutil.which("mkfs.ext4") is not None and Path("/dev/loop-control").exists()


@contextmanager
def disk(place: Path, size: int = SIZE) -> Iterator[Disk]:
    """A small disk, taken away at the end."""
    made = Disk(place, size)
    try:
        yield made
    finally:
        with suppress(subprocess.CalledProcessError):
            asked("umount", "-l", str(place))
        made.file.unlink()
