"""Images that were taken together: by one camera, in one folder, each soon after the one before.

>>> shot = lambda second: Shot("moths", "camera", f"2026-06-01 21:00:{second:02}")
>>> together([shot(0), shot(50), shot(8)], gap=20)
[[0, 2]]
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

GAP = 60.0
"""Seconds after which an image belongs to another burst."""

SHOT = 2.0
"""The same for frames of a film, of which only those that differ are kept."""


@dataclass(frozen=True)
class Shot:
    """Where an image lies, and what its file says of when and with what it was taken."""

    folder: str
    camera: str
    when: str


def together(shots: Sequence[Shot], gap: float = GAP) -> list[list[int]]:
    """Groups of two or more, as places in `shots`, in the order of time; those whose time is not
    known are in none."""
    lines: dict[tuple[str, str], list[tuple[datetime, int]]] = defaultdict(list)
    for place, shot in enumerate(shots):
        if shot.when:
            lines[shot.folder, shot.camera].append((datetime.fromisoformat(shot.when), place))
    found = []
    for line in lines.values():
        line.sort()
        here = [line[0]]
        for one in line[1:]:
            if (one[0] - here[-1][0]).total_seconds() > gap:
                found.append(here)
                here = []
            here.append(one)
        found.append(here)
    return [[place for _, place in burst] for burst in found if len(burst) > 1]
