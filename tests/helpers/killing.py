"""What a kill would leave behind: copies of a folder at each point of a write, and what they hold.

A process that is killed leaves the files as they are at that moment, so a copy of them says what
the next one finds, and one run of a verb gives all of them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from engine.session import Session
from engine.system import crash_points

TABLES = ("project", "class", "image", "step", "skipped", "unsorted", "named")
COMMITS = ("before commit", "after commit")

State = dict[str, Any]


@contextmanager
def copies_of(folder: Path, to: Path, *names: str) -> Iterator[list[Path]]:
    """The copies that are made in `to` each time a point of `names` is passed in the block."""
    made: list[Path] = []

    def copy(name: str) -> None:
        if name in names:
            made.append(copied(folder, to / f"{len(made)}" / folder.name))

    crash_points.watching.append(copy)
    try:
        yield made
    finally:
        crash_points.watching.remove(copy)


def copied(folder: Path, to: Path) -> Path:
    """A copy of a project or of a folder of files, without what dies with a process."""
    ignored = shutil.ignore_patterns("*-shm")
    return Path(shutil.copytree(folder, to, ignore=ignored, copy_function=copied_file))


def copied_file(source: str, to: str) -> str:
    """Blobs never change, so a second name does for them."""
    if "blobs" in Path(source).parts:
        os.link(source, to)
    else:
        shutil.copy2(source, to)
    return to


def state_of(path: Path) -> State:
    """All that a project says of itself when it is opened: tables, and what can be undone."""
    with closing(Session()) as session:
        project = session.open(path)
        found: State = {table: list(project.db[table].rows) for table in TABLES}
        found["undo"] = [g["title"] for g in project.gestures(undone=False)]
        found["redo"] = [g["title"] for g in project.gestures(undone=True)]
        assert project.db.execute("PRAGMA foreign_key_check").fetchone() is None
        assert not list(project.db["recording"].rows_where("gesture_id IS NOT NULL"))
        assert not (path / "runs" / "branch").exists()
        return found
