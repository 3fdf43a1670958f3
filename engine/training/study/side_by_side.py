"""Two models on the same held-out images: where they agree, and who is right where."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np

from engine.errors import BadSetting, Refused
from engine.events import Event
from engine.results.compare import SideBySide
from engine.session import Session
from engine.storage import catalogue
from engine.storage.project import Project
from engine.training.study.answered import Pair, answered

PARTS = ("first", "second", "neither", "both")
"""Who has the images right that are shown."""
NOTHING = "The two were never asked about the same images. Measure one of them anew."


def side_by_side(
    session: Session, names: tuple[str, str], part: str, limit: int
) -> Generator[Event, None, SideBySide]:
    """Counts on the images that both were asked about, and those of a part, at most `limit`.

    Raises BadSetting for another part, and Refused where one of the two is not there.
    """
    if part not in PARTS:
        raise BadSetting(f"Part takes one of: {', '.join(PARTS)}; not “{part}”.")
    one = yield from answered(session, names[0])
    other = yield from answered(session, names[1])
    project = session.require()
    pairs = [pair for pair in one.answers if pair in other.answers]
    if not pairs:
        raise Refused(NOTHING)
    truth = np.array([number for _, number in pairs])
    first, second = (np.array([of.answers[pair] for pair in pairs]) for of in (one, other))
    a, b = first == truth, second == truth
    parts = {"both": a & b, "first": a & ~b, "second": b & ~a, "neither": ~a & ~b}
    places = np.flatnonzero(parts[part])
    classes = catalogue.class_names(project)
    said = {
        pairs[at]: [classes.get(int(of[at]), "?") for of in (first, second)]
        for at in places[:limit]
    }
    shown = catalogue.images_by_id(project, ids_of(project, list(said)))
    return {
        "titles": [one.title, other.title],
        "images": len(truth),
        "alike": int((first == second).sum()),
        "both": int(parts["both"].sum()),
        "first": int(parts["first"].sum()),
        "second": int(parts["second"].sum()),
        "neither": int(parts["neither"].sum()),
        "part": part,
        "total": len(places),
        "shown": [catalogue.view_of(project, row) for row in shown],
        "answers": [said[row["sha256"], row["class_id"]] for row in shown],
    }


def ids_of(project: Project, images: Sequence[Pair]) -> list[int]:
    """The ids of images by hash and class, in their order; those that are gone are left out."""
    asked = "SELECT id FROM image WHERE sha256 = ? AND class_id = ? AND split = 'validation'"
    found = (project.db.execute(asked, image).fetchone() for image in images)
    return [row[0] for row in found if row]
