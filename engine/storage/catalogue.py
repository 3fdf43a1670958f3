"""The classes and images of a project: what the verbs of the Images page read and change."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from engine.errors import Refused, UnusableImage
from engine.images.decode import CheckedImage, Opener, open_many
from engine.images.folders import class_name
from engine.images.preprocess import Preprocessing
from engine.images.splits import Sides
from engine.results.images import ImageRow
from engine.storage.gestures import now
from engine.storage.hashes import Hashes
from engine.storage.learnable import LEARNABLE, aged, less, newer
from engine.storage.project import Project
from engine.storage.recent import Recent, too_old
from engine.storage.schema import inserted
from engine.storage.sides import among, splits_for


@dataclass(frozen=True)
class NewImage:
    """A checked image on its way into a class; `split` is None where the hash decides. `frame` is
    the place in a film that it comes from: it is copied, for its file is gone afterwards."""

    class_name: str
    path: Path
    image: CheckedImage
    split: str | None = None
    frame: Path | None = None


def class_named(project: Project, name: str) -> dict[str, Any]:
    """The class `name`. Raises Refused with what there is."""
    rows = list(project.db["class"].rows_where("name = ?", [name]))
    if not rows:
        known = ", ".join(f"“{row['name']}”" for row in project.db["class"].rows_where(limit=8))
        raise Refused(f"There is no class “{name}”. The classes are: {known or 'none yet'}.")
    return dict(rows[0])


def class_id_for(project: Project, name: str) -> int:
    """The number of the class `name`, which is made where it is missing.

    New names are as those that folders give, so that files that name classes can hold them.
    """
    for known in dict.fromkeys((name, class_name(name))):
        for row in project.db["class"].rows_where("name = ?", [known]):
            return int(row["id"])
    return inserted(project.db, "class", {"name": class_name(name), "made": now()})


def wanted_class(project: Project, name: str) -> int:
    """As class_id_for; a class that was forgotten and is given new images is wanted again."""
    number = class_id_for(project, name)
    project.db.execute("UPDATE class SET set_aside = 0 WHERE id = ? AND set_aside", [number])
    return number


def class_names(project: Project) -> dict[int, str]:
    return {int(row["id"]): str(row["name"]) for row in project.db["class"].rows}


def groups(project: Project) -> dict[int, str]:
    """The group that each class is within; empty for none."""
    return {int(row["id"]): str(row["within"]) for row in project.db["class"].rows}


def put_within(project: Project, gesture: int, within: Mapping[str, str]) -> int:
    """Notes the groups of classes, by their names; returns how many that changed."""
    with project.transaction(gesture) as db:
        return sum(
            db.execute(
                "UPDATE class SET within = ? WHERE name = ? AND within <> ?", [group, name, group]
            ).rowcount
            for name, group in within.items()
        )


def add(
    project: Project,
    gesture: int,
    arrivals: Sequence[NewImage],
    copy: bool,
    sides: dict[int, Sides] | None = None,
) -> list[NewImage]:
    """Stores checked images in one transaction; returns those that were not there yet.

    The thumbnails go into one pack. The same image in the same class is kept once; one that was
    given a split before keeps it, so that no image is ever on both sides. `sides` holds, by class
    id, what is decided of the gesture's images; until its end one may change its side.
    """
    sides = {} if sides is None else sides
    fresh = new_to_their_class(project, arrivals)
    if not fresh:
        return []
    pack = project.blobs.put(b"".join(arrival.image.thumb for arrival in fresh))
    copied = {a.image.sha256 for a in fresh if (copy or a.frame) and copied_in(project, a)}
    with project.transaction(gesture) as db:
        numbers = {name: wanted_class(project, name) for name in {a.class_name: 0 for a in fresh}}
        splits, earlier = splits_for(db, fresh, numbers, sides)
        lengths = [len(arrival.image.thumb) for arrival in fresh]
        db.table("image").insert_all(
            {
                **plain_facts(arrival),
                "class_id": numbers[arrival.class_name],
                "copied": int(arrival.image.sha256 in copied),
                "split": splits[arrival.image.sha256],
                "pack": pack,
                "thumb_at": end - length,
                "thumb_length": length,
            }
            for arrival, length, end in zip(fresh, lengths, accumulate(lengths), strict=True)
        )
        for change in earlier:
            db.execute("UPDATE image SET split = ? WHERE sha256 = ?", change)
        for arrival in fresh:  # with a class it waits for none
            db.execute("DELETE FROM unsorted WHERE sha256 = ?", [arrival.image.sha256])
    return fresh


def plain_facts(arrival: NewImage) -> dict[str, Any]:
    """What is kept of an image whether it has a class or waits for one, by column."""
    image = arrival.image
    return {
        "sha256": image.sha256,
        "path": stored(arrival.frame or arrival.path),
        "width": image.width,
        "height": image.height,
        "bytes": image.bytes,
        "phash": image.phash,
        "note": image.note,
        "taken": image.taken.when,
        "camera": image.taken.camera,
        "latitude": image.taken.latitude,
        "longitude": image.taken.longitude,
    }


def copied_in(project: Project, arrival: NewImage) -> bool:
    """Copies an image's file into the project; False where it has changed since it was checked."""
    return project.blobs.put(arrival.path.read_bytes()) == arrival.image.sha256


