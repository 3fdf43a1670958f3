"""Two rows of a study on the same held-out images: where they agree, and who is right where."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.errors import BadSetting
from engine.results.compare import SideBySide
from engine.storage import catalogue
from engine.storage.project import Project
from engine.training.study import record

PARTS = ("first", "second", "neither", "both")
"""Who has the images right that are shown."""


def side_by_side(project: Project, names: tuple[str, str], part: str, limit: int) -> SideBySide:
    """Counts, and the images of a part, at most `limit`, in the order of the study.

    Raises BadSetting for another part, and Refused where the last study has no such row.
    """
    if part not in PARTS:
        raise BadSetting(f"Part takes one of: {', '.join(PARTS)}; not “{part}”.")
    one, other = (record.answers(project, name) for name in names)
    hashes, truth = record.held_out(project)
    a, b = one.answers == truth, other.answers == truth
    parts = {"both": a & b, "first": a & ~b, "second": b & ~a, "neither": ~a & ~b}
    places = np.flatnonzero(parts[part])
    classes = catalogue.class_names(project)
    said = {
        (hashes[at], int(truth[at])): [
            classes.get(int(row.answers[at]), "?") for row in (one, other)
        ]
        for at in places[:limit]
    }
    shown = catalogue.images_by_id(project, ids_of(project, list(said)))
    return {
        "titles": [one.title, other.title],
        "images": len(truth),
        "alike": int((one.answers == other.answers).sum()),
        "both": int(parts["both"].sum()),
        "first": int(parts["first"].sum()),
        "second": int(parts["second"].sum()),
        "neither": int(parts["neither"].sum()),
        "part": part,
        "total": len(places),
        "shown": [catalogue.view_of(project, row) for row in shown],
        "answers": [said[row["sha256"], row["class_id"]] for row in shown],
    }


def ids_of(project: Project, images: Sequence[tuple[str, int]]) -> list[int]:
    """The ids of images by hash and class, in their order; those that are gone are left out."""
    asked = "SELECT id FROM image WHERE sha256 = ? AND class_id = ? AND split = 'validation'"
    found = (project.db.execute(asked, image).fetchone() for image in images)
    return [row[0] for row in found if row]
