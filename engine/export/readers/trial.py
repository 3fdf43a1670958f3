"""The first look at an exported file: in a process with limits, which opens it and asks it once.

A file that passed is opened and asked in the program's own process, which costs no copying of
images between two. Which files passed is kept by their digest, so that each is tried once.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

from engine import __version__
from engine.errors import UnusableWeights
from engine.export.readers import open_exported
from engine.models.file_signature import read_head
from engine.system.guarded import Limits, Send, Sentences, call
from engine.system.paths import cache_folder

SECONDS, BYTES_A_SECOND = 10, 10_000_000
"""What opening a file and one answer may take; PyTorch alone takes some seconds to start."""
MEMORY, FOLD = 1_100 << 20, 4
"""What they may take of memory: the runtime, and the file so many times."""
MOST = 4 << 30
"""Bytes of a file; more is none that Espalier exported."""
BESIDE = {".xml": ".bin", ".safetensors": ".json", ".tflite": ".json"}
"""What lies beside a file of this ending and belongs to it."""
KEPT = 1000


def try_first(path: Path) -> None:
    """Raises UnusableWeights for a file that can't be opened and asked within the limits."""
    read_head(path)
    size = path.stat().st_size
    if size > MOST:
        raise UnusableWeights(
            f"{path.name} is larger than any file that Espalier exports, so it was refused. Choose "
            "another file."
        )
    mark = mark_of(path)
    if mark is not None and mark.exists():
        return
    limits = Limits(SECONDS + size / BYTES_A_SECOND, MEMORY + FOLD * size)
    call(open_and_ask, path, limits=limits, said=sentences(path))
    remember(path)


def remember(path: Path) -> None:
    """Notes that a file was opened and asked in a process of its own, and need not be tried."""
    mark = mark_of(path)
    if mark is None:
        return
    with contextlib.suppress(OSError):  # then it is tried once more
        mark.parent.mkdir(exist_ok=True)
        mark.touch()
        for old in sorted(mark.parent.iterdir(), key=lambda m: m.stat().st_mtime)[:-KEPT]:
            old.unlink(missing_ok=True)


def mark_of(path: Path) -> Path | None:
    """The file that says of what `path` holds now that it passed; None where no digest can tell, or
    nothing can be kept.

    ONNX files may keep weights in files of any name. None of Espalier's does.
    """
    found = hashlib.sha256(__version__.encode())
    try:
        content = path.read_bytes()
        if path.suffix == ".onnx" and b"location" in content:
            return None
        found.update(content)
        if path.suffix in BESIDE:
            found.update(path.with_suffix(BESIDE[path.suffix]).read_bytes())
        return cache_folder() / "tried" / f"{found.hexdigest()}{path.suffix}"
    except OSError:
        return None


def sentences(path: Path) -> Sentences:
    again = "It is damaged or made up. Export it again, or get it from a source that you trust."
    return Sentences(
        UnusableWeights,
        f"{path.name} takes far longer to open and to answer than any file that Espalier exports, "
        f"so it was refused. {again}",
        f"{path.name} would fill far more memory than a file of its size needs, so it was refused. "
        f"{again}",
        f"{path.name} can't be opened: what looked into it broke off. {again}",
    )


def open_and_ask(send: Send, path: Path) -> None:
    """Runs in the process with limits: opening asks for the answer to one small image."""
    open_exported(path)