def new_to_their_class(project: Project, arrivals: Sequence[NewImage]) -> list[NewImage]:
    """The arrivals less those whose class has the same image already, each once."""
    rows = among(project.db, arrivals, "class.name, sha256")
    there = {(row["name"], row["sha256"]) for row in rows}
    fresh = []
    for arrival in arrivals:
        key = (arrival.class_name, arrival.image.sha256)
        if key not in there:
            there.add(key)
            fresh.append(arrival)
    return fresh


def stored(path: Path) -> str | bytes:
    """A path as SQLite can keep it: text, or bytes where its name is no UTF-8."""
    raw = os.fsencode(path.absolute())
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


def displayable(path: str | bytes) -> str:
    """A stored path as a person reads it."""
    return path if isinstance(path, str) else path.decode(errors="replace")


def file_of(project: Project, row: Mapping[str, Any]) -> Path:
    """Where an image's bytes lie: in the project's own blobs, or where it was dropped from."""
    return project.blobs.path(row["sha256"]) if row["copied"] else Path(os.fsdecode(row["path"]))


def decoded(
    project: Project,
    hashes: Sequence[str],
    preprocessing: Preprocessing,
    opener: Opener | None = None,
) -> Generator[tuple[str, CheckedImage | None], None, None]:
    """Each image, read from its file in the given order, by `opener` where somebody else opens
    them; None where the file is gone, broken, or no longer the one that was added. To be closed, if
    it is left before its end."""
    files: dict[str, Path] = {}
    for start in range(0, len(hashes), 500):
        part = hashes[start : start + 500]
        marks = ",".join("?" * len(part))
        wanted = f"SELECT sha256, path, copied FROM {{}} WHERE sha256 IN ({marks})"
        both = f"{wanted.format('unsorted')} UNION ALL {wanted.format('image')}"
        for row in project.db.query(both, [*part, *part]):
            files[row["sha256"]] = file_of(project, row)
    paths = [files[h] for h in hashes]
    with closing(opener(paths) if opener else open_many(paths, preprocessing)) as opened:
        there = (one for one in opened if one is not None)
        for sha256, (_, found) in zip(hashes, there, strict=True):
            if isinstance(found, UnusableImage) or found.sha256 != sha256:
                yield sha256, None
            else:
                yield sha256, found


def add_skipped(project: Project, gesture: int, skipped: Iterable[tuple[Path, str]]) -> None:
    """Remembers what could not be used; each path once, with its newest reason."""
    with project.transaction(gesture) as db:
        for path, reason in skipped:
            db.table("skipped").delete_where("path = ?", [stored(path)])
            db.table("skipped").insert({"path": stored(path), "reason": reason, "made": now()})


def counts(project: Project) -> dict[int, Counter[str]]:
    """For each class, how many images are in each split."""
    found: dict[int, Counter[str]] = defaultdict(Counter)
    for number, split, images in project.db.execute("SELECT class_id, split, images FROM tally"):
        found[number][split] = images
    return found


@dataclass(frozen=True)
class Split:
    """Images to learn from and images held out: class ids to the sorted hashes of each class's."""

    train: Mapping[int, Sequence[str]]
    validation: Mapping[int, Sequence[str]]

    @property
    def hashes(self) -> list[str]:
        """All of them, those to learn from first."""
        parts = (self.train, self.validation)
        return [h for classes in parts for hashes in classes.values() for h in hashes]

    def without(self, lost: Collection[str]) -> Split:
        """The split less the images that are lost, and less classes that have none left."""
        if not lost:
            return self
        return Split(less(self.train, lost), less(self.validation, lost))


def to_learn(project: Project) -> Split:
    """The project's split, without images that lie in two classes, classes set aside, and images
    that are too old to be learnt (recent.py)."""
    recent = Recent.parse(project.facts["recent"])
    if not recent:
        return of_any_age(project)
    found = aged(project)
    old = too_old(recent, found["train"], found["validation"])
    return Split(*(newer(found[split], old) for split in ("train", "validation")))


def of_any_age(project: Project) -> Split:
    """As `to_learn`, whatever is too old."""
    found: dict[str, dict[int, bytearray]] = {"train": {}, "validation": {}}
    for split, number, sha256 in project.db.execute(LEARNABLE.format("")):
        found[split].setdefault(number, bytearray()).extend(bytes.fromhex(sha256))
    train, validation = (
        {number: Hashes(bytes(raw)) for number, raw in classes.items()}
        for classes in found.values()
    )
    return Split(train, validation)


