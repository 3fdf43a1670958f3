"""The steps of learning that a project keeps, with what each learnt and how it scored."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from engine.errors import UnusableProject
from engine.storage.gestures import now
from engine.storage.hashes import HASH_BYTES, Hashes
from engine.storage.project import Project
from engine.storage.schema import inserted

TEXTS = ("settings", "classes", "new_classes", "scores", "seconds", "versions")
"""The columns that hold JSON."""
read_once = lru_cache(4096)(json.loads)


@dataclass(frozen=True)
class StepMemory:
    """What a step keeps besides its row: the learner's memory, and from which images it came.

    `images` maps a class's number to the sorted hashes of the training images learnt.
    """

    memory: Mapping[str, np.ndarray]
    calibration: Mapping[str, np.ndarray]
    images: Mapping[int, Sequence[str]] = field(default_factory=dict)


def to_bytes(learnt: StepMemory) -> bytes:
    arrays = {f"memory/{name}": array for name, array in learnt.memory.items()}
    arrays |= {f"calibration/{name}": array for name, array in learnt.calibration.items()}
    for number, hashes in learnt.images.items():
        raw = hashes.raw if isinstance(hashes, Hashes) else Hashes.of(hashes).raw
        arrays[f"images/{number}"] = np.frombuffer(raw, np.uint8).reshape(-1, HASH_BYTES)
    return to_npz(arrays)


def from_bytes(content: bytes) -> StepMemory:
    memory: dict[str, np.ndarray] = {}
    calibration: dict[str, np.ndarray] = {}
    images = {}
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        for name in arrays.files:
            kind, rest = name.split("/", 1)
            if kind == "images":
                images[int(rest)] = Hashes(arrays[name].tobytes())
            else:
                (memory if kind == "memory" else calibration)[rest] = arrays[name]
    return StepMemory(memory, calibration, images)


def to_npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    named: dict[str, Any] = dict(arrays)
    np.savez(buffer, **named)
    return buffer.getvalue()


def current(project: Project) -> dict[str, Any] | None:
    """The row of the step in use, or None before anything was learnt."""
    number = project.facts["step"]
    return row_of(project, int(number)) if number is not None else None


def row_of(project: Project, number: int) -> dict[str, Any]:
    """A step's row with its texts read. Raises sqlite_utils' NotFoundError."""
    row = dict(project.db.table("step").get(number))
    return {**row, **{name: json.loads(row[name]) for name in TEXTS}}


def learnt(project: Project, row: Mapping[str, Any]) -> StepMemory | None:
    """What a step learnt; None where its blob is missing or damaged (it is learnt anew then), or
    where it was let go."""
    found = kept(project, row)
    return found if found is not None and found.memory else None


def kept(project: Project, row: Mapping[str, Any]) -> StepMemory | None:
    """As `learnt`, but without the learner's memory where that was let go (old_steps.py)."""
    content = project.blobs.get(row["memory"])
    return from_bytes(content) if content is not None else None


def bytes_of(project: Project, row: Mapping[str, Any]) -> int:
    """What a step's memory takes on the disk."""
    with suppress(OSError):
        return project.blobs.path(row["memory"]).stat().st_size
    return 0


def replace_memory(project: Project, row: Mapping[str, Any], to: StepMemory) -> None:
    """Keeps something else of what a step learnt, which no undo takes back; the old blob goes
    unless another step names it, or one that can be done again."""
    old, new = row["memory"], project.blobs.put(to_bytes(to))
    with project.transaction() as db:
        db.execute("UPDATE step SET memory = ? WHERE id = ?", [new, row["id"]])
    named = "SELECT 1 FROM step WHERE memory = :old UNION ALL SELECT 1 FROM journal "
    again = "WHERE statement LIKE 'INSERT INTO step%' AND instr(statement, :old)"
    if new != old and not project.db.execute(named + again, {"old": old}).fetchone():
        project.blobs.path(old).unlink(missing_ok=True)


def predictions(project: Project, row: Mapping[str, Any]) -> dict[str, np.ndarray] | None:
    """A step's answers on validation images: image ids, true and predicted class, confidence."""
    content = project.blobs.get(row["predictions"]) if row["predictions"] else None
    if content is None:
        return None
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def add(
    project: Project,
    gesture: int,
    facts: Mapping[str, Any],
    kept: StepMemory,
    answers: Mapping[str, np.ndarray] | None,
) -> int:
    """Stores a step and makes it the one in use, in one transaction; returns its number.

    `facts` holds the step's columns, plain values; the blobs are written first.
    """
    memory = project.blobs.put(to_bytes(kept))
    predicted = project.blobs.put(to_npz(answers)) if answers is not None else ""
    texts = {
        key: json.dumps(value, sort_keys=True) if isinstance(value, dict | list) else value
        for key, value in facts.items()
    }
    with project.transaction(gesture) as db:
        row = {**texts, "made": now(), "memory": memory, "predictions": predicted}
        number = inserted(db, "step", row)
        project.set_facts(step=number, learner=facts["learner"], settings=facts["settings"])
    return number


def line(project: Project) -> list[dict[str, Any]]:
    """The steps that led to the one in use, oldest first."""
    rows, number = [], project.facts["step"]
    while number is not None:
        row = row_of(project, int(number))
        rows.append(row)
        if row["parent"] is not None and row["parent"] >= number:
            raise UnusableProject(
                f"The project is damaged: step {number} comes before itself. Open a copy of it "
                "from a backup."
            )
        number = row["parent"]
    return rows[::-1]


def all_rows(project: Project) -> list[dict[str, Any]]:
    """Every step that the project keeps, oldest first; only to be read.

    A snapshot is made of them after each act, so a text that did not change is not read again.
    """
    rows = project.db.query("SELECT * FROM step ORDER BY id")
    return [{**row, **{name: read_once(row[name]) for name in TEXTS}} for row in rows]
