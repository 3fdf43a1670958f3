"""Jobs of the Sort page: images that wait for a class come, are suggested one, and are named."""

from __future__ import annotations

from collections.abc import Sequence

from engine.events import Progress, Work
from engine.heap import arriving
from engine.jobs import job
from engine.results.heap import UnsortedAdded, UnsortedPage, UnsortedRemoved
from engine.session import Session
from engine.storage import catalogue, unsorted
from engine.system.words import plural


@job("Add unsorted images")
def add_unsorted(
    session: Session, *, paths: Sequence[str], copy: bool = False
) -> Work[UnsortedAdded]:
    """Checks images and keeps them without a class, with their features, ready to be sorted."""
    project = session.require()
    project.check_writable()
    found = arriving.find(paths)
    with project.gesture("Add unsorted images") as gesture:
        added, arrived = yield from arriving.arrive(session, gesture, found, copy)
    yield session.changed("unsorted")
    return {
        "added": len(arrived.fresh),
        "already_there": added.already,
        "in_classes": [catalogue.displayable(catalogue.stored(p)) for p in arrived.in_classes],
        "skipped": added.result()["skipped"],
        "waiting": len(unsorted.rows(project)),
    }


@job("Look at unsorted images", reads=True)
def unsorted_images(
    session: Session, *, aside: bool = False, offset: int = 0, limit: int = 200
) -> Work[UnsortedPage]:
    """A page of the images that wait, or of those that were set aside, as they came."""
    yield Progress(0, None, "Reading")
    project = session.require()
    waiting, put_by = unsorted.rows(project), unsorted.rows(project, aside=True)
    found = put_by if aside else waiting
    return {
        "total": len(found),
        "aside": len(put_by),
        "rows": [unsorted.view_of(project, row) for row in found[offset : offset + limit]],
    }


@job("Remove unsorted images")
def remove_unsorted(session: Session, *, images: Sequence[int]) -> Work[UnsortedRemoved]:
    """Takes images that wait out of the project; the files stay where they lie."""
    project = session.require()
    with project.gesture(f"Remove {plural(len(images))}") as gesture:
        removed = unsorted.remove(project, gesture, images)
    yield session.changed("unsorted")
    return {"removed": removed}
