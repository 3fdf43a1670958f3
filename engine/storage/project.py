"""A project on disk: making, opening and closing it, its facts and its blobs."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock
from sqlite_utils import Database

from engine.errors import EspalierError, Refused, UnusableProject
from engine.storage import checked
from engine.storage.blobs import Blobs
from engine.storage.gestures import Gestures, now
from engine.storage.opening import (
    check_files,
    check_header,
    check_version,
    connect,
    locked,
    may_write,
    migrate,
    release,
    to_read,
    to_read_only,
)
from engine.storage.schema import APPLICATION_ID
from engine.storage.trusted import damaged, is_damage
from engine.system.crash_points import point
from engine.system.files import is_full, sync_folder
from engine.system.replacing import hidden_folder, sweep

log = logging.getLogger(__name__)

SUFFIX = ".espalier"
PROTECTED = (
    "“{name}” can only be read, not changed: the folder is write-protected. "
    "Copy it to a place where you may write, and open the copy."
)
FULL = (
    "“{name}” can only be read, not changed: its disk is full. "
    "Free some space and do it again. Nothing of the project is lost."
)
NO_ROOM = (
    "“{name}” can't be opened now, because there is no room on the disk to read it. It is not "
    "damaged. Free some space and open it again."
)
READING = "“{name}” is only read here."
ADDED = {"data_licence": "", "features": "pooled", "feature_cap": 0, "recent": ""}
"""Facts that an older project lacks while it is only read."""


class Project(Gestures):
    """An open project. One process writes at a time; others only read."""

    def __init__(
        self,
        path: Path,
        db: Database,
        lock: FileLock | None,
        only_read: str = "",
        address: str = "",
    ) -> None:
        super().__init__(path, db, only_read)
        self.blobs = Blobs(path / "blobs")
        self.taken_back: list[str] = []
        """Gestures that a kill had left unfinished, and that opening took back."""
        self.checked, self.swept = 0.0, False
        """When all of its tables were checked, and whether blobs without a name were removed then.
        """
        self._address = address or f"{(path / 'project.db').absolute().as_uri()}?mode=ro"
        self._lock = lock

    @property
    def read_only(self) -> bool:
        return bool(self.only_read)

    @property
    def no_room(self) -> bool:
        """Whether it can only be read because its disk is full."""
        return self.only_read == FULL.format(name=self.path.name)

    @classmethod
    def create(cls, path: Path, content: bytes = b"", **facts: Any) -> Project:
        """Makes a new project folder. `facts` are the columns of the table `project`; `content` is
        the file of weights that it keeps, if it has its own.

        It is made aside and moved to its place, so that a kill leaves nothing there. Raises Refused
        where the folder is there already or can't be written.
        """
        if path.suffix != SUFFIX:
            path = path.with_name(path.name + SUFFIX)
        if path.exists() and any(path.iterdir() if path.is_dir() else [path]):
            raise Refused(f"“{path.name}” already exists. Choose another name, or open it.")
        place = path.resolve()
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            sweep(place.parent)
            with hidden_folder(place.parent) as hidden:
                made = hidden / place.name
                make_at(made, content, {"name": path.stem, **facts})
                if os.name == "nt" and place.exists():
                    place.rmdir()  # there a folder is not renamed to one that is empty
                os.rename(made, place)
                sync_folder(place.parent)
        except (OSError, sqlite3.OperationalError) as error:
            raise Refused(cant_make(path, error, is_full(error, place.parent))) from error
        point("project made")
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> Project:
        """Opens a project. Raises UnusableProject with a sentence; nothing is changed then.

        What a kill left of a gesture that is whole or not at all is taken back. Where nothing can
        be written, the project can only be read.
        """
        file = path / "project.db"
        if not file.is_file():
            raise UnusableProject(
                f"“{path}” is no Espalier project. Choose a folder ending in {SUFFIX}."
            )
        check_files(path)
        check_header(file)
        if not may_write(path):
            return cls.opened_to_read(path, PROTECTED, None)
        try:
            project = cls.opened(path)
        except (sqlite3.OperationalError, OSError) as error:
            if not is_full(error, path):
                raise
            return cls.opened_to_read(path, FULL, locked(path))
        if not project.swept:
            with project.readable():
                project.sweep()
        return project

    @classmethod
    def opened(cls, path: Path) -> Project:
        """A project that can be written. Raises sqlite3.OperationalError or OSError where there is
        no room for that, and UnusableProject."""
        file, lock, db = path / "project.db", locked(path), None
        try:
            known = checked.when_checked(file)
            begun = time.time()
            db = connect(file)
            check_version(file, db, whole=not known)
            migrate(db, path)
        except BaseException as error:
            if db is not None:
                db.conn.close()
            release(lock)
            told = isinstance(error, sqlite3.DatabaseError | UnicodeDecodeError)
            if told and not is_full(error, path):
                raise UnusableProject(damaged(file, error)) from error
            raise
        project = cls(path, db, lock)
        project.checked, project.swept = known or begun, bool(known)
        with project.readable():
            project.taken_back = project.take_back_unfinished()
        return project

    @classmethod
    def opened_to_read(cls, path: Path, why: str, lock: FileLock | None) -> Project:
        """A project that can't be written, as it was before what a kill left unfinished.

        With a lock nobody else writes meanwhile.
        """
        file, only_read = path / "project.db", why.format(name=path.name)
        try:
            db, address = to_read_only(file, alone=lock is not None)
        except BaseException as error:
            release(lock)
            if is_full(error, path):
                raise UnusableProject(NO_ROOM.format(name=path.name)) from error
            if isinstance(error, sqlite3.DatabaseError | UnicodeDecodeError):
                raise UnusableProject(damaged(file, error)) from error
            raise
        project = cls(path, db, lock, only_read, address)
        with project.readable():
            project.taken_back = project.take_back_unfinished()
        db.execute("PRAGMA query_only=ON")
        return project

    def beside(self) -> Project:
        """A second, reading connection to this project, for another thread."""
        why = self.only_read or READING.format(name=self.path.name)
        other = Project(self.path, to_read(self._address), None, why, self._address)
        other.torn = self.torn
        return other

    @contextmanager
    def readable(self) -> Iterator[None]:
        """Around the first reading: a file from elsewhere, or one that another program wrote into,
        can hold anything. Raises UnusableProject then, and closes the project."""
        try:
            yield
        except (EspalierError, OSError, MemoryError):
            self.close()
            raise
        except Exception as error:
            self.close()
            refused = isinstance(error, sqlite3.OperationalError) and not is_damage(error)
            if refused and "no such" not in str(error):
                raise
            log.exception("%s can't be read", self.path)
            raise UnusableProject(damaged(self.path / "project.db", "its facts")) from error

    def close(self) -> None:
        self.db.conn.close()
        if self.checked:
            checked.note(self.path / "project.db", self.checked)
            self.checked = 0.0
        release(self._lock)

    # Facts: the one row of the table `project`.

    @property
    def facts(self) -> dict[str, Any]:
        # As a statement: the library would ask for the table's columns each time.
        (found,) = self.db.query("SELECT * FROM project WHERE id = 1")
        row = {**ADDED, **found}
        row["settings"] = json.loads(row["settings"])
        if not isinstance(row["settings"], dict):
            raise UnusableProject(damaged(self.path / "project.db", "its settings"))
        return row

    def set_facts(self, **facts: Any) -> None:
        if "settings" in facts:
            facts["settings"] = json.dumps(facts["settings"])
        self.db.table("project").update(1, facts)

    # Blobs.

    def sweep(self) -> None:
        """Removes blobs that nothing names any more, the journal of undo included."""
        columns = {
            "image": ("pack", "sha256"),
            "unsorted": ("pack", "sha256"),
            "feature": ("pack",),
            "step": ("memory", "predictions"),
            "kept": ("blob",),
            "run": ("weights",),
            "map": ("blob",),
        }
        known = {
            str(row["name"])
            for table, names in columns.items()
            for name in names
            for row in self.db.query(
                # Not DISTINCT: an index would be read in its order, and for each row the table.
                f"SELECT {name} AS name FROM {table} WHERE copied"
                if name == "sha256"
                else f"SELECT DISTINCT {name} AS name FROM {table}"
            )
        }
        known.add(str(self.facts["weights"]))
        loose = {name for name in self.blobs.names() if name not in known}
        if loose:
            for row in self.db.query(
                "SELECT statement FROM journal WHERE statement NOT LIKE 'DELETE%'"
            ):
                loose -= {name for name in loose if name in row["statement"]}
        self.blobs.sweep(set(self.blobs.names()) - loose)


def make_at(folder: Path, content: bytes, facts: Mapping[str, Any]) -> None:
    """Makes all that a new project holds in a folder that is not there yet, and closes it."""
    blobs = folder / "blobs"
    blobs.mkdir(parents=True)
    weights = {"weights": Blobs(blobs).put(content)} if content else {}
    db = connect(folder / "project.db")
    try:
        db.execute(f"PRAGMA application_id={APPLICATION_ID}")
        migrate(db, None)
        with db.atomic():
            db.table("project").insert({"id": 1, "made": now(), **facts, **weights})
    finally:
        db.conn.close()
    sync_folder(blobs)
    sync_folder(folder)


def cant_make(path: Path, error: Exception, full: bool) -> str:
    """Why a project can't be made; nothing is left of it then."""
    why = "the disk is full" if full else getattr(error, "strerror", None) or str(error)
    do = "Free some space, or choose another place." if full else "Choose another place."
    return f"A project can't be made in “{path.parent}”: {why}. {do}"


def settings_text(settings: Mapping[str, Any]) -> str:
    return json.dumps(dict(settings), sort_keys=True)
