"""On which side of the train/validation split an image lies; decided once.

>>> split_of("00" * 32), split_of("ff" * 32)
('validation', 'train')
>>> folders = [Path("moths/train"), Path("moths/test"), Path("moths/notes")]
>>> {path.name: split for path, split in splits_of(folders).items()}
{'train': 'train', 'test': 'validation'}
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

Split = Literal["train", "validation", "test"]

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


def split_of(sha256: str, share: float = 0.2) -> Literal["train", "validation"]:
    """The side of the split, decided by the content hash alone. `share` is validation's."""
    return "validation" if int(sha256[:8], 16) < share * 2**32 else "train"
