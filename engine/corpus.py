"""Pictures of one size in folders of classes, decoded once into one memory-mapped array.

Pretraining reads each picture tens of times: decoding it each time would cost more than the
network. `pictures.npy` holds uint8 (pictures, size, size, 3), `classes.npy` a number for each.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap
from PIL import Image

from engine.errors import Refused
from engine.events import Progress

ENDINGS = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}


@dataclass(frozen=True)
class Corpus:
    """Decoded pictures and the number of each one's class; `names` are the classes in order."""

    pictures: np.ndarray
    classes: np.ndarray
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.classes)


def listed(folder: Path) -> tuple[list[Path], list[int], tuple[str, ...]]:
    """The pictures under a folder of class folders, sorted by name, and each one's class."""
    if not folder.is_dir():
        raise Refused(f"There is no folder {folder}. Give a folder that holds one folder a class.")
    names = tuple(sorted(p.name for p in folder.iterdir() if p.is_dir()))
    paths, classes = [], []
    for number, name in enumerate(names):
        for path in sorted((folder / name).rglob("*")):
            if path.suffix.lower() in ENDINGS:
                paths.append(path)
                classes.append(number)
    if not paths:
        raise Refused(f"There are no pictures in {folder}. Give a folder that holds one a class.")
    return paths, classes, names


def decoded(folder: Path, store: Path, size: int) -> Iterator[Progress]:
    """Decodes a folder's pictures to `size` and returns a Corpus; from the cache if it is there.

    The cache is taken as valid when the list of files and the size are the same. It is written
    under another name and moved into place at the end, so a stopped job leaves no half of it.
    """
    paths, classes, names = listed(folder)
    facts = {"size": size, "files": [str(p.relative_to(folder)) for p in paths]}
    note, pixels = store / "files.json", store / "pictures.npy"
    if not (note.exists() and json.loads(note.read_text()) == facts):
        store.mkdir(parents=True, exist_ok=True)
        note.unlink(missing_ok=True)
        half = store / "pictures.half"
        array = open_memmap(half, "w+", np.uint8, (len(paths), size, size, 3))
        for number, path in enumerate(paths):
            array[number] = opened(path, size)
            if number % 500 == 0:
                yield Progress(number, len(paths), f"decoding {folder.name}")
        array.flush()
        os.replace(half, pixels)
        note.write_text(json.dumps(facts))
    return Corpus(np.load(pixels, mmap_mode="r"), np.array(classes, np.int64), names)


def opened(path: Path, size: int) -> np.ndarray:
    """A picture as uint8 (size, size, 3): its middle square, scaled if it is of another size."""
    with Image.open(path) as picture:
        square = picture.convert("RGB")
    if square.size != (size, size):
        side = min(square.size)
        left, top = (square.width - side) // 2, (square.height - side) // 2
        square = square.resize((size, size), Image.BILINEAR, (left, top, left + side, top + side))
    return np.asarray(square)
