"""The images of a run without classes, and batches of two views of each."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from engine.errors import Refused, UnusableImage
from engine.events import Event
from engine.images.decode import open_many, read
from engine.images.folders import shown
from engine.images.preprocess import Preprocessing
from engine.images.walk import Walk
from engine.storage import catalogue
from engine.storage.project import Project
from engine.system.progress import Eta
from engine.training.batches import Batch, rows_of
from engine.training.dataset import ImageArray, kept
from engine.training.tuner import Supply
from engine.training.unlabelled.method import HEAP, PROJECT

FRESH = 1000
"""Numbers of views from here on belong to no view that is kept."""
OF_PROJECT = {
    PROJECT: "SELECT sha256 FROM image WHERE split = 'train' "
    "UNION SELECT sha256 FROM unsorted WHERE NOT aside",
    HEAP: "SELECT sha256 FROM unsorted WHERE NOT aside",
}
HELD_OUT = "SELECT sha256 FROM image WHERE split = 'validation'"


@dataclass
class PairSource(Supply):
    """Two views of each image of a batch, those of all images first, then the others."""

    def start(self, position: int) -> int:
        """Where there is room for one view alone, none is read from what is kept."""
        return super().start(position) if self.prefix and self.prefix.count > 1 else 0

    def batch(self, position: int) -> Batch:
        """The pairs of a step: given (2 x images, ...), pixels or what frozen stages give."""
        tuning, start = self.tuning, self.start(position)
        epoch, at = divmod(position, tuning.per_epoch(len(self)))
        rows = rows_of(len(self), min(tuning.batch, len(self)), tuning.seed, epoch)[at]
        mine = rows[self.group.own(len(rows))]
        if self.prefix is not None and start:
            count = self.prefix.count
            first = (mine + epoch) % count
            apart = 1 + epoch // count % (count - 1)
            pair = (first, (first + apart) % count)
            given = torch.cat([self.prefix(mine, numbers, start) for numbers in pair])
        else:
            numbers = np.full(len(mine), FRESH + 2 * epoch)
            given = torch.cat([self.views(mine, numbers), self.views(mine, numbers + 1)])
        none = torch.zeros(len(rows), dtype=torch.long)
        return Batch(given.to(self.device), start, none, rows, group=self.group)


def count_of(project: Project, source: str, most: int) -> int:
    """How many images there are about, without opening one. Raises Refused where there is none."""
    if source in OF_PROJECT:
        return len(in_project(project, source, most))
    return len(in_folder(Path(source), most))


def in_project(project: Project, source: str, most: int) -> list[str]:
    """The hashes of a project's images to adapt on, `most` of them; 0: all. Raises Refused where
    there are none."""
    question = f"{OF_PROJECT[source]} EXCEPT {HELD_OUT} ORDER BY sha256"
    found = [sha256 for (sha256,) in project.db.execute(question)]
    if not found:
        raise Refused(
            "No images wait for a class in this project. Add some on Sort, or choose others."
            if source == HEAP
            else "The project has no images to learn from. Drop folders of images on Images."
        )
    return found[:most] if most else found  # by their hashes, and so by chance


def in_folder(folder: Path, most: int) -> list[Path]:
    """The files below a folder that may be images, `most` of them; 0: all. Raises Refused where
    there are none."""
    if not folder.is_dir():
        raise Refused(f"There is no folder “{folder}”. Name a folder that holds images.")
    found = [entry.path for entry in Walk([folder]) if not entry.reason]
    if not found:
        raise Refused(f"There are no images in “{shown(folder.name)}”. Name a folder with images.")

    def by_chance(file: Path) -> bytes:
        return hashlib.sha256(os.fsencode(file.relative_to(folder))).digest()

    return sorted(found, key=by_chance)[:most] if most else found


def unlabelled_images(
    project: Project, source: str, most: int, store: Path, side: int
) -> Generator[Event, None, ImageArray]:
    """The images of a source, `most` of them, decoded to `side` and kept in the folder `store`."""
    if source in OF_PROJECT:
        hashes = in_project(project, source, most)
        pixels = pixels_in_project(project, hashes, side)
    else:
        held_out = {sha256 for (sha256,) in project.db.execute(HELD_OUT)}
        files = yield from by_content(in_folder(Path(source), most), held_out)
        hashes, pixels = list(files), pixels_of(list(files.values()), side)
    with closing(pixels):
        return (yield from kept(store, side, hashes, pixels, [0] * len(hashes), ()))


def by_content(
    files: Sequence[Path], held_out: Collection[str]
) -> Generator[Event, None, dict[str, Path]]:
    """Files by the hash of their content, each content once; none that is held out, for on these
    the network is judged."""
    found, pace = dict[str, Path](), Eta(len(files), "Reading the folder")
    for number, file in enumerate(files, 1):
        try:
            sha256 = hashlib.sha256(read(file)).hexdigest()
        except (OSError, UnusableImage):
            sha256 = ""  # told with those that can't be decoded
        if sha256 not in held_out:
            found.setdefault(sha256 or str(file), file)
        if number % 100 == 0:
            yield pace.at(number)
    if not found:
        raise Refused(
            "All images of this folder are held out to judge by. Name a folder with others."
        )
    return dict(sorted(found.items()))


def pixels_in_project(
    project: Project, hashes: Sequence[str], side: int
) -> Generator[np.ndarray | None, None, None]:
    with closing(catalogue.decoded(project, hashes, Preprocessing(side, side))) as images:
        for _, image in images:
            yield image.seen if image else None


def pixels_of(files: Sequence[Path], side: int) -> Generator[np.ndarray | None, None, None]:
    with closing(open_many(files, Preprocessing(side, side))) as opened:
        for _, image in opened:
            yield None if isinstance(image, UnusableImage) else image.seen
