"""Jobs of the Images page: add pictures, sort them, and look at them."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine import catalogue, duplicates, study
from engine.catalogue import Arrival
from engine.errors import Refused, UnusableImage
from engine.events import Event, Notice, Progress, Saved
from engine.folders import Found, find_pictures, shown
from engine.images import open_many
from engine.jobs import Work, job
from engine.pace import Pace
from engine.session import Session

BATCH = 64


@dataclass
class Added:
    """What came of adding pictures, and the seconds that each part took."""

    classes: dict[str, int] = field(default_factory=dict)
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    already: int = 0
    seconds: dict[str, float] = field(default_factory=lambda: {"images": 0.0, "features": 0.0})
    clock: float = field(default_factory=time.perf_counter)

    def lap(self, part: str = "") -> None:
        """Books the seconds since the last lap on a part; without one they are not booked."""
        now = time.perf_counter()
        if part:
            self.seconds[part] += now - self.clock
        self.clock = now

    def result(self) -> dict[str, Any]:
        """As plain values, for the command line and the window."""
        return {
            "classes": dict(self.classes),
            "already_there": self.already,
            "skipped": [
                {"path": catalogue.shown(catalogue.stored(path)), "reason": reason}
                for path, reason in self.skipped
            ],
        }


@job("Add images")
def add_images(
    session: Session, *, paths: Sequence[str], into: str = "", copy: bool = False
) -> Work:
    """Checks pictures and stores them as classes, without learning them."""
    found = look_for(paths, into)
    with session.require().gesture(title_for(found)) as gesture:
        added = yield from bring_in(session, gesture, found, copy)
    yield session.changed("images")
    return added.result()


def look_for(paths: Sequence[str], into: str) -> Found:
    """The pictures below `paths`. Raises Refused where there is none."""
    found = find_pictures([Path(p) for p in paths], into)
    if not any(found.classes.values()):
        path, reason = found.skipped[0] if found.skipped else (Path(paths[0]), "It is empty.")
        raise Refused(
            f"Nothing was added. “{shown(path.name)}”: {reason} "
            "Drop a folder with JPEG or PNG images."
        )
    return found


def title_for(found: Found) -> str:
    names = list(found.classes)
    return f"Add {', '.join(names[:3])}{' and more' if len(names) > 3 else ''}"


def bring_in(
    session: Session,
    gesture: int,
    found: Found,
    copy: bool,
    views: int = 0,
    glimpse: Callable[[int, int], Iterable[Event]] | None = None,
) -> Generator[Event, None, Added]:
    """Checks and stores the pictures found; with `views` > 0 also computes their features.

    One pass: each file is read once, while the network works on those before it. Now and then
    `glimpse(done, total)` tells how well it goes.
    """
    added, batch = Added(skipped=list(found.skipped)), list[Arrival]()
    files = [(name, path, split) for name, rows in found.classes.items() for path, split in rows]
    extractor = session.extractor() if views else None
    preprocessing = extractor.backbone.preprocessing if extractor else None
    pace = Pace(len(files), "Looking at images" if views else "Checking images")
    yield pace.at(0)
    opened = open_many([path for _, path, _ in files], preprocessing)
    try:
        pairs = enumerate(zip(files, opened, strict=True), start=1)
        for number, ((name, _, split), (path, picture)) in pairs:
            if isinstance(picture, UnusableImage):
                added.skipped.append((path, str(picture)))
            else:
                batch.append(Arrival(name, path, picture, split))
            if batch and (len(batch) == BATCH or number == len(files)):
                yield from settle(session, gesture, batch, copy, views, added)
                batch = []
                yield from pace.now(number, session)
                if glimpse and pace.may_glimpse(number):
                    yield from glimpse(number, len(files))
                added.lap()
    finally:
        opened.close()
    catalogue.add_skipped(session.require(), gesture, added.skipped)
    yield from notices(found, added)
    yield from extractor.notices if extractor else ()
    return added


def settle(
    session: Session, gesture: int, batch: list[Arrival], copy: bool, views: int, added: Added
) -> Iterator[Event]:
    """Stores a batch of checked pictures, then computes its features where they are wanted."""
    store(session, gesture, batch, copy, added)
    added.lap("images")
    yield Saved("pictures")
    if views:
        study.compute(session, batch, views)
        added.lap("features")


def store(session: Session, gesture: int, batch: list[Arrival], copy: bool, added: Added) -> None:
    fresh = catalogue.add(session.require(), gesture, batch, copy)
    added.already += len(batch) - len(fresh)
    for arrival in batch:
        added.classes.setdefault(arrival.class_name, 0)
    for arrival in fresh:
        added.classes[arrival.class_name] += 1


def notices(found: Found, added: Added) -> Iterable[Notice]:
    """What a person should know of what was dropped, besides what was added."""
    for hint in found.hints:
        yield Notice(hint)
    if found.held_out:
        number = sum(map(len, found.held_out.values()))
        yield Notice(f"{number} images in test folders were held out: they are not learnt.")
    if added.skipped:
        number = len(added.skipped)
        what = "One file was" if number == 1 else f"{number} files were"
        details = tuple(f"{path.name}: {reason}" for path, reason in added.skipped[:100])
        yield Notice(f"{what} left out. The list under Images says why.", "warning", details)


@job("Move images")
def move_images(session: Session, *, images: Sequence[int], to: str) -> Work:
    """Moves pictures into the class `to`; what was learnt follows at the next learning."""
    project = session.require()
    if not to.strip():
        raise Refused("A class needs a name. Type one.")
    with project.gesture(f"Move {len(images)} images to {to}") as gesture:
        moved = catalogue.move(project, gesture, images, to.strip())
    yield session.changed("images")
    return {"moved": moved}


@job("Remove images")
def remove_images(session: Session, *, images: Sequence[int]) -> Work:
    project = session.require()
    with project.gesture(f"Remove {len(images)} images") as gesture:
        removed = catalogue.remove(project, gesture, images)
    yield session.changed("images")
    return {"removed": removed}


@job("Rename a class")
def rename_class(session: Session, *, name: str, to: str, merge: bool = False) -> Work:
    """Renames a class; where `to` is taken, merges the two if asked, and refuses otherwise."""
    project = session.require()
    to = to.strip()
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
def merge_classes(session: Session, *, name: str, into: str) -> Work:
    """Moves all pictures of `name` into `into`, and learns both anew where they were learnt."""
    project = session.require()
    number = catalogue.class_named(project, name)["id"]
    catalogue.class_named(project, into)
    ids = [row["id"] for row in project.db["image"].rows_where("class_id = ?", [number])]
    with project.gesture(f"Merge {name} into {into}", all_or_nothing=True) as gesture:
        catalogue.move(project, gesture, ids, into)
        catalogue.remove_class(project, gesture, name)
        yield from study.follow_up(session, gesture, f"Merge {name} into {into}")
    yield session.changed("classes")
    return {"name": into, "moved": len(ids)}


@job("Remove a class")
def remove_class(session: Session, *, name: str) -> Work:
    """Takes a class out of the project and of what was learnt, exactly; files stay in place."""
    project = session.require()
    with project.gesture(f"Remove {name}", all_or_nothing=True) as gesture:
        catalogue.remove_class(project, gesture, name)
        yield from study.follow_up(session, gesture, f"Remove {name}")
    yield session.changed("classes")
    return {"name": name}


@job("Settle a conflict")
def settle_conflict(session: Session, *, sha256: str, keep: str) -> Work:
    """Keeps a picture that lies in several classes in the class `keep` alone ("" for none)."""
    project = session.require()
    rows = [c for c in catalogue.conflicts(project) if c["sha256"] == sha256]
    if not rows or (keep and keep not in rows[0]["classes"]):
        raise Refused("That conflict is settled already, or lies in other classes.")
    gone = [image["id"] for image in rows[0]["images"] if image["class"] != keep]
    with project.gesture("Settle a conflict") as gesture:
        catalogue.remove(project, gesture, gone)
    yield session.changed("images")
    return {"removed": len(gone)}


@job("Look at images", reads=True)
def images(
    session: Session, *, class_name: str = "", split: str = "", offset: int = 0, limit: int = 200
) -> Work:
    """A page of a class's pictures (all classes where empty), and how many there are."""
    yield Progress(0, None, "Reading")
    return catalogue.page_of_images(session.require(), class_name, split, offset, limit)


@job("Look at conflicts", reads=True)
def conflicts(session: Session) -> Work:
    yield Progress(0, None, "Reading")
    return {"conflicts": catalogue.conflicts(session.require())}


@job("Look for near duplicates", reads=True)
def near_duplicates(session: Session, *, limit: int = 200) -> Work:
    """Groups of pictures that look almost the same; those on both sides of the split first."""
    yield Progress(0, None, "Comparing")
    project = session.require()
    rows = list(
        project.db.query(
            "SELECT id, phash, split FROM image "
            "WHERE length(phash) = 16 AND phash NOT GLOB '*[^0-9a-f]*' ORDER BY id"
        )
    )
    groups = duplicates.groups([row["phash"] for row in rows])
    crossing = sorted(groups, key=lambda g: (len({rows[i]["split"] for i in g}) < 2, -len(g)))
    shown = [
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
def skipped(session: Session) -> Work:
    yield Progress(0, None, "Reading")
    rows = session.require().db["skipped"].rows_where(order_by="id")
    return {
        "skipped": [
            {"path": catalogue.shown(row["path"]), "reason": row["reason"], "when": row["made"]}
            for row in rows
        ]
    }
