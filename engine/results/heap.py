"""Jobs of images that wait for a class."""

from typing import TypedDict

from engine.results.images import SkippedFile


class UnsortedAdded(TypedDict):
    """`in_classes` are files left out since the same image lies in a class."""

    added: int
    already_there: int
    in_classes: list[str]
    skipped: list[SkippedFile]
    waiting: int


class UnsortedRow(TypedDict):
    """An image that waits; `thumb` is the file of its thumbnail, where it begins, its bytes."""

    id: int
    path: str
    file: str
    width: int
    height: int
    note: str
    thumb: tuple[str, int, int]


UnsortedPage = TypedDict("UnsortedPage", {"total": int, "aside": int, "rows": list[UnsortedRow]})
"""Some of `total` images that wait, or that were set aside; of these there are `aside`."""
UnsortedRemoved = TypedDict("UnsortedRemoved", {"removed": int})
