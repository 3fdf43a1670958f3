"""On which side of the train/validation split an image lies; decided once.

>>> split_of("00" * 32), split_of("ff" * 32)
('validation', 'train')
>>> folders = [Path("moths/train"), Path("moths/test"), Path("moths/notes")]
>>> {path.name: split for path, split in splits_of(folders).items()}
{'train': 'train', 'test': 'validation'}
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

Split = Literal["train", "validation", "test"]

SHARE, MOST, ENOUGH = 0.2, 0.3, 5
"""Of a class's images: the share that is held out, the most, and from how many on at least one."""

SPLITS: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
    "testing": "test",
}
"""Folder names (in any case) that say on which side their images are."""


def splits_of(folders: Sequence[Path]) -> dict[Path, Split]:
    """The split of each folder that has one: train, with validation or test beside it."""
    found: dict[Path, Split] = {}
    parts = {path: SPLITS[path.name.lower()] for path in folders if path.name.lower() in SPLITS}
    for path, split in parts.items():
        beside = {other for p, other in parts.items() if p.parent == path.parent}
        if "train" in beside and len(beside) > 1:
            held_out = split != "test" or "validation" in beside
            found[path] = split if held_out else "validation"
    return found


def split_of(sha256: str) -> Literal["train", "validation"]:
    """The side of the split that the content hash alone decides."""
    return "validation" if int(sha256[:8], 16) < SHARE * 2**32 else "train"


class Sides:
    """Which of a class's images are held out, of those that come in one gesture: about a fifth.

    It is the smallest hashes: at least one where the class has ENOUGH images, and at most the share
    MOST, so that small classes are tested too and none is left without images to learn from. In
    the end it depends on what came, not on the order. `others` are there already, `held` of them
    held out.

    >>> Sides().add(["ff" * 32, "ee" * 32, "dd" * 32, "cc" * 32])["cc" * 32]
    'train'
    >>> Sides().add(["ff" * 32, "ee" * 32, "dd" * 32, "cc" * 32, "bb" * 32])["bb" * 32]
    'validation'
    """

    def __init__(self, others: int = 0, held: int = 0) -> None:
        self.others, self.held = others, held
        self.sides: dict[str, str] = {}
        self.wanted = 0
        self.bounded = False

    def add(self, hashes: Iterable[str]) -> dict[str, str]:
        """The side of each of these, and of those that came before where it is another now."""
        fresh = [sha256 for sha256 in hashes if sha256 not in self.sides]
        own: dict[str, str] = {sha256: split_of(sha256) for sha256 in fresh}
        self.wanted += sum(side == "validation" for side in own.values())
        total = self.others + len(self.sides) + len(own)
        least, most = int(total >= ENOUGH) - self.held, int(MOST * total) - self.held
        number = max(0, min(max(self.wanted, least), most))
        before, self.bounded = self.bounded, number != self.wanted
        if self.bounded or before:
            held = set(sorted([*self.sides, *own])[:number])
            every = [*self.sides, *own]
            own = {h: "validation" if h in held else "train" for h in every}
        changed = {h: side for h, side in own.items() if self.sides.get(h) != side}
        self.sides |= changed
        return changed
