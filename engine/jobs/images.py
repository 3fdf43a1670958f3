"""Jobs of the Images page: add images, sort them, and look at them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.errors import BadSetting, Refused
from engine.events import Progress, Work
from engine.images import near_duplicates as images_near_duplicates
from engine.images.folders import class_name
from engine.jobs import job
from engine.learning import own_answers, step
from engine.learning.importing import bring_in, title_for
from engine.live.film import images_in
from engine.results.images import (
    ClassChanged,
    ClassesGrouped,
    Conflicts,
    ImageIds,
    ImagePage,
    ImagesAdded,
    ImagesMoved,
    ImagesRemoved,
    LikeliestClass,
    NearDuplicateGroup,
    NearDuplicates,
    Skipped,
)
from engine.session import Session
from engine.storage import catalogue, held_out, listing
from engine.system.words import BETWEEN, listed, plural

HOLD_OUT = "Keep a fifth of each class for testing"
USES = {"train": "for learning", "validation": "for testing"}


@job("Add images")
def add_images(
    session: Session,
    *,
    paths: Sequence[str],
    into: str = "",
    copy: bool = False,
    nested: bool = False,
) -> Work[ImagesAdded]:
    """Checks images, and films, and stores them as classes, without learning them; `nested` as in
    learning."""
    with tempfile.TemporaryDirectory(prefix="espalier-") as folder:
        found = yield from images_in(paths, into, nested, Path(folder))
        with session.require().gesture(title_for(found)) as gesture:
            added = yield from bring_in(session, gesture, found, copy)
    yield session.changed("images")
    return added.result()


@job("Move images")
def move_images(session: Session, *, images: Sequence[int], to: str) -> Work[ImagesMoved]:
    """Moves images into the class `to`; what was learnt follows at the next learning."""
    project = session.require()
    if not to.strip():
        raise Refused("A class needs a name. Type one.")
    with project.gesture(f"Move {plural(len(images))} to {to}") as gesture:
        moved = catalogue.move(project, gesture, images, to.strip())
    yield session.changed("images")
    return {"moved": moved}


@job("Remove images")
def remove_images(session: Session, *, images: Sequence[int]) -> Work[ImagesRemoved]:
    project = session.require()
    with project.gesture(f"Remove {plural(len(images))}") as gesture:
        removed = catalogue.remove(project, gesture, images)
    yield session.changed("images")
    return {"removed": removed}


@job("Change what images are for")
def set_split(session: Session, *, images: Sequence[int], split: str) -> Work[ImagesMoved]:
    """Uses images for testing ("validation") or for learning ("train"), on that side from now on.

    What was learnt follows at the next learning. Refused where a class would have none to learn.
    """
    if split not in USES:
        raise BadSetting(f"Images are used for “train” or “validation”, not “{split}”.")
    project = session.require()
    with project.gesture(f"Use {plural(len(images), 'image')} {USES[split]}") as gesture:
        moved = catalogue.set_split(project, gesture, images, split)
    yield session.changed("images")
    return {"moved": moved}


@job("Keep images for testing")
def hold_out(session: Session) -> Work[ImagesMoved]:
    """Keeps about a fifth of each class for testing, whole bursts, and learns from the rest: one
    undo takes both back. Images that are for testing already stay so."""
    project = session.require()
    with project.gesture(HOLD_OUT, all_or_nothing=True) as gesture:
        moved = held_out.hold_out(project, gesture)
        if not moved:
            raise Refused(
                "No image can be kept for testing: each class needs five that were not taken "
                "together. Add more images first."
            )
        yield from step.follow_up(session, gesture, HOLD_OUT)
    yield session.changed("images")
    return {"moved": moved}


@job("Rename a class")
def rename_class(
    session: Session, *, name: str, to: str, merge: bool = False
) -> Work[ClassChanged]:
    """Renames a class; where `to` is taken, merges the two if asked, and refuses otherwise."""
    project = session.require()
    to = class_name(to) if to.strip() else ""
    taken = to in catalogue.class_names(project).values()
    if not to:
        raise Refused("A class needs a name. Type one.")
    if taken and to != name and not merge:
        raise Refused(f"There is a class “{to}” already. Merge the two, or choose another name.")
    if taken and to != name:
        return (yield from merge_classes(session, name=name, into=to))
    with project.gesture(f"Rename {name} to {to}") as gesture:
        catalogue.rename(project, gesture, name, to)
    yield session.changed("classes")
    return {"name": to}


@job("Merge classes")
def merge_classes(session: Session, *, name: str, into: str) -> Work[ClassChanged]:
    """Moves all images of `name` into `into`, and learns both anew where they were learnt."""
    project = session.require()
    number = catalogue.class_named(project, name)["id"]
    if catalogue.class_named(project, into)["id"] == number:
        raise Refused(f"“{name}” can't be merged into itself. Choose another class.")
    ids = [row["id"] for row in project.db["image"].rows_where("class_id = ?", [number])]
    with project.gesture(f"Merge {name} into {into}", all_or_nothing=True) as gesture:
        catalogue.move(project, gesture, ids, into)
        catalogue.remove_class(project, gesture, name)
        yield from step.follow_up(session, gesture, f"Merge {name} into {into}")
    yield session.changed("classes")
    return {"name": into, "moved": len(ids)}


@job("Put classes into a group")
def group_classes(
    session: Session, *, names: Sequence[str], group: str = ""
) -> Work[ClassesGrouped]:
    """Puts classes within a group, "hawk-moths" or "moths/hawk-moths"; no name takes them out.

    An answer that is not sure enough for the promise climbs to the group. Nothing is learnt anew.
    """
    project = session.require()
    for name in names:
        catalogue.class_named(project, name)
    parts = [class_name(part) for part in group.split(BETWEEN) if part.strip()]
    within = BETWEEN.join(parts)
    title = f"Put {listed(names)} into {parts[-1]}" if parts else f"Take {listed(names)} out"
    with project.gesture(title) as gesture:
        changed = catalogue.put_within(project, gesture, dict.fromkeys(names, within))
    yield session.changed("classes")
    return {"group": within, "changed": changed}


@job("Remove a class")
def remove_class(session: Session, *, name: str) -> Work[ClassChanged]:
    """Takes a class out of the project and of what was learnt, exactly; files stay in place."""
    project = session.require()
    with project.gesture(f"Remove {name}", all_or_nothing=True) as gesture:
        catalogue.remove_class(project, gesture, name)
        yield from step.follow_up(session, gesture, f"Remove {name}")
    yield session.changed("classes")
    return {"name": name}


@job("Settle a conflict")
def settle_conflict(session: Session, *, sha256: str, keep: str) -> Work[ImagesRemoved]:
    """Keeps an image that lies in several classes in the class `keep` alone ("" for none)."""
    project = session.require()
    rows = [c for c in listing.conflicts(project) if c["sha256"] == sha256]
    if not rows or (keep and keep not in rows[0]["classes"]):
        raise Refused("That conflict is settled already, or lies in other classes.")
    gone = [image["id"] for image in rows[0]["images"] if image["class"] != keep]
    with project.gesture("Settle a conflict") as gesture:
        catalogue.remove(project, gesture, gone)
    yield session.changed("images")
    return {"removed": len(gone)}


@job("Look at images", reads=True)
def images(
    session: Session,
    *,
    class_name: str = "",
    split: str = "",
    offset: int = 0,
    limit: int = 200,
    search: str = "",
    sort: str = "",
) -> Work[ImagePage]:
    """A page of a class's images (all classes where empty), and how many there are.

    `search` are words of the file's or the class's name; `sort` is name, date (added last first),
    confidence (the least certain answers first), or nothing (by class).
    """
    yield Progress(0, None, "Reading")
    project, asked = session.require(), listing.Asked(class_name, split, search, sort)
    if sort == "confidence":
        ids = order_kept(session, replace(asked, sort="")).tolist()
        found = yield from own_answers.judged(session)
        return own_answers.least_certain(project, found, ids, offset, limit)
    if sort not in listing.ORDERS:
        raise Refused(f"Images can't be sorted by “{sort}”. Sort by name, date or confidence.")
    first = listing.first_of(project, asked, limit) if offset == 0 else None
    if first is not None:
        return listing.page_of(project, *first)
    order = order_kept(session, asked)
    return listing.page_of(project, len(order), order[offset : offset + limit].tolist())


def order_kept(session: Session, asked: listing.Asked) -> np.ndarray:
    """The ids of the images that are asked for, kept until something else is asked or changes."""
    project = session.require()
    key = ("order", str(project.path), listing.changes(project), asked)
    order: np.ndarray | None = session.kept(key)
    if order is None:
        found = order = listing.order_of(project, asked)
        session.keep(key, lambda: found)
    return order


@job("Choose images", reads=True)
def image_ids(
    session: Session,
    *,
    runs: Sequence[tuple[int, int]],
    total: int,
    class_name: str = "",
    split: str = "",
    search: str = "",
    sort: str = "",
) -> Work[ImageIds]:
    """The ids of images chosen in the list that `images` gives for the same question: of each run
    from its first place to its last. Refused where there are no longer `total` images in the list,
    whose places would be those of others."""
    yield Progress(0, None, "Reading")
    asked = listing.Asked(class_name, split, search, sort)
    if sort == "confidence":
        ids = order_kept(session, replace(asked, sort="")).tolist()
        found = yield from own_answers.judged(session)
        order = np.array(own_answers.by_certainty(found, ids), np.int64)
    else:
        order = order_kept(session, asked)
    if len(order) != total:
        raise Refused("The images changed while they were chosen. Choose them again.")
    parts = [order[first : last + 1] for first, last in runs]
    return {"ids": np.concatenate([order[:0], *parts]).tobytes()}


@job("Say where images belong", reads=True)
def likeliest_class(session: Session, *, images: Sequence[int]) -> Work[LikeliestClass]:
    """The class that fits images best together, other than their own; empty where none is known."""
    yield Progress(0, None, "Reading")
    found = yield from own_answers.judged(session)
    return {"name": own_answers.likeliest(session.require(), found, images) if found else ""}


@job("Look at conflicts", reads=True)
def conflicts(session: Session) -> Work[Conflicts]:
    yield Progress(0, None, "Reading")
    return {"conflicts": listing.conflicts(session.require())}


@job("Look for near duplicates", reads=True)
def near_duplicates(session: Session, *, limit: int = 200) -> Work[NearDuplicates]:
    """Groups of images that look almost the same; those on both sides of the split first."""
    yield Progress(0, None, "Comparing")
    project = session.require()
    rows = list(
        project.db.query(
            "SELECT id, phash, split FROM image "
            "WHERE length(phash) = 16 AND phash NOT GLOB '*[^0-9a-f]*' ORDER BY id"
        )
    )
    groups = images_near_duplicates.groups([row["phash"] for row in rows])
    crossing = sorted(groups, key=lambda g: (len({rows[i]["split"] for i in g}) < 2, -len(g)))
    shown: list[NearDuplicateGroup] = [
        {
            "crosses_split": len({rows[i]["split"] for i in group}) > 1,
            "images": [
                catalogue.view_of(project, row)
                for row in catalogue.images_by_id(project, [rows[i]["id"] for i in group])
            ],
        }
        for group in crossing[:limit]
    ]
    return {"total": len(groups), "groups": shown}


@job("Look at what was left out", reads=True)
def skipped(session: Session) -> Work[Skipped]:
    """What could not be used, with the reason and when."""
    yield Progress(0, None, "Reading")
    rows = session.require().db["skipped"].rows_where(order_by="id")
    return {
        "skipped": [
            {
                "path": catalogue.displayable(row["path"]),
                "reason": row["reason"],
                "when": row["made"],
            }
            for row in rows
        ]
    }
