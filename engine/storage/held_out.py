"""A part of each class is held out afterwards: of a heap that was sorted in groups nothing is."""

from __future__ import annotations

from engine.storage import bursts
from engine.storage.project import Project
from engine.storage.sides import sides_in


def hold_out(project: Project, gesture: int) -> int:
    """Holds about a fifth of each class out, beside what is held out already; returns how many
    images changed their side.

    They are those that would have been held out if all had come in class folders: what hashes say
    of single images (splits.Sides), and of each burst as a whole. An image that lies in two classes
    stays where it is.
    """
    rows = list(
        project.db.query(
            "SELECT sha256, class_id, burst FROM image WHERE split = 'train' AND sha256 NOT IN "
            "(SELECT sha256 FROM image GROUP BY sha256 HAVING COUNT(*) > 1) ORDER BY id"
        )
    )
    before = learnt_from(project)
    with project.transaction(gesture) as db:
        for number in sorted({row["class_id"] for row in rows}):
            own = [row for row in rows if row["class_id"] == number]
            sides = sides_in(db, number)
            sides.others -= len(own)  # they are free again, and all others there already
            for sha256, split in sides.add(r["sha256"] for r in own if not r["burst"]).items():
                if split == "validation":
                    db.execute("UPDATE image SET split = ? WHERE sha256 = ?", [split, sha256])
    bursts.keep_whole(project, gesture, [row["sha256"] for row in rows if row["burst"]])
    return before - learnt_from(project)


def learnt_from(project: Project) -> int:
    found = project.db.execute("SELECT COUNT(*) FROM image WHERE split = 'train'")
    return int(found.fetchone()[0])
