"""What the system refused, in one sentence: by numbers and classes, never by words in a path."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

from engine.system.files import SQLITE_IOERR, is_full, trial

FILES, DISK, PROTECTED = (
    "Too many files are open at once. Close other programs and do it again.",
    "The disk does not answer as it should. Check it and its cable, and do it again.",
    "The disk can only be read now. Check it, and do it again once it can be written.",
)
GONE = (
    "“{name}” is not where it was: its folder was moved, or its disk was taken away. Bring it back "
    "and open it again."
)
TOLD = {
    errno.EMFILE: FILES,
    errno.ENFILE: FILES,
    errno.EIO: DISK,
    errno.ENXIO: DISK,
    errno.ENODEV: DISK,
    errno.EROFS: PROTECTED,
}
SQLITE_READONLY = 8
MEMORY = (
    # What libraries say in C++ and in Python where they get none, instead of a MemoryError.
    "can't start new thread",
    "could not create a primitive",
    "bad allocation",
    "std::bad_alloc",
    "DefaultCPUAllocator: can't allocate memory",
    "DefaultCPUAllocator: not enough memory",
    "Failed to allocate memory",
    "Cannot allocate memory (",
    "CUDA out of memory",
)


def is_memory(error: BaseException) -> bool:
    """Whether an error says that there is no memory left."""
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    library = isinstance(error, RuntimeError | ImportError | SystemError)
    library |= type(error).__module__.startswith("onnxruntime")
    return library and any(words in str(error) for words in MEMORY)


def is_system(error: BaseException) -> bool:
    """Whether the system refused something, and the program is not at fault."""
    return isinstance(error, OSError | sqlite3.OperationalError) or is_memory(error)


def pass_on(error: BaseException, folder: Path | None = None) -> None:
    """Raises what the system refused, which says nothing of the file that was read; returns where
    the file itself is at fault. `folder` is a project's, of which the file is a part."""
    if is_memory(error):
        raise MemoryError from error
    gone = folder is not None and not (folder / "project.db").exists()
    if isinstance(error, OSError) and (gone or error.errno in TOLD):
        raise error


def no_answer(folder: Path) -> str:
    """Why nothing can be said of a project in `folder` now; empty where it can be read."""
    if not (folder / "project.db").exists():
        return GONE.format(name=folder.name)
    return DISK if TOLD.get(trial(folder)) == DISK else ""


def sentence_for(error: BaseException, folder: Path | None = None) -> str:
    """One sentence for what the system refused, with a project in `folder` where there is one."""
    return f"{what_for(error, folder)} What was saved before is kept."


def what_for(error: BaseException, folder: Path | None) -> str:
    if is_full(error, folder):
        return "The disk is full. Free some space and do it again."
    if is_memory(error):
        return "There is not enough memory. Close other programs and do it again."
    if folder is not None and not (folder / "project.db").exists():
        return GONE.format(name=folder.name)
    number = getattr(error, "errno", None)
    if isinstance(error, sqlite3.Error) and folder is not None:
        number = number_of(error, folder)
    return TOLD.get(number or 0) or f"The system refused {which(error)}. Mend that and do it again."


def number_of(error: sqlite3.Error, folder: Path) -> int:
    """What the system says in `folder`, since SQLite has few numbers for it."""
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if primary == SQLITE_READONLY:
        return errno.EROFS
    return trial(folder) or (errno.EIO if primary == SQLITE_IOERR else 0)


def which(error: BaseException) -> str:
    """What was refused, and why, as the system says it."""
    why, path = getattr(error, "strerror", None), getattr(error, "filename", None)
    if why and path:
        return f"“{path}”: {why[0].lower()}{why[1:]}"
    return f"this: {why or error}".rstrip(".")
