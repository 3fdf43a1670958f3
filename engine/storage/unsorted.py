"""The heap: images that the project holds without a class, until a person names them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from engine.errors import Refused
from engine.results.heap import UnsortedRow
from engine.storage import bursts, catalogue
from engine.storage.catalogue import NewImage
from engine.storage.gestures import now
from engine.storage.project import Project
from engine.storage.sides import among

DRAWN, MOST_DRAWN = 0.05, 100
"""The share of images that are asked about at random, and how many at most in a project."""
TYPED, ACCEPTED, BULK, HELD = "typed", "accepted", "bulk", "held"
"""How an image got its class: a person named it, took what was suggested for it, or took what was
suggested for all of which the program was sure, without looking at each; or a camera saw it first
while a person held the button, and was asked unseen. What was held never waited to be sorted."""
AT_ONCE = 500
COLUMNS = (
    "id, sha256, path, copied, width, height, note, pack, thumb_at, thumb_length, aside, drawn, "
    "taken, burst"
)
MOVED = (
    "sha256, path, copied, width, height, bytes, phash, note, pack, thumb_at, thumb_length, "
    "taken, camera, latitude, longitude, burst"
)
"""What an image takes along into its class."""


@dataclass(frozen=True)
class Naming:
    """An image of the heap that gets a class: how, and what was suggested for it at that time."""

    image: int
    how: str
    suggested: int | None = None
    share: float | None = None


def add(
    project: Project, gesture: int, arrivals: Sequence[NewImage], copy: bool
) -> tuple[list[NewImage], list[NewImage]]:
    """Stores checked images without a class; returns those that are new, and those left out since
    they lie in a class already."""
    in_classes = {row["sha256"] for row in among(project.db, arrivals, "sha256")}
    waiting = {row["sha256"] for row in by_hash(project, [a.image.sha256 for a in arrivals])}
    fresh: dict[str, NewImage] = {}
    for arrival in arrivals:
        if arrival.image.sha256 not in in_classes | waiting:
            fresh.setdefault(arrival.image.sha256, arrival)
    left_out = [a for a in arrivals if a.image.sha256 in in_classes]
    if not fresh:
        return [], left_out
    pack = project.blobs.put(b"".join(a.image.thumb for a in fresh.values()))
    copied = {h for h, a in fresh.items() if (copy or a.frame) and catalogue.copied_in(project, a)}
    lengths = [len(a.image.thumb) for a in fresh.values()]
    with project.transaction(gesture) as db:
        db.table("unsorted").insert_all(
            {
                **catalogue.plain_facts(arrival),
                "copied": int(arrival.image.sha256 in copied),
                "pack": pack,
                "thumb_at": end - length,
                "thumb_length": length,
            }
            for arrival, length, end in zip(
                fresh.values(), lengths, accumulate(lengths), strict=True
            )
        )
    return list(fresh.values()), left_out


def draw(project: Project, gesture: int, hashes: Iterable[str]) -> None:
    """Draws, among images that just came, those that will be asked about at random, until a share
    of them is drawn.

    They are those with the smallest hashes, so that nothing a person or the program chooses later
    has a part in it. All that was taken together is drawn together.
    """
    drawn = {h for (h,) in project.db.execute("SELECT sha256 FROM unsorted WHERE drawn")}
    before = project.db.execute(
        "SELECT (SELECT COUNT(*) FROM unsorted WHERE drawn) + "
        "(SELECT COUNT(*) FROM named WHERE at_random)"
    ).fetchone()[0]
    found = sorted(hashes)
    wanted = round(DRAWN * len(found)) - len(drawn.intersection(found))
    free = [sha256 for sha256 in found if sha256 not in drawn]
    chosen = free[: max(0, min(wanted, MOST_DRAWN - before))]
    with project.transaction(gesture) as db:
        for sha256 in chosen:
            db.execute("UPDATE unsorted SET drawn = 1 WHERE sha256 = ?", [sha256])
        db.execute(
            "UPDATE unsorted SET drawn = 1 WHERE NOT drawn AND burst <> '' "
            "AND burst IN (SELECT burst FROM unsorted WHERE drawn)"
        )


def draw_anew(project: Project, gesture: int) -> None:
    """Draws among all that wait, as if they had just come: the bursts are others."""
    with project.transaction(gesture) as db:
        db.execute("UPDATE unsorted SET drawn = 0 WHERE drawn")
    draw(project, gesture, [row["sha256"] for row in rows(project)])


def rows(project: Project, aside: bool = False) -> list[dict[str, Any]]:
    """All images that wait, or those that were set aside, in the order in which they came."""
    question = f"SELECT {COLUMNS} FROM unsorted WHERE aside = ? ORDER BY id"
    return list(project.db.query(question, [int(aside)]))


def by_hash(project: Project, hashes: Sequence[str]) -> list[dict[str, Any]]:
    return chosen_rows(project, "sha256", hashes)


def by_id(project: Project, ids: Sequence[int]) -> list[dict[str, Any]]:
    """The rows of images in the order of `ids`, those that are gone left out."""
    found = {row["id"]: row for row in chosen_rows(project, "id", ids)}
    return [found[number] for number in dict.fromkeys(ids) if number in found]


def chosen_rows(
    project: Project, column: str, values: Sequence[int] | Sequence[str]
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for start in range(0, len(values), AT_ONCE):
        part = list(values[start : start + AT_ONCE])
        marks = ",".join("?" * len(part))
        question = f"SELECT {COLUMNS} FROM unsorted WHERE {column} IN ({marks})"
        found += project.db.query(question, part)
    return found


def at_paths(project: Project, paths: Sequence[Any]) -> list[int]:
    """The numbers of the images that were added from these files. Raises Refused where one does
    not wait."""
    if not paths:
        return []
    known = {row["path"]: row["id"] for row in project.db.query("SELECT id, path FROM unsorted")}
    stored = [catalogue.stored(path) for path in paths]
    lost = [catalogue.displayable(path) for path in stored if path not in known]
    if lost:
        others = f" and {len(lost) - 1} more" if lost[1:] else ""
        raise Refused(
            f"“{lost[0]}”{others} does not wait for a class here, so nothing was changed. Add it "
            "first, or name the file as it was added."
        )
    return [known[path] for path in stored]


def with_bursts(project: Project, ids: Sequence[int]) -> list[int]:
    """Images with all that wait and were taken together with them."""
    names = sorted({row["burst"] for row in by_id(project, ids) if row["burst"]})
    others = [r["id"] for r in chosen_rows(project, "burst", names) if not r["aside"]]
    return list(dict.fromkeys([*ids, *others]))


def view_of(project: Project, row: dict[str, Any]) -> UnsortedRow:
    """An image as the window shows it, which reads the thumbnail from its pack."""
    shown, path = project.blobs.shown, os.fsdecode(row["path"])
    file = shown(row["sha256"]) if row["copied"] else path
    return {
        "id": row["id"],
        "path": catalogue.displayable(row["path"]),
        "file": file,
        "width": row["width"],
        "height": row["height"],
        "note": row["note"],
        "taken": row["taken"],
        "thumb": catalogue.thumb_of(project, row, file),
    }


# Verbs. Each is called inside a gesture.


def put_in_class(
    project: Project, gesture: int, namings: Sequence[Naming], to: str
) -> tuple[int, dict[str, str]]:
    """Moves images from the heap into the class `to`, made where missing; returns its number, and
    the side of the split of each image by its hash.

    One that was drawn, and that a person named, is held out to judge by, if the class has others
    to learn from; the rest is learnt.
    """
    how = {naming.image: naming for naming in namings}
    waiting, sides = by_id(project, list(how)), dict[str, str]()
    with project.transaction(gesture) as db:
        number = catalogue.wanted_class(project, to)
        has_some = db.execute(
            "SELECT 1 FROM image WHERE class_id = ? AND split = 'train' LIMIT 1", [number]
        ).fetchone()
        for row in sorted(waiting, key=lambda row: row["drawn"]):
            naming = how[row["id"]]
            at_random = bool(row["drawn"] and naming.how == TYPED)
            side = "validation" if at_random and has_some else "train"
            split = bursts.side_of(project, row["burst"]) or side
            db.execute(
                f"INSERT INTO image (class_id, split, {MOVED}) SELECT ?, ?, {MOVED} "
                "FROM unsorted WHERE id = ?",
                [number, split, row["id"]],
            )
            db.execute("DELETE FROM unsorted WHERE id = ?", [row["id"]])
            note(project, row["sha256"], number, naming, at_random, gesture)
            sides[row["sha256"]] = split
            has_some = has_some or split == "train"
    return number, sides


@dataclass(frozen=True)
class Record:
    """How images of the heap were named so far, counted."""

    typed: int
    accepted: int
    bulk: int
    doubtful: float
    """How many of those that were taken without looking are expected to be wrong."""
    acts: int
    """Gestures in which a person looked at what they named."""
    at_random: int
    """Images that were asked about at random and typed."""
    judged: int
    """Those of them that are held out to judge by."""
    recent: int
    """The last suggestions that a person looked at, RECENT at most, and how many were right."""
    recent_right: int
    off: float
    off_at_most: float
    """How many times as many suggestions were wrong as they said, of those that were sure and that
    a person looked at, 1 at least; and that with as much added as chance may hide."""


RECENT = 50
SURE, FEW = 0.8, 3
"""From this probability on suggestions that a person looked at say how far the rest can be
believed; and so many of them count as having been right as often as they said."""


def asked_and_named(project: Project) -> list[bool]:
    """Of the images that a person named after a suggestion was made, and of the first of each time
    that a camera's button was held, in their order, whether the program was right: each was asked
    before it was learnt. Those that were taken without a look say nothing."""
    rows = project.db.execute(
        "SELECT suggested = class_id FROM named WHERE suggested IS NOT NULL AND how <> ? "
        "ORDER BY id",
        [BULK],
    )
    return [bool(right) for (right,) in rows]


def record(project: Project) -> Record:
    """How the project's images were named so far, from what was noted of each (see Record)."""
    counted = project.db.execute(
        "SELECT how, COUNT(*), SUM(at_random), TOTAL(1 - share), COUNT(DISTINCT act) FROM named "
        "WHERE how <> ? GROUP BY how",  # an act names in one way
        [HELD],
    ).fetchall()
    ways: dict[str, int] = {how: count for how, count, *_ in counted}
    recent = project.db.execute(
        "SELECT suggested = class_id FROM named WHERE suggested IS NOT NULL AND how NOT IN (?, ?) "
        f"ORDER BY id DESC LIMIT {RECENT}",
        [BULK, HELD],
    ).fetchall()
    wrong, expected = project.db.execute(
        "SELECT TOTAL(suggested <> class_id), TOTAL(1 - share) FROM named "
        "WHERE suggested IS NOT NULL AND how NOT IN (?, ?) AND share >= ?",
        [BULK, HELD, SURE],
    ).fetchone()
    counts = (wrong, wrong + (wrong + 1) ** 0.5)
    off, most = (max(1.0, (count + FEW) / (expected + FEW)) for count in counts)
    return Record(
        typed=ways.get(TYPED, 0),
        accepted=ways.get(ACCEPTED, 0),
        bulk=ways.get(BULK, 0),
        doubtful=off * sum((doubt for how, _, _, doubt, _ in counted if how == BULK), 0.0),
        acts=sum(acts for how, *_, acts in counted if how != BULK),
        at_random=sum(drawn for _, _, drawn, *_ in counted),
        judged=judged_by(project),
        recent=len(recent),
        recent_right=sum(right for (right,) in recent),
        off=off,
        off_at_most=most,
    )


