"""Label files as text: UTF-8, or what the mark at the beginning says."""

from __future__ import annotations

import codecs
import os
import stat
from pathlib import Path
from typing import TextIO

from engine.labels.formats import NotThisFormat

HEAD = 1 << 16
"""How many bytes are looked at to tell what a file is."""
MOST = 1 << 30
"""Bytes of a file that is taken into memory as a whole."""
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def is_file(path: Path) -> bool:
    """Whether there is a plain file, which can be opened without waiting for anybody."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def encoding_of(path: Path) -> str:
    with path.open("rb") as file:
        first = file.read(4)
    return next((name for mark, name in MARKS if first.startswith(mark)), "utf-8")


def opened(path: Path) -> TextIO:
    """A file to read, line ends as they are. Raises OSError; reading, UnicodeDecodeError."""
    return path.open(encoding=encoding_of(path), newline="")


def head_of(path: Path) -> str:
    """How a file begins; what is no text in it is left out."""
    with path.open("rb") as file:
        return file.read(HEAD).decode(encoding_of(path), "ignore")


def whole(path: Path) -> str:
    """All text of a file. Raises NotThisFormat where it is too long for that."""
    if path.stat().st_size > MOST:
        raise NotThisFormat("is larger than 1 GB. Split it into several files")
    with opened(path) as file:
        return file.read()
