"""A project on disk: opening, locking, transactions and undo."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from sqlite_utils import Database

from engine.blobs import Blobs, sync_folder
from engine.errors import EspalierError, Refused, UnusableProject
from engine.points import point
from engine.schema import APPLICATION_ID, MIGRATIONS

log = logging.getLogger(__name__)

SUFFIX = ".espalier"
GESTURES_KEPT = 200


def now() -> str:
    """The time as text, in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")


class Project:
    """An open project. One process writes at a time; `write=False` only reads."""

    def __init__(self, path: Path, db: Database, lock: FileLock | None) -> None:
        self.path = path
        self.db = db
        self.blobs = Blobs(path / "blobs")
        self._lock = lock

    @property
    def read_only(self) -> bool:
        return self._lock is None

    @classmethod
    def create(cls, path: Path, **facts: Any) -> Project:
        """Makes a new project folder. `facts` are the columns of the table `project`.

        Raises Refused where the folder is there already or can't be written.
        """
        if path.suffix != SUFFIX:
            path = path.with_name(path.name + SUFFIX)
        if path.exists() and any(path.iterdir() if path.is_dir() else [path]):
            raise Refused(f"“{path.name}” is there already. Choose another name, or open it.")
        try:
            (path / "blobs").mkdir(parents=True, exist_ok=True)
            lock = locked(path)
        except OSError as error:
            raise Refused(
                f"A project can't be made in “{path.parent}”: {error.strerror}. "
                "Choose another place."
            ) from error
        db = connect(path / "project.db")
        db.execute(f"PRAGMA application_id={APPLICATION_ID}")
        migrate(path, db)
        project = cls(path, db, lock)
        with db.atomic():
            db["project"].insert({"id": 1, "name": path.stem, "made": now(), **facts})
        point("project made")
        sync_folder(path)
        return project

    @classmethod
    def open(cls, path: Path, write: bool = True) -> Project:
        """Opens a project. Raises UnusableProject with a sentence; nothing is changed then."""
        file = path / "project.db"
        if not file.is_file():
            raise UnusableProject(
                f"“{path}” is no Espalier project. Choose a folder ending in {SUFFIX}."
            )
        check_files(path)
        check_header(file)
        lock = None
        if write and may_write(path):
            lock = locked(path)
        try:
            db = connect(file, read_only=lock is None)
            check_version(file, db)
            if lock is not None:
                migrate(path, db)
        except sqlite3.DatabaseError as error:
            release(lock)
            raise UnusableProject(damaged(file, error)) from error
        except UnusableProject:
            release(lock)
            raise
        project = cls(path, db, lock)
        if lock is not None:
            with project.readable():
                project.sweep()
        return project

    @classmethod
    def open_beside(cls, path: Path) -> Project:
        """A second, reading connection to a project that this process has open already."""
        return cls(path, connect(path / "project.db", read_only=True), None)

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
            if isinstance(error, sqlite3.OperationalError) and "no such" not in str(error):
                raise
            log.exception("%s can't be read", self.path)
            raise UnusableProject(damaged(self.path / "project.db", "its facts")) from error

    def close(self) -> None:
        self.db.conn.close()
        release(self._lock)

    # Facts: the one row of the table `project`.

    @property
    def facts(self) -> dict[str, Any]:
        row = dict(self.db["project"].get(1))
        row["settings"] = json.loads(row["settings"])
        return row

    def set_facts(self, **facts: Any) -> None:
        if "settings" in facts:
            facts["settings"] = json.dumps(facts["settings"])
        self.db["project"].update(1, facts)

    # Transactions and gestures.

    def check_writable(self) -> None:
        """Raises Refused where the project can only be read."""
        if self.read_only:
            raise Refused(
                f"“{self.path.name}” can only be read, not changed: the folder is write-protected. "
                "Copy it to a place where you may write, and open the copy."
            )

    def begin_gesture(self, title: str) -> int:
        """Starts a gesture, which can be undone as one; its transactions name it."""
        self.check_writable()
        with self.db.atomic():
            for row in self.db.query("SELECT id FROM gesture WHERE undone = 1"):
                self.db["journal"].delete_where("gesture_id = ?", [row["id"]])
            self.db["gesture"].delete_where("undone = 1")
            self.db.execute("UPDATE recording SET gesture_id = NULL")
            return self.db["gesture"].insert({"title": title, "made": now()}).last_pk

    @contextmanager
    def transaction(self, gesture: int | None = None) -> Iterator[Database]:
        """One transaction; with a gesture, its changes can be undone. Never yield events inside."""
        with self.db.atomic():
            self.db.execute("UPDATE recording SET gesture_id = ?", [gesture])
            yield self.db
            self.db.execute("UPDATE recording SET gesture_id = NULL")
            point("before commit")
        point("after commit")

    @contextmanager
    def gesture(self, title: str, all_or_nothing: bool = False) -> Iterator[int]:
        """A gesture around the block. One that changed nothing is not kept.

        With `all_or_nothing`, a block that is left by an error or a cancel is taken back.
        """
        number = self.begin_gesture(title)
        try:
            yield number
        except BaseException:
            if all_or_nothing and any(g["id"] == number for g in self.gestures(undone=False)):
                self.take_back()
                self.db["journal"].delete_where("gesture_id = ?", [number])
            raise
        finally:
            self.end_gesture(number)

    def end_gesture(self, number: int) -> None:
        """Drops a gesture that changed nothing, and the oldest ones."""
        with suppress(sqlite3.ProgrammingError), self.db.atomic():
            self.db.execute(
                "DELETE FROM gesture WHERE id = ? AND NOT EXISTS "
                "(SELECT 1 FROM journal WHERE gesture_id = gesture.id)",
                [number],
            )
            self.db["journal"].delete_where("gesture_id <= ?", [number - GESTURES_KEPT])
            self.db["gesture"].delete_where("id <= ?", [number - GESTURES_KEPT])

    def gestures(self, undone: bool) -> list[dict[str, Any]]:
        """What can be undone (oldest first), or done again (next first)."""
        return list(
            self.db.query(
                "SELECT id, title FROM gesture WHERE undone = ? AND EXISTS "
                "(SELECT 1 FROM journal WHERE gesture_id = gesture.id) ORDER BY id",
                [int(undone)],
            )
        )

    def take_back(self, redo: bool = False) -> str:
        """Undoes the last gesture, or does the next one again; returns its title."""
        known = self.gestures(undone=redo)
        if not known:
            raise Refused("There is nothing to do again." if redo else "There is nothing to undo.")
        chosen = known[0] if redo else known[-1]
        with self.transaction(chosen["id"]) as db:
            db.execute("PRAGMA defer_foreign_keys = ON")
            rows = list(
                db.query(
                    "SELECT * FROM journal WHERE gesture_id = ? ORDER BY id DESC", [chosen["id"]]
                )
            )
            db["journal"].delete_where("gesture_id = ?", [chosen["id"]])
            for row in rows:
                if not str(row["statement"]).startswith(CHANGES):
                    raise UnusableProject(damaged(self.path / "project.db", "its journal"))
                try:
                    db.execute(row["statement"])
                except sqlite3.OperationalError as error:
                    if "no such" in str(error) or "syntax" in str(error):
                        raise UnusableProject(damaged(self.path / "project.db", error)) from error
                    raise
            db["gesture"].update(chosen["id"], {"undone": int(not redo)})
        return str(chosen["title"])

    # Blobs.

    def sweep(self) -> None:
        """Removes blobs that nothing names any more, the journal of undo included."""
        columns = {
            "image": ("pack", "sha256"),
            "feature": ("pack",),
            "step": ("memory", "predictions"),
            "kept": ("blob",),
            "run": ("weights",),
        }
        known = {
            str(row["name"])
            for table, names in columns.items()
            for name in names
            for row in self.db.query(f"SELECT DISTINCT {name} AS name FROM {table}")
        }
        known.add(str(self.facts["weights"]))
        loose = {name for name in self.blobs.names() if name not in known}
        if loose:
            for row in self.db.query(
                "SELECT statement FROM journal WHERE statement NOT LIKE 'DELETE%'"
            ):
                loose -= {name for name in loose if name in row["statement"]}
        self.blobs.sweep(set(self.blobs.names()) - loose)

    def size(self) -> int:
        """The bytes that the project takes on disk."""
        return self.blobs.size() + (self.path / "project.db").stat().st_size


