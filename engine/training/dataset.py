"""Images of one size in folders of classes, decoded once into one memory-mapped array.

Pretraining reads each image tens of times: decoding it each time would cost more than the
network. `images.npy` holds uint8 (images, size, size, 3), `classes.npy` a number for each.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap
from PIL import Image

from engine.errors import Refused
from engine.events import Event, Notice
from engine.images.preprocess import Preprocessing
from engine.storage import catalogue
from engine.storage.catalogue import Split
from engine.storage.project import Project
from engine.system.files import noted, put_in_place, replace_file
from engine.system.progress import Eta

ENDINGS = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}


@dataclass(frozen=True)
class ImageArray:
    """Decoded images and the number of each one's class; `names` are the classes in order."""

    images: np.ndarray | Selection
    classes: np.ndarray
    names: tuple[str, ...]
    files: tuple[str, ...] = ()
    """Each image's hash, or its path where it is in no project."""

    def __len__(self) -> int:
        return len(self.classes)


def listed(folder: Path) -> tuple[list[Path], list[int], tuple[str, ...]]:
    """The images under a folder of class folders, sorted by name, and each one's class."""
    if not folder.is_dir():
        raise Refused(f"There is no folder {folder}. Give a folder with one folder for each class.")
    names = tuple(sorted(p.name for p in folder.iterdir() if p.is_dir()))
    paths, classes = [], []
    for number, name in enumerate(names):
        for path in sorted((folder / name).rglob("*")):
            if path.suffix.lower() in ENDINGS:
                paths.append(path)
                classes.append(number)
    if not paths:
        raise Refused(
            f"There are no images in {folder}. Give a folder with one folder for each class."
        )
    return paths, classes, names


def of_folder(folder: Path, store: Path, size: int) -> Generator[Event, None, ImageArray]:
    """Decodes a folder's images to `size` as an ImageArray; from the cache if it is there."""
    paths, classes, names = listed(folder)
    files = [str(path.relative_to(folder)) for path in paths]
    pixels = (opened(path, size) for path in paths)
    return (yield from kept(store, size, files, pixels, classes, names))


def listed_in_project(split: Split, part: str) -> tuple[list[str], list[int]]:
    """The hashes of the images of a split's part, "train" or "validation", and each one's class,
    counted as the classes to learn from are. Raises Refused where there are none."""
    found = split.train if part == "train" else split.validation
    numbers = enumerate(sorted(split.train))
    pairs = [(h, at) for at, number in numbers for h in found.get(number, ())]
    if not pairs:
        what = "learn from" if part == "train" else "score on (the held-out ones)"
        raise Refused(f"The project has no images to {what}. Drop folders of images on Images.")
    return [h for h, _ in pairs], [at for _, at in pairs]


def of_project(
    project: Project, split: Split, part: str, store: Path, size: int
) -> Generator[Event, None, ImageArray]:
    """Images of the project as an ImageArray, decoded as a network at `size` sees them."""
    hashes, classes = listed_in_project(split, part)
    known = catalogue.class_names(project)
    names = tuple(known[number] for number in sorted(split.train))
    with closing(catalogue.decoded(project, hashes, Preprocessing(size, size))) as images:
        pixels = (image.seen if image else None for _, image in images)
        return (yield from kept(store, size, hashes, pixels, classes, names))


def kept(
    store: Path,
    size: int,
    files: Sequence[str],
    pixels: Iterator[np.ndarray | None],
    classes: Sequence[int],
    names: tuple[str, ...],
) -> Generator[Event, None, ImageArray]:
    """An ImageArray of `pixels`, uint8 (size, size, 3) each, kept in the folder `store`.

    What is there is taken as valid when `files` and the size are the same; `pixels` are then not
    asked for. It is written under another name and moved into place at the end, so a stopped job
    leaves no half of it. Images that are None are left out.
    """
    note, there = store / "files.json", store / "pictures.npy"
    facts = {"size": size, "files": list(files)}
    found = noted(note)
    if {**found, "lost": []} != {**facts, "lost": []}:
        note.unlink(missing_ok=True)
        found = {**facts, "lost": (yield from written(there, size, len(files), pixels))}
        replace_file(note, json.dumps(found).encode())
    lost = found.get("lost", [])
    if lost:
        yield Notice(
            f"{len(lost)} images can't be read and are left out.",
            "warning",
            tuple(files[number] for number in lost[:10]),
        )
    left = np.delete(np.array(classes, np.int64), lost)
    gone = set(lost)
    there_are = tuple(file for at, file in enumerate(files) if at not in gone)
    return ImageArray(np.load(there, mmap_mode="r"), left, names, there_are)


@dataclass(frozen=True)
class Selection:
    """Some images of an array, without a copy of them."""

    images: np.ndarray | Selection
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, number: int | slice | np.ndarray) -> np.ndarray:
        return self.images[self.rows[number]]


def part_of(corpus: ImageArray, rows: np.ndarray) -> ImageArray:
    """Some rows of a corpus."""
    files = tuple(corpus.files[row] for row in rows)
    return ImageArray(Selection(corpus.images, rows), corpus.classes[rows], corpus.names, files)


def written(
    path: Path, size: int, count: int, pixels: Iterator[np.ndarray | None]
) -> Generator[Event, None, list[int]]:
    """Writes images into one array and returns the numbers of those that are None."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half, pace, lost = path.with_suffix(".half"), Eta(count, "Decoding images"), []
    array = open_memmap(half, "w+", np.uint8, (count, size, size, 3))
    for number, image in enumerate(pixels):
        if image is None:
            lost.append(number)
        else:
            array[number - len(lost)] = image
        if number % 500 == 0:
            yield pace.at(number)
    array.flush()
    if lost:
        with path.with_suffix(".less").open("wb") as file:
            np.save(file, array[: count - len(lost)])
        os.replace(path.with_suffix(".less"), half)
    put_in_place(half, path)
    return lost


def opened(path: Path, size: int) -> np.ndarray | None:
    """An image as uint8 (size, size, 3): its middle square, scaled if it is of another size.

    None where the file is no image, or only a part of one.
    """
    try:
        with Image.open(path) as image:
            square = image.convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    if square.size != (size, size):
        side = min(square.size)
        left, top = (square.width - side) // 2, (square.height - side) // 2
        square = square.resize(
            (size, size), Image.Resampling.BILINEAR, (left, top, left + side, top + side)
        )
    return np.asarray(square)
