"""Projects with very many images: rows written in bulk, features by a formula, thumbnails shared.

No image file lies behind them: what reads the tables and the features finds all it needs.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from engine.storage.project import Project
from tests.helpers.project_rows import FACTS

WIDTH = 64
KEY = "drawn|features|views=1"
"""The name of the features, where no network is meant to go on from them."""
PACK = 64
"""Images that come together, as importing.py stores them."""
HELD = 5
"""One of so many images is held out."""
THUMBS = 32
SEED = 7


def many_images(
    path: Path, rows: int, classes: int, key: str = KEY, pack: int = PACK, **facts: object
) -> Project:
    """A new project with `rows` images, spread evenly over the classes and open for writing."""
    project = Project.create(path, **{**FACTS, **facts})
    fill(project, rows, classes, key, pack)
    return project


def fill(project: Project, rows: int, classes: int, key: str, pack: int = PACK) -> None:
    """Writes the rows of images, of their features and of their classes in one transaction, which
    no journal has: they were there before anything that can be undone."""
    place, ends = thumbnails(project)
    project.db.execute("PRAGMA cache_size = -500000")  # or each page would be written many times
    names = [hash_of(i) for i in range(rows)]
    with project.transaction() as db:
        db.conn.executemany(
            "INSERT INTO class (id, name, made) VALUES (?, ?, 'then')",
            ((n + 1, f"class {n:04}") for n in range(classes)),
        )
        db.conn.executemany(
            "INSERT INTO image (class_id, sha256, path, width, height, bytes, split, phash, pack, "
            "thumb_at, thumb_length) VALUES (?, ?, ?, 640, 480, 1000, ?, ?, ?, ?, ?)",
            image_rows(names, classes, place, ends),
        )
        db.conn.executemany(
            "INSERT INTO feature (key, sha256, pack, place) VALUES (?, ?, ?, ?)",
            feature_rows(project, names, classes, key, pack),
        )


def hash_of(image: int) -> str:
    return hashlib.sha256(f"image {image}".encode()).hexdigest()


def class_of(image: int, rows: int, classes: int) -> int:
    """The number of an image's class: a class's images come one after the other."""
    return 1 + image * classes // rows


def thumbnails(project: Project) -> tuple[str, list[tuple[int, int]]]:
    """A pack of some thumbnails, and where each begins and how long it is."""
    content, places = b"", []
    for number in range(THUMBS):
        buffer = io.BytesIO()
        colour = tuple(int(c) for c in np.random.default_rng(number).integers(40, 230, 3))
        Image.new("RGB", (160, 120), colour).save(buffer, "JPEG")
        places.append((len(content), buffer.tell()))
        content += buffer.getvalue()
    return project.blobs.put(content), places


def image_rows(
    names: list[str], classes: int, place: str, thumbs: list[tuple[int, int]]
) -> Iterator[tuple[object, ...]]:
    for i, sha256 in enumerate(names):
        number = class_of(i, len(names), classes)
        split = "validation" if i % HELD == HELD - 1 else "train"
        path = f"/images/class {number - 1:04}/IMG_{i:07}.jpg"
        yield number, sha256, path, split, sha256[:16], place, *thumbs[i % len(thumbs)]


def features_of(first: int, count: int, rows: int, classes: int) -> np.ndarray:
    """Features of images one after the other: their class's direction, and noise."""
    numbers = np.array([class_of(i, rows, classes) for i in range(first, first + count)])
    noise = np.random.default_rng([SEED, first]).normal(size=(count, WIDTH))
    return (means_of(classes)[numbers - 1] + noise).astype(np.float32)[:, None]


@cache
def means_of(classes: int) -> np.ndarray:
    """The middles of the classes: float64 (classes, WIDTH)."""
    return np.random.default_rng(SEED).normal(size=(classes, WIDTH))


def feature_rows(
    project: Project, names: list[str], classes: int, key: str, pack: int
) -> Iterator[tuple[object, ...]]:
    """Rows of features, whose packs are written on the way; nothing waits for the disk."""
    for first in range(0, len(names), pack):
        some = names[first : first + pack]
        buffer = io.BytesIO()
        np.save(buffer, features_of(first, len(some), len(names), classes))
        name = hashlib.sha256(buffer.getvalue()).hexdigest()
        file = project.blobs.path(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(buffer.getvalue())
        for at, sha256 in enumerate(some):
            yield key, sha256, name, at