def judged_by(project: Project) -> int:
    """How many held-out images were asked about at random, and typed by a person."""
    found = project.db.execute(
        "SELECT COUNT(*) FROM named JOIN image USING (sha256, class_id) "
        "WHERE at_random AND how = ? AND split = 'validation'",
        [TYPED],
    )
    return int(found.fetchone()[0])


def note(
    project: Project, sha256: str, number: int, naming: Naming, at_random: bool, gesture: int
) -> None:
    """Keeps how an image came to its class; what was known of it before gives way."""
    # As statements: the library would ask for the table's columns each time.
    project.db.execute("DELETE FROM named WHERE sha256 = ?", [sha256])
    project.db.execute(
        "INSERT INTO named (sha256, class_id, how, suggested, share, at_random, act, made) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            sha256,
            number,
            naming.how,
            naming.suggested,
            naming.share,
            int(at_random),
            gesture,
            now(),
        ],
    )


def set_aside(project: Project, gesture: int, ids: Sequence[int], aside: bool) -> int:
    """Sets images aside, or takes them back among those that wait; returns how many changed."""
    changed = [row["id"] for row in by_id(project, ids) if bool(row["aside"]) != aside]
    with project.transaction(gesture) as db:
        for number in changed:
            db.table("unsorted").update(number, {"aside": int(aside)})
    return len(changed)


def remove(project: Project, gesture: int, ids: Sequence[int]) -> int:
    """Takes images out of the project; the files stay where they lie."""
    found = by_id(project, ids)
    with project.transaction(gesture) as db:
        for row in found:
            db.table("unsorted").delete(row["id"])
    return len(found)
