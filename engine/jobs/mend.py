"""Jobs that put answers right where they are seen: an image moves or is kept, and is learnt."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.errors import Refused, UnusableImage
from engine.events import Work
from engine.images.decode import CheckedImage, open_many
from engine.jobs import job
from engine.learning import material, step
from engine.results.images import ImagesMended
from engine.results.learn import ImageTaught, LearntAgain
from engine.session import Session
from engine.storage import catalogue, kept_images, steps
from engine.storage.catalogue import NewImage
from engine.storage.project import Project
from engine.system.words import plural


@job("Mend images")
def mend_images(session: Session, *, images: Sequence[int], to: str = "") -> Work[ImagesMended]:
    """Moves images into the class `to`, or keeps them where they are, as a person says.

    Either way nobody is asked about them again. `learn_again` learns what came of it.
    """
    project, to = session.require(), to.strip()
    rows = catalogue.images_by_id(project, images)
    if not rows:
        raise Refused("These images are no longer in the project.")
    title = f"Move {plural(len(rows))} to {to}" if to else f"Keep {plural(len(rows))}"
    with project.gesture(title, all_or_nothing=True) as gesture:
        moved = catalogue.move(project, gesture, images, to) if to else 0
        kept_images.keep(project, gesture, images)
    yield session.changed("images")
    return {"moved": moved, "kept": len(rows) - moved}


@job("Learn again")
def learn_again(session: Session) -> Work[LearntAgain]:
    """Learns what was mended, as a part of the last gesture: one undo takes both back.

    Does nothing where nothing was learnt yet, or where nothing changed since.
    """
    project = session.require()
    before = steps.current(project)
    if before is None or not out_of_line(project, before):
        return {}
    done = project.gestures(undone=False, most=1)
    if done:
        result = yield from step.follow_up(session, done[-1]["id"], "Learn what was mended")
    else:
        with project.gesture("Learn what was mended") as gesture:
            result = yield from step.follow_up(session, gesture, "Learn what was mended")
    yield session.changed("learnt")
    if result is None:
        return {}
    return {**result, "accuracy_before": before["scores"]["accuracy"]}


def out_of_line(project: Project, row: Mapping[str, Any]) -> bool:
    """Whether a step was learnt from, or judged on, other images than there are now."""
    learnt = {c["id"]: c["fingerprint"] for c in row["classes"]}
    if learnt != {n: catalogue.fingerprints(project).get(n, "") for n in learnt}:
        return True
    kept = steps.predictions(project, row)
    judged = dict(zip(kept["images"].tolist(), kept["truth"].tolist(), strict=True)) if kept else {}
    now = {
        image["id"]: image["class_id"]
        for image in kept_images.learnable(project)
        if image["split"] == "validation" and image["class_id"] in learnt
    }
    return judged != now


@job("Add an image")
def teach_image(
    session: Session, *, to: str, path: str = "", content: bytes = b""
) -> Work[ImageTaught]:
    """Puts one image, a file or the bytes of one, into the class `to`, and learns it at once.

    An image that is in the project already moves there. Bytes are kept in the project.
    """
    project, to = session.require(), to.strip()
    if not to:
        raise Refused("A class needs a name. Type one.")
    with tempfile.TemporaryDirectory(prefix="espalier-") as folder:
        file = Path(path) if path else Path(folder) / "pasted.png"
        if content:
            file.write_bytes(content)
        ((_, image),) = open_many([file], None)
        if isinstance(image, UnusableImage):
            raise Refused(f"Nothing was added. {image}")
        with project.gesture(f"Add an image to {to}", all_or_nothing=True) as gesture:
            moved, number = put(
                project, gesture, to, NewImage(to, file, image, "train"), bool(content)
            )
            name, settings = material.choice(project)
            learnt = yield from step.learn(session, gesture, name, settings, f"Add to {to}")
    yield session.changed("learnt")
    return {"class": to, "moved": moved, "image": number, "step": learnt["step"]}


def put(project: Project, gesture: int, to: str, arrival: NewImage, copy: bool) -> tuple[int, int]:
    """Stores an image in a class, out of those it was in: of how many, and the image's id."""
    assert isinstance(arrival.image, CheckedImage)
    sha256 = arrival.image.sha256
    there = [row["id"] for row in project.db["image"].rows_where("sha256 = ?", [sha256])]
    if there:
        catalogue.move(project, gesture, there, to)
    else:
        catalogue.add(project, gesture, [arrival], copy)
    ids = [row["id"] for row in project.db["image"].rows_where("sha256 = ?", [sha256])]
    kept_images.keep(project, gesture, ids)
    return len(there), int(ids[0])
