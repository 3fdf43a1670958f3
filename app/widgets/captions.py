"""Words below an image: what matters stays, and of long names the middle is left out."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics

SHORTER = {", taken for": " →", " · kept": " ✓"}
"""What stands for words where there is no room for them and a name."""


class Name(str):
    """A part of a caption that may be shortened, as “Acher…moth”."""


class Caption(str):
    """A caption as it is read, with the parts of each of its lines."""

    lines: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, *lines: Sequence[str]) -> Caption:
        """Each line as its parts in order; those that are a Name may be shortened."""
        made = cls("\n".join("".join(parts) for parts in lines))
        made.lines = tuple(tuple(parts) for parts in lines)
        return made


def lines_of(caption: str) -> Sequence[Sequence[str]]:
    """The parts of each line; a plain text is a name."""
    if isinstance(caption, Caption):
        return caption.lines
    return [[Name(line)] for line in caption.split("\n")]


def fitted(parts: Sequence[str], metrics: QFontMetrics, room: int) -> str:
    """A line in so many pixels: only names lose letters, and long ones before short ones."""
    if metrics.horizontalAdvance("".join(parts)) <= room:
        return "".join(parts)
    made = [part if isinstance(part, Name) else SHORTER.get(part, part) for part in parts]
    names = [at for at, part in enumerate(made) if isinstance(part, Name)]
    left = room - sum(metrics.horizontalAdvance(p) for p in made if not isinstance(p, Name))
    shortest = sorted(names, key=lambda at: metrics.horizontalAdvance(made[at]))
    for waiting, at in zip(range(len(names), 0, -1), shortest, strict=True):
        elide = Qt.TextElideMode.ElideMiddle
        made[at] = metrics.elidedText(made[at], elide, max(left // waiting, 0))
        left -= metrics.horizontalAdvance(made[at])
    return "".join(made)
