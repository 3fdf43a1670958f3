"""What a person did on the Sort page: where the images were, and what is said of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.widgets.rows import shown
from engine.system.words import plural

AHEAD = 60
"""So many images beyond those that are seen come with their suggestions."""
BACK = "Backspace undoes that."


def are_in(count: int, to: str) -> str:
    return f"{plural(count)} {'is' if count == 1 else 'are'} in {shown(to)}. {BACK}"


@dataclass
class Act:
    """What was asked of the engine, and the places of the images that went, for the way back; then
    `again` are chosen again."""

    spots: list[tuple[int, int]] = field(default_factory=list)
    again: Sequence[int] = ()
