"""Images of class folders as they came: in the order of their time, with their features."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.errors import Refused, UnusableImage
from engine.events import Event
from engine.images.decode import CheckedImage, open_many
from engine.images.folders import find_images, shown
from engine.images.quality import qualities
from engine.models.extractor import Extractor
from engine.results.stream import StreamTimes
from engine.storage.project import Project
from engine.system.progress import Eta

BATCH = 64


@dataclass(frozen=True)
class Arrival:
    """An image, its class, and when it was taken: the camera's time, or else its file's. `file` is
    where it is read from, where that is not its path."""

    path: Path
    name: str
    sha256: str
    when: str
    by_camera: bool
    camera: str
    quality: tuple[float, float, float]
    file: str = ""


@dataclass
class Arrivals:
    """The images in the order of their time, and their features (images, views, width)."""

    rows: list[Arrival] = field(default_factory=list)
    features: Tensor = field(default_factory=lambda: torch.zeros(0, 1, 0))
    already_there: int = 0
    twice: int = 0
    skipped: list[tuple[Path, str]] = field(default_factory=list)

    @property
    def times(self) -> StreamTimes:
        """By what they are ordered."""
        at = Counter(row.when for row in self.rows)
        by_file = [row for row in self.rows if not row.by_camera]
        same = sum(at[row.when] > 1 for row in by_file)
        return {
            "camera": len(self.rows) - len(by_file),
            "file": len(by_file) - same,
            "name": same,
            "first": self.rows[0].when,
            "last": self.rows[-1].when,
        }


def found_in(paths: Sequence[str]) -> tuple[list[tuple[str, Path]], list[tuple[Path, str]]]:
    """Class and file of each image of class folders, those to test with as well, and what was
    skipped. Raises Refused where there is none."""
    found = find_images([Path(path) for path in paths])
    files = [(name, path) for name, rows in found.classes.items() for path, _ in rows]
    files += [(name, path) for name, held in found.held_out.items() for path in held]
    if not files:
        path, reason = found.skipped[0] if found.skipped else (Path(paths[0]), "It is empty.")
        raise Refused(
            f"There is nothing to judge by. “{shown(path.name)}”: {reason} "
            "Name a folder with a folder of images for each class."
        )
    return files, found.skipped


def arrivals(
    project: Project, extractor: Extractor, views: int, paths: Sequence[str]
) -> Generator[Event, None, Arrivals]:
    """Looks at the images of class folders. Nothing is stored.

    Images that lie in the project are left out: what was learnt can't be asked first.
    """
    files, skipped = found_in(paths)
    found, seen = Arrivals(skipped=list(skipped)), list[np.ndarray]()
    known = {sha256 for (sha256,) in project.db.execute("SELECT DISTINCT sha256 FROM image")}
    fresh, batch = set[str](), list[np.ndarray]()
    pace = Eta(len(files), "Looking at images")
    yield pace.at(0)
    with closing(open_many([p for _, p in files], extractor.backbone.preprocessing)) as opened:
        for number, ((name, _), (path, image)) in enumerate(zip(files, opened, strict=True), 1):
            if isinstance(image, UnusableImage):
                found.skipped.append((path, str(image)))
            elif image.sha256 in known:
                found.already_there += 1
            elif image.sha256 in fresh:
                found.twice += 1
            else:
                fresh.add(image.sha256)
                found.rows.append(arrival(path, name, image))
                batch.append(image.seen)
            if batch and (len(batch) == BATCH or number == len(files)):
                seen.append(extractor(np.stack(batch), views))
                batch = []
            if number % BATCH == 0 or number == len(files):
                yield pace.at(number)
    if not found.rows:
        raise Refused("All of these images lie in the project already. Name images that are new.")
    order = sorted(range(len(found.rows)), key=lambda i: place_of(found.rows[i]))
    found.rows = [found.rows[i] for i in order]
    found.features = torch.from_numpy(np.concatenate(seen)[order])
    return found


def arrival(path: Path, name: str, image: CheckedImage) -> Arrival:
    taken = image.taken
    when = taken.when or changed(path)
    return Arrival(
        path, name, image.sha256, when, bool(taken.when), taken.camera, qualities(image.thumb)
    )


def place_of(row: Arrival) -> tuple[str, str, str]:
    """What rows are sorted by: their time, and within a second their name."""
    return row.when, row.path.name, str(row.path)


def changed(path: Path) -> str:
    """When a file was changed last, as EXIF tells a time; empty where it has gone."""
    try:
        return str(datetime.fromtimestamp(int(path.stat().st_mtime)))
    except (OSError, OverflowError, ValueError):
        return ""
