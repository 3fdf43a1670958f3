"""What another process does that looks at exported files; it imports no PyTorch by itself."""

from __future__ import annotations

from pathlib import Path

from engine.readers.elsewhere import Checked, answers


class Nobody:
    """Takes the place of who listens to how many pictures are done."""

    def send(self, value: int) -> None:
        pass


def look(asked: list[tuple[Path, list[Path]]]) -> list[Checked]:
    """What each file answers to its pictures, by the function that checks every export."""
    return [answers(Nobody(), path, pictures, 1) for path, pictures in asked]
