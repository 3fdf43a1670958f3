"""Images that are judged, and those of which a person said that they are right where they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.storage import catalogue
from engine.storage.learnable import CONFLICTING
from engine.storage.project import Project

KEPT = "kept"
"""What was settled: an image, named by class and hash, is right in its class."""


def learnable(project: Project) -> list[dict[str, Any]]:
    """Every image that is on a side of the split, as `to_learn` has them: id, class, hash, side."""
    return list(
        project.db.query(
            "SELECT image.id, class_id, sha256, split FROM image "
            "JOIN class ON class.id = class_id WHERE split IN ('train', 'validation') "
            f"AND NOT set_aside AND sha256 NOT IN ({CONFLICTING}) "
            "ORDER BY class_id, sha256"
        )
    )


def kept_images(project: Project) -> set[tuple[int, str]]:
    """Class and hash of each image of which a person said that it is right where it is."""
    found = project.db.query("SELECT what FROM settled WHERE kind = ?", [KEPT])
    pairs = (row["what"].partition(" ") for row in found)
    return {(int(number), sha256) for number, _, sha256 in pairs if number.isdecimal()}


def keep(project: Project, gesture: int, ids: Sequence[int]) -> int:
    """Notes that images are right where they are; returns of how many that is new."""
    there = kept_images(project)
    new = {(row["class_id"], row["sha256"]) for row in catalogue.images_by_id(project, ids)} - there
    with project.transaction(gesture) as db:
        for number, sha256 in sorted(new):
            db.table("settled").insert({"kind": KEPT, "what": f"{number} {sha256}"})
    return len(new)
