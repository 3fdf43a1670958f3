"""Pages of images: of a class or of all, found by words, in the order that a person asks for."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np

from engine.results.images import Conflict, ImagePage
from engine.storage import catalogue, learnable
from engine.storage.project import Project

ORDERS = {
    "": "class_id, image.id",
    "name": "file_name(path) COLLATE NOCASE, image.id",
    "date": "image.id DESC",
}
"""Orders that the tables know: by class, by the file's name, what was added last first."""
AS_THEY_LIE = ("", "date")
"""Orders in which an index has the images, so that the first of them are there at once."""
IN_CLASSES = "image JOIN class ON class.id = class_id"
LONGEST = 1000
"""So many letters of a word are looked for by SQLite."""


@dataclass(frozen=True)
class Asked:
    """Which images are listed, and how: of a class (or of all), on a side (or on both), with all
    words of `search` in the names of their file and their class."""

    class_name: str = ""
    split: str = ""
    search: str = ""
    sort: str = ""

    @property
    def words(self) -> list[str]:
        return self.search.casefold().split()


def first_of(project: Project, asked: Asked, limit: int) -> tuple[int, list[int]] | None:
    """How many images are asked for, and the ids of the first `limit`, without reading the others.
    None where all must be read to know them."""
    if asked.words or asked.sort not in AS_THEY_LIE:
        return None
    condition, values = condition_of(project, asked)
    (total,) = project.db.execute(f"SELECT SUM(images) FROM tally WHERE {condition}", values)
    found = project.db.execute(
        f"SELECT id FROM image WHERE {condition} ORDER BY {ORDERS[asked.sort]} LIMIT ?",
        [*values, limit],
    )
    return total[0] or 0, [number for (number,) in found]


def order_of(project: Project, asked: Asked) -> np.ndarray:
    """The ids of all images that are asked for, in their order: int64 (images,). What is shown of
    them is then read by id, wherever in the list it lies."""
    condition, values = condition_of(project, asked)
    found = project.db.execute(
        f"SELECT id FROM image WHERE {condition} ORDER BY {ORDERS[asked.sort]}", values
    )
    return np.fromiter((number for (number,) in found), np.int64)


def page_of(project: Project, total: int, ids: Sequence[int]) -> ImagePage:
    """Images as the window shows them."""
    rows = catalogue.images_by_id(project, ids)
    return {"total": total, "rows": [catalogue.view_of(project, row) for row in rows]}


def changes(project: Project) -> int:
    """A number that goes up with each change of what lists of images show."""
    (found,) = project.db.execute("SELECT changes FROM listed").fetchone()
    return int(found)


def condition_of(project: Project, asked: Asked) -> tuple[str, Sequence[Any]]:
    """What the tables are asked, with its values."""
    project.db.register_function(file_name, deterministic=True, replace=True)
    project.db.register_function(said_in, deterministic=True, replace=True)
    where, values = ["1"], list[Any]()
    if asked.class_name:
        where.append("class_id = ?")
        values.append(catalogue.class_named(project, asked.class_name)["id"])
    if asked.split:
        where.append("split = ?")
        values.append(asked.split)
    names = catalogue.class_names(project) if asked.words else {}
    for word in asked.words:
        classes = ",".join(str(n) for n, name in names.items() if word in name.casefold())
        likely, pattern = likely_in(word)
        where.append(f"(class_id IN ({classes}) OR ({likely} AND said_in(?, path)))")
        values += [*pattern, word]
    return " AND ".join(where), values


# A path that SQLite's LIKE is not to be asked about: it folds the case of no other letters.
NOT_ASCII = "typeof(path) = 'blob' OR length(path) <> length(CAST(path AS BLOB))"


def likely_in(word: str) -> tuple[str, list[str]]:
    """What is true of each path that has the word in its file's name, and of few others, and that
    SQLite knows without asking Python; with its values."""
    if not word.isascii():
        return f"({NOT_ASCII})", []
    escaped = "".join(f"\\{c}" if c in "\\%_" else c for c in word[:LONGEST])
    return f"(path LIKE ? ESCAPE '\\' OR {NOT_ASCII})", [f"%{escaped}%"]


def file_name(path: str | bytes) -> str:
    text = catalogue.displayable(path)
    return os.path.basename(text) or PurePath(text).name


def said_in(word: str, path: str | bytes) -> bool:
    """Whether the file's name has a word, whatever its case."""
    return word in file_name(path).casefold()


def conflicts(project: Project) -> list[Conflict]:
    """Images that lie in more than one class, each with the classes it lies in."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in project.db.query(
        f"SELECT {catalogue.COLUMNS} FROM image JOIN class ON class.id = class_id "
        f"WHERE sha256 IN ({learnable.CONFLICTING}) ORDER BY sha256, class_id"
    ):
        groups[row["sha256"]].append(row)
    return [
        {
            "sha256": sha256,
            "classes": [row["class"] for row in rows],
            "images": [catalogue.view_of(project, row) for row in rows],
        }
        for sha256, rows in groups.items()
    ]


def every_image(project: Project) -> Iterator[dict[str, Any]]:
    """Each image in each class: path, class, split, size in pixels, and when and where taken.

    The path is where it was added from; of one that was copied in, and is no longer there, where
    its copy lies.
    """
    for row in project.db.query(
        "SELECT path, sha256, copied, bytes, split, width, height, taken, latitude, longitude, "
        "class.name AS class "
        f"FROM {IN_CLASSES} ORDER BY image.id"
    ):
        if row["copied"] and not is_there(row["path"], row["bytes"]):
            row["path"] = str(project.blobs.path(row["sha256"]))
        yield row


def is_there(path: str | bytes, size: int) -> bool:
    """Whether a file of this size lies there."""
    try:
        return os.stat(path).st_size == size
    except OSError:
        return False
