"""What another process does that looks at exported files; it imports no PyTorch by itself."""

from __future__ import annotations

from pathlib import Path

from engine.export.check import Checked, answers


def nobody(word: object) -> None:
    """Takes the place of who listens to how many images are done."""


def look(asked: list[tuple[Path, list[Path]]]) -> list[Checked]:
    """What each file answers to its images, by the function that checks every export."""
    return [answers(nobody, path, images, 1) for path, images in asked]
