"""Tables written as they grow, in CSV: whatever happens, what was written is whole rows."""

from __future__ import annotations

import csv
import io
import os
import stat
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from engine.errors import Refused

STANDARD_OUTPUT = "-"

Row = Sequence[object]


class CsvWriter:
    """A CSV file in UTF-8 that takes rows, each some at a time with one write.

    `path` is a file that is not there yet, unless `overwrite`, or "-" for standard output. Raises
    Refused where it can't be made. Bytes in file names that are no UTF-8 are written as \\udcXX.
    """

    def __init__(self, path: str, titles: Row, overwrite: bool = False) -> None:
        self.path = path
        self.file = None if path == STANDARD_OUTPUT else opened(Path(path), overwrite)
        try:
            self.write([titles])
        except BrokenPipeError:
            raise
        except OSError as error:
            self.close()
            if path != STANDARD_OUTPUT and not overwrite:
                Path(path).unlink()  # it was made just now
            raise Refused(cant_write(Path(path), error)) from error

    def write(self, rows: Iterable[Row]) -> None:
        """Writes rows. On a full disk what was begun of them is taken away, and OSError raised."""
        data = lines(rows)
        if self.file is None:
            to_standard_output(data)
        elif data:
            write_whole(self.file, data)

    def sync(self) -> None:
        """Waits until all rows are on the disk."""
        if self.file is not None:
            os.fsync(self.file)

    def close(self) -> None:
        if self.file is not None:
            os.close(self.file)
            self.file = None


def opened(path: Path, overwrite: bool) -> int:
    """The file descriptor of a new file. Raises Refused."""
    flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0)
    flags |= os.O_TRUNC if overwrite else os.O_EXCL
    try:
        return os.open(path, flags, 0o644)
    except FileExistsError as error:
        raise Refused(taken(path)) from error
    except OSError as error:
        raise Refused(cant_write(path, error)) from error


def cant_write(path: Path, error: OSError) -> str:
    where = "Standard output" if str(path) == STANDARD_OUTPUT else f"“{path}”"
    why = (error.strerror or str(error)).lower()
    return f"{where} can't be written ({why}). Choose another file."


def refuse_taken(path: str, overwrite: bool) -> None:
    """Raises Refused at once where the file is there, before longer work begins."""
    if path != STANDARD_OUTPUT and not overwrite and os.path.lexists(path):
        raise Refused(taken(Path(path)))


def taken(path: Path) -> str:
    return f"“{path.name}” already exists. Choose another name, or let it be overwritten."


def write_whole(file: int, data: bytes, own: bool = True) -> None:
    """Writes all bytes. Of a regular file of our own what was begun is taken away on failure."""
    own = own and stat.S_ISREG(os.fstat(file).st_mode)
    begun = os.lseek(file, 0, os.SEEK_CUR) if own else 0
    left = memoryview(data)
    try:
        while left:
            left = left[os.write(file, left) :]
    except OSError:
        if own:
            os.ftruncate(file, begun)
            os.lseek(file, begun, os.SEEK_SET)
        raise


def lines(rows: Iterable[Row]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8", "backslashreplace")


def to_standard_output(data: bytes) -> None:
    """Writes bytes at once, also where standard output was replaced by one that takes text only."""
    sys.stdout.flush()
    try:
        file = sys.stdout.fileno()
    except OSError:
        sys.stdout.write(data.decode())
    else:
        # Past Python's buffer, where bytes would be left when the reader of a pipe is gone.
        write_whole(file, data, own=False)