def fingerprints(project: Project) -> dict[int, str]:
    """For each class, a short text that changes when its training images to learn change."""
    question = "SELECT {} FROM {} WHERE split = 'train' AND NOT set_aside"
    counted = question.format("class_id, images, ids, squares", "tally JOIN class ON id = class_id")
    few = question.format(
        "class_id, image.id",
        # In this order: what is shared is little, and the images are many.
        "shared CROSS JOIN image USING (sha256) JOIN class ON class.id = class_id",
    )
    sums = {number: parts for number, *parts in project.db.execute(counted)}
    for number, image in project.db.execute(few):
        n, a, b = sums[number]
        sums[number] = [n - 1, a - image, b - image * image % 1000003]
    return {number: f"{n}:{a}:{b}" for number, (n, a, b) in sums.items() if n}


# What the window asks for, page by page.

COLUMNS = (
    "image.id, class.name AS class, class_id, sha256, split, path, copied, width, height, note, "
    "pack, thumb_at, thumb_length"
)


def view_of(project: Project, row: Mapping[str, Any]) -> ImageRow:
    """An image as the window shows it, which reads the thumbnail from its pack."""
    file = str(file_of(project, row))
    return {
        "id": row["id"],
        "class": row["class"],
        "split": row["split"],
        "path": displayable(row["path"]),
        "file": file,
        "width": row["width"],
        "height": row["height"],
        "note": row["note"],
        "thumb": thumb_of(project, row, file),
    }


def thumb_of(project: Project, row: Mapping[str, Any], file: str) -> tuple[str, int, int]:
    """Where an image's thumbnail lies; all of the image's own file where it gave way to a cap."""
    pack = project.blobs.shown(row["pack"])
    if row["pack"] and os.path.exists(pack):
        return pack, row["thumb_at"], row["thumb_length"]
    return file, 0, 0


def images_by_id(project: Project, ids: Sequence[int]) -> list[dict[str, Any]]:
    """The rows of images, in the order of `ids`; those that are gone are left out."""
    found = {}
    for start in range(0, len(ids), 500):
        part = [int(i) for i in ids[start : start + 500]]
        for row in project.db.query(
            f"SELECT {COLUMNS} FROM image JOIN class ON class.id = class_id "
            f"WHERE image.id IN ({','.join('?' * len(part))})",
            part,
        ):
            found[row["id"]] = row
    return [found[int(i)] for i in ids if int(i) in found]


# Verbs. Each is called inside a gesture.


def move(project: Project, gesture: int, ids: Sequence[int], to: str) -> int:
    """Moves images to the class `to`, made where missing; returns how many moved."""
    moved = 0
    with project.transaction(gesture) as db:
        target = class_id_for(project, to)
        for row in images_by_id(project, ids):
            twin = db.execute(
                "SELECT id FROM image WHERE class_id = ? AND sha256 = ?", [target, row["sha256"]]
            ).fetchone()
            if row["class_id"] == target:
                continue
            if twin:
                db.table("image").delete(row["id"])
            else:
                db.table("image").update(row["id"], {"class_id": target})
            moved += 1
    return moved


def set_split(project: Project, gesture: int, ids: Sequence[int], split: str) -> int:
    """Puts images on a side of the split, in each class that has them; returns how many changed.

    Raises Refused, and changes nothing, where a class would have none left to learn from.
    """
    rows = [row for row in images_by_id(project, ids) if row["split"] != split]
    classes = sorted({row["class_id"] for row in rows})
    with project.transaction(gesture) as db:
        for row in rows:
            db.execute("UPDATE image SET split = ? WHERE sha256 = ?", [split, row["sha256"]])
        empty = db.execute(
            "SELECT name FROM class WHERE id IN (SELECT class_id FROM image GROUP BY class_id "
            f"HAVING SUM(split = 'train') = 0) AND id IN ({','.join('?' * len(classes))}) LIMIT 1",
            classes,
        ).fetchone()
        if empty and split != "train":
            raise Refused(f"“{empty[0]}” would have no image to learn from. Leave it at least one.")
    return len(rows)


def remove(project: Project, gesture: int, ids: Sequence[int]) -> int:
    """Takes images out of the project; the files stay where they lie."""
    rows = images_by_id(project, ids)
    with project.transaction(gesture) as db:
        for row in rows:
            db.table("image").delete(row["id"])
    return len(rows)


def remove_class(project: Project, gesture: int, name: str) -> None:
    """Takes a class and its images out of the project; the files stay where they lie."""
    number = class_named(project, name)["id"]
    with project.transaction(gesture) as db:
        db.table("image").delete_where("class_id = ?", [number])
        db.table("class").delete(number)


def rename(project: Project, gesture: int, name: str, to: str) -> None:
    number = class_named(project, name)["id"]
    with project.transaction(gesture) as db:
        db.table("class").update(number, {"name": to})
