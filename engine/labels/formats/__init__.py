"""Formats of label files. One plug-in a file, which reads and writes by hand.

A plug-in turns a file into rows (an image, its class, its side of the split) and rows into text.
What is the same for all (which files are there, what is left out, writing as a whole) is in
reading.py and writing.py. What one of them writes, it reads again as the same rows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple

from engine.registry import Registry

FORMATS: Registry[LabelFormat] = Registry("format", __name__)

Files = Iterator[tuple[str, Iterator[str]]]
"""What is written: each file's name, and its text in parts."""


class NotThisFormat(Exception):
    """A file is none of the format that was read, or breaks off; says so as half a sentence."""


class Row(NamedTuple):
    """An image in a class, as a file says it.

    `path` is relative to the file's folder, or absolute. An image in two classes is two rows.
    """

    path: str
    name: str
    split: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """An image in a class, to be written: a row, where its file lies, and its size in pixels."""

    path: str
    name: str
    split: str
    file: Path
    width: int = 0
    height: int = 0
    more: tuple[str, ...] = ()
    """What stands in the columns of `LabelFormat.more`."""


class LabelFormat(ABC):
    """Reads and writes one format."""

    name: ClassVar[str]
    title: ClassVar[str]

    proposed: ClassVar[str]
    """The name that a new file is proposed; its ending is the format's. Empty: it is a folder."""
    endings: ClassVar[tuple[str, ...]]
    """Endings of its files, in lower case."""
    more: tuple[str, ...] = ()
    """Titles of columns that were asked for beside those that it always has."""
    takes_more: ClassVar[bool] = False
    """Whether it can have such columns."""
    mark: ClassVar[str] = ""
    """What is in each file that was written here, of formats that write beside others' files."""

    @classmethod
    @abstractmethod
    def fits(cls, name: str, head: str) -> bool:
        """Whether a file of this name that begins like this is of the format."""

    @abstractmethod
    def read(self, file: Path) -> Iterator[Row]:
        """The rows of a file. Raises NotThisFormat where it can't be read as one."""

    @abstractmethod
    def write(self, entries: Sequence[Entry], name: str) -> Files:
        """The text of the file `name` and of those that belong to it. `entries` are sorted."""

    @classmethod
    def why_not(cls, entry: Entry) -> str:
        """Why the format can't hold an entry; empty where it can."""
        return ""
