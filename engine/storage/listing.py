"""Pages of images: of a class or of all, found by words, in the order that a person asks for."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Any

from engine.results.images import Conflict, ImagePage
from engine.storage import catalogue
from engine.storage.project import Project

ORDERS = {
    "": "class_id, image.id",
    "name": "file_name(path) COLLATE NOCASE, image.id",
    "date": "image.id DESC",
}
"""Orders that the tables know: by class, by the file's name, what was added last first."""
IN_CLASSES = "image JOIN class ON class.id = class_id"


def page_of_images(
    project: Project,
    class_name: str,
    split: str,
    offset: int,
    limit: int,
    search: str = "",
    sort: str = "",
) -> ImagePage:
    """Rows `offset` to `offset + limit` of a class (or of all), and how many there are."""
    condition, values = asked(project, class_name, split, search)
    source = IN_CLASSES if search.strip() else "image"
    total = project.db.execute(f"SELECT COUNT(*) FROM {source} WHERE {condition}", values)
    count = total.fetchone()[0]
    # Ids first: the wide columns are then read for one page only.
    found = project.db.execute(
        f"SELECT image.id FROM {source} WHERE {condition} ORDER BY {ORDERS[sort]} LIMIT ? OFFSET ?",
        [*values, limit, offset],
    )
    rows = catalogue.images_by_id(project, [number for (number,) in found])
    return {"total": count, "rows": [catalogue.view_of(project, row) for row in rows]}


def ids_of(project: Project, class_name: str, split: str, search: str) -> list[int]:
    """All images of a class (or of all) that are on a side and found by words."""
    condition, values = asked(project, class_name, split, search)
    found = project.db.execute(
        f"SELECT image.id FROM {IN_CLASSES} WHERE {condition} ORDER BY class_id, image.id", values
    )
    return [number for (number,) in found]


def asked(project: Project, class_name: str, split: str, search: str) -> tuple[str, Sequence[Any]]:
    """What the tables are asked, with its values."""
    project.db.register_function(file_name, deterministic=True, replace=True)
    project.db.register_function(said_in, deterministic=True, replace=True)
    where, values = ["1"], list[Any]()
    if class_name:
        where.append("class_id = ?")
        values.append(catalogue.class_named(project, class_name)["id"])
    if split:
        where.append("split = ?")
        values.append(split)
    if search.strip():
        where.append("said_in(?, path, class.name)")
        values.append(search.strip())
    return " AND ".join(where), values


def file_name(path: str | bytes) -> str:
    return PurePath(catalogue.displayable(path)).name


def said_in(search: str, path: str | bytes, class_name: str) -> bool:
    """Whether each word is in the file's name or the class's, whatever its case."""
    text = f"{file_name(path)} {class_name}".casefold()
    return all(word in text for word in search.casefold().split())


def conflicts(project: Project) -> list[Conflict]:
    """Images that lie in more than one class, each with the classes it lies in."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in project.db.query(
        f"SELECT {catalogue.COLUMNS} FROM image JOIN class ON class.id = class_id "
        f"WHERE sha256 IN ({catalogue.CONFLICTING}) ORDER BY sha256, class_id"
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