CHANGES = ("DELETE FROM ", "UPDATE ", "INSERT INTO ")
"""How the journal's statements begin (engine/schema.py); in a file from elsewhere any could lie."""


def connect(file: Path, read_only: bool = False) -> Database:
    """A connection with the house's habits: write-ahead log, full sync, foreign keys."""
    if read_only:
        # immutable: a folder that can't be written can't hold the log's index either.
        form = "mode=ro" if may_write(file.parent) else "immutable=1"
        address = f"{file.absolute().as_uri()}?{form}"
        return Database(sqlite3.connect(address, uri=True, timeout=10))
    db = Database(sqlite3.connect(str(file), timeout=10))
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("PRAGMA foreign_keys=ON")
    db.execute("PRAGMA trusted_schema=OFF")
    return db


def check_files(folder: Path) -> None:
    """Refuses a project that holds anything but files and folders.

    Through a link other files would be written or swept, and a pipe would be waited for.
    """
    try:
        entries = list(os.scandir(folder))
    except PermissionError:
        return  # what can't be listed can't be written either; reading will say so
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            check_files(Path(entry.path))
        elif not entry.is_file(follow_symlinks=False):
            raise UnusableProject(
                f"The project holds “{entry.name}”, which is a link or no file and could lead to "
                "files of yours, so it was not opened. Put what it leads to in its place, if you "
                "trust it."
            )


