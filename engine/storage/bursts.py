"""Bursts in a project: which images are of one, and that all of one lie on one side of the split.

Otherwise nearly the same image would be learnt and then judged by. What lay in the project before
keeps its side.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from engine.images.bursts import Shot, together
from engine.images.splits import ENOUGH, MOST, split_of
from engine.storage.project import Project

TABLES = ("image", "unsorted")


def note(project: Project, gesture: int, fresh: Collection[str], gap: float | None = None) -> None:
    """Gives images that came, and those they were taken with, the name of their burst, which ends
    where `gap` seconds pass; those that the project keeps where nothing is said."""
    gap = float(project.facts["burst_gap"]) if gap is None else gap
    parts = [
        f"SELECT sha256, path, camera, taken, burst FROM {t} WHERE taken <> ''" for t in TABLES
    ]
    rows = {row["sha256"]: row for row in project.db.query(" UNION ALL ".join(parts))}
    if not any(sha256 in rows for sha256 in fresh):
        return
    listed, came = list(rows.values()), set(fresh)
    shots = [Shot(folder_of(row["path"]), row["camera"], row["taken"]) for row in listed]
    with project.transaction(gesture) as db:
        for places in together(shots, gap):
            hashes = [listed[place]["sha256"] for place in places]
            if came.isdisjoint(hashes):
                continue
            known = [listed[place]["burst"] for place in places if listed[place]["burst"]]
            name = known[0] if known else min(hashes)
            for place in places:
                if not listed[place]["burst"]:
                    for table in TABLES:
                        statement = f"UPDATE {table} SET burst = ? WHERE sha256 = ?"
                        db.execute(statement, [name, listed[place]["sha256"]])


def regroup(project: Project, gesture: int, gap: float) -> None:
    """Finds the bursts of the heap anew, by a gap that the project keeps. What lies in classes
    keeps its burst and its side."""
    with project.transaction(gesture) as db:
        project.set_facts(burst_gap=gap)
        db.execute("UPDATE unsorted SET burst = '' WHERE burst <> ''")
    waiting = [sha256 for (sha256,) in project.db.execute("SELECT sha256 FROM unsorted")]
    note(project, gesture, waiting, gap)


def folder_of(path: str | bytes) -> str:
    return os.path.dirname(os.fsdecode(path))


def keep_whole(project: Project, gesture: int, free: Collection[str]) -> None:
    """Puts each burst on one side, as far as its images are `free`: their side is not given.

    It is the side of the burst's older images, else what the smallest hash says; of no class more
    than the share MOST is held out, and one burst at least where that is possible.
    """
    came = set(free)
    bursts = bursts_among(project, came)
    if not bursts:
        return
    sides: dict[str, str] = {}
    movable: set[str] = set()
    for name, rows in bursts.items():
        older = [row["split"] for row in rows if row["sha256"] not in came]
        sides[name] = older[0] if older else split_of(min(row["sha256"] for row in rows))
        if not older:
            movable.add(name)
    for number in sorted({row["class_id"] for rows in bursts.values() for row in rows}):
        balance(project, number, bursts, sides, movable)
    with project.transaction(gesture) as db:
        for name, rows in bursts.items():
            for row in rows:
                if row["sha256"] in came and row["split"] != sides[name]:
                    statement = "UPDATE image SET split = ? WHERE sha256 = ?"
                    db.execute(statement, [sides[name], row["sha256"]])


def untested(project: Project, names: Collection[str]) -> list[str]:
    """Those of some classes of which nothing is held out, since all their images are one burst."""
    rows = project.db.execute(
        "SELECT class.name FROM image JOIN class ON class.id = class_id WHERE split <> 'test' "
        "GROUP BY class_id HAVING count(*) >= ? AND count(DISTINCT burst) = 1 "
        "AND min(burst) <> '' AND NOT sum(split = 'validation') ORDER BY class.name",
        [ENOUGH],
    )
    return [name for (name,) in rows if name in names]


def balance(
    project: Project,
    number: int,
    bursts: dict[str, list[dict[str, Any]]],
    sides: dict[str, str],
    movable: Iterable[str],
) -> None:
    """Moves whole bursts of a class until neither too much of it is held out nor nothing."""
    own = {name: len([r for r in rows if r["class_id"] == number]) for name, rows in bursts.items()}
    inside = [name for name in sorted(movable) if own[name]]
    rows = project.db.query(
        "SELECT burst, split FROM image WHERE class_id = ? AND split <> 'test'", [number]
    )
    after = [sides.get(row["burst"], row["split"]) for row in rows]
    total, held = len(after), after.count("validation")
    for name in reversed(inside):
        if held > MOST * total and sides[name] == "validation":
            sides[name], held = "train", held - own[name]
    for name in inside:
        if not held and total >= ENOUGH and own[name] <= MOST * total:
            sides[name], held = "validation", own[name]


def bursts_among(project: Project, hashes: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """The images, by burst, of all bursts that these have a part in."""
    wanted = set(hashes)
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in project.db.query(
        "SELECT burst, sha256, split, class_id FROM image WHERE burst <> '' ORDER BY id"
    ):
        found[row["burst"]].append(row)
    return {
        name: rows for name, rows in found.items() if any(row["sha256"] in wanted for row in rows)
    }


def side_of(project: Project, burst: str) -> str | None:
    """The side on which images of a burst lie; None before one does."""
    row = project.db.execute(
        "SELECT split FROM image WHERE burst = ? AND burst <> '' ORDER BY id LIMIT 1", [burst]
    ).fetchone()
    return str(row[0]) if row else None
