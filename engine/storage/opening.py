"""Opening a project's tables: what is looked at before, how they are connected to, and the lock."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import uuid
from contextlib import closing
from pathlib import Path

from filelock import FileLock, Timeout
from sqlite_utils import Database

from engine.errors import UnusableProject
from engine.storage.schema import APPLICATION_ID, COUNTS_SINCE, MIGRATIONS
from engine.storage.trusted import bound, check_cells, check_counts, check_schema, damaged
from engine.system.files import put_in_place

SMALL = ("project", "class", "step", "run", "gesture", "recording")
"""Tables that have no row for each image."""


def connect(file: Path) -> Database:
    """A connection with the house's habits: write-ahead log, full sync, foreign keys."""
    db = Database(sqlite3.connect(str(file), timeout=10))
    bound(db.conn)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("PRAGMA foreign_keys=ON")
    db.execute("PRAGMA trusted_schema=OFF")
    return db


def to_read(address: str) -> Database:
    """A connection that only reads; `address` is a URI."""
    db = Database(sqlite3.connect(address, uri=True, timeout=10))
    bound(db.conn)
    db.execute("PRAGMA trusted_schema=OFF")
    return db


def still(file: Path) -> str:
    """The address of a database that nobody changes: no log's index is made beside it."""
    return f"{file.absolute().as_uri()}?immutable=1"


def to_read_only(file: Path, alone: bool) -> tuple[Database, str]:
    """A project's tables where nothing can be written beside them, and the address for others.

    They are read where they lie if they are as the program leaves them; otherwise a copy in memory
    is brought to the newest version. `alone`: others may write as soon as the caller stops seeing
    to it that nobody does, so it is a copy as well.
    """
    log = file.with_name(file.name + "-wal")
    loose = log.exists() and log.stat().st_size > 0
    if not loose and not alone:
        db = to_read(still(file))
        check_version(file, db)
        if version_of(db) == len(MIGRATIONS) and not unfinished(db):
            return db, still(file)
        db.conn.close()
    address = f"file:espalier-{uuid.uuid4().hex}?mode=memory&cache=shared"
    db = Database(sqlite3.connect(address, uri=True, timeout=10))
    with tempfile.TemporaryDirectory(prefix="espalier-") as folder:
        there = still(file)
        if loose:  # SQLite would write an index of the log beside it
            there = shutil.copyfile(file, Path(folder) / file.name).as_uri()
            shutil.copyfile(log, Path(folder) / log.name)
        with closing(sqlite3.connect(there, uri=True)) as source:
            source.backup(db.conn)
    bound(db.conn)
    db.execute("PRAGMA foreign_keys=ON")
    db.execute("PRAGMA trusted_schema=OFF")
    check_version(file, db)
    migrate(db, None)
    return db, address


def unfinished(db: Database) -> bool:
    """Whether a kill left a gesture that is whole or not at all in the middle."""
    return db.execute("SELECT 1 FROM gesture WHERE unfinished LIMIT 1").fetchone() is not None


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


def check_version(file: Path, db: Database, whole: bool = True) -> None:
    """Refuses foreign, newer and damaged files; changes nothing. What is not looked at as a `whole`
    was checked before and is as it was left (checked.py)."""
    found = db.execute("PRAGMA application_id").fetchone()[0]
    if found != APPLICATION_ID:
        raise UnusableProject(f"“{file}” belongs to another program. It was left as it is.")
    version = version_of(db)
    if version > len(MIGRATIONS):
        raise UnusableProject(
            f"“{file.parent.name}” was made by a newer Espalier. It was left as it is. "
            "Install the newest version to open it."
        )
    check_schema(file, db, version)
    for part in (1,) if whole else SMALL:
        if db.execute(f"PRAGMA quick_check({part})").fetchone()[0] != "ok":
            raise UnusableProject(damaged(file, "quick_check"))
    check_cells(file, db, () if whole else SMALL)
    if whole and version >= COUNTS_SINCE:
        check_counts(file, db)


def version_of(db: Database) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def migrate(db: Database, path: Path | None) -> None:
    """Brings the tables to the newest version, each migration in one transaction.

    The file in the folder `path` is copied before; None: it is not written.
    """
    version = version_of(db)
    if path is not None and 0 < version < len(MIGRATIONS):
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        copy = path / f"project.db.before-version-{version + 1}"
        half = copy.with_name(copy.name + ".half")
        shutil.copy2(path / "project.db", half)
        put_in_place(half, copy)
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