def check_header(file: Path) -> None:
    """Refuses what is no SQLite file before SQLite touches it."""
    with file.open("rb") as stream:
        head = stream.read(16)
    if head and head != b"SQLite format 3\0":
        raise UnusableProject(
            f"“{file}” is damaged or no project file. It was left as it is. "
            "Open a copy from a backup."
        )


def check_version(file: Path, db: Database) -> None:
    """Refuses foreign, newer and damaged files; changes nothing."""
    found = db.execute("PRAGMA application_id").fetchone()[0]
    if found != APPLICATION_ID:
        raise UnusableProject(f"“{file}” belongs to another program. It was left as it is.")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise UnusableProject(
            f"“{file.parent.name}” was made by a newer Espalier. It was left as it is. "
            "Install the newest version to open it."
        )
    if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise UnusableProject(damaged(file, "quick_check"))
    if db.view_names():  # Espalier makes none; one from elsewhere could be read without end
        raise UnusableProject(damaged(file, "views"))


def damaged(file: Path, why: object) -> str:
    return f"“{file}” is damaged ({why}). It was left as it is. Open a copy from a backup."


def migrate(path: Path, db: Database) -> None:
    """Brings the tables to the newest version, each migration in one transaction, after a copy."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if 0 < version < len(MIGRATIONS):
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy2(path / "project.db", path / f"project.db.before-version-{version + 1}")
    for number, change in enumerate(MIGRATIONS[version:], start=version + 1):
        with db.atomic():
            change(db)
            db.execute(f"PRAGMA user_version={number}")


def may_write(folder: Path) -> bool:
    """Whether files can be made in `folder`; asked by doing it, since permissions can lie."""
    probe = folder / ".may-write"
    try:
        probe.touch()
        probe.unlink(missing_ok=True)
    except OSError:
        return False
    return True


def locked(path: Path) -> FileLock:
    """Takes the project's lock, which the system gives back when the process dies."""
    lock = FileLock(path / ".lock", blocking=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise UnusableProject(
            f"“{path.name}” is open already in another window or command. Close it there first."
        ) from error
    return lock


def release(lock: FileLock | None) -> None:
    if lock is not None:
        lock.release()


def settings_text(settings: Mapping[str, Any]) -> str:
    return json.dumps(dict(settings), sort_keys=True)
