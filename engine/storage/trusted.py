"""What is believed of a project's database, which may come from anywhere.

Its tables, indexes and triggers are those that the migrations make, to the letter: then no
statement of the program can set anything else in motion. Its cells have the types of their columns.
And a statement in its journal is one that the triggers write: one row of one table, and values.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from pathlib import Path

from sqlite_utils import Database

from engine.errors import UnusableProject
from engine.storage import checked
from engine.storage.schema import COUNTED, IN_SEVERAL, JOURNALLED, MIGRATIONS
from engine.system.trouble import no_answer

LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 256 << 20,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 64 << 20,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 4,
}
"""How long cells and statements may be, and what else none of the program's needs more of."""
BYTES_TOO = ("path",)
"""Columns of texts that may hold bytes: names of files that are no text."""

HASHES = {
    "image": ("sha256", "pack"),
    "unsorted": ("sha256", "pack"),
    "named": ("sha256",),
    "feature": ("sha256", "pack"),
    "step": ("memory", "predictions"),
    "project": ("weights",),
    "kept": ("blob",),
    "run": ("weights",),
    "map": ("blob",),
}
"""Columns that name blobs, or are empty; what else stood there could be a way to other files."""

TABLE, VALUE = "|".join(JOURNALLED), r"(?:NULL|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|X'[0-9A-F]*'|{text})"
VALUE = VALUE.format(text="'[^']*(?:''[^']*)*'")
CHANGE = re.compile(
    rf"DELETE FROM (?:{TABLE}) WHERE id=-?\d+"
    rf"|UPDATE (?:{TABLE}) SET \w+={VALUE}(?:,\w+={VALUE})* WHERE id=-?\d+"
    rf"|INSERT INTO (?:{TABLE}) \(\w+(?:,\w+)*\) VALUES \({VALUE}(?:,{VALUE})*\)"
)
"""What the triggers write (schema.py)."""
LEFT = re.compile(
    r"UPDATE (?P<updated>\w+) SET id=(?P<updates>-?\d+),.* WHERE id=(?P<before>-?\d+)$"
    r"|INSERT INTO (?P<inserted>\w+) \(id,[\w,]*\) VALUES \((?P<inserts>-?\d+),",
    re.DOTALL,
)
NOWHERE = "a row leads to one that is not there"


def damaged(file: Path, why: object) -> str:
    """The sentence for a project that is damaged, and no longer noted as sound; `why` may be the
    error that told.

    A disk that was pulled or that breaks off makes everything look so: then that is said.
    """
    if elsewhere := no_answer(file.parent):
        return elsewhere
    checked.forget(file)
    if isinstance(why, UnicodeDecodeError) or str(why).startswith("Could not decode"):
        why = "a text in it is none"
    told = " ".join(str(why)[:200].split())
    return f"“{file}” is damaged ({told}). It was left as it is. Open a copy from a backup."


def bound(connection: sqlite3.Connection) -> None:
    """Bounds what one statement on a connection may do."""
    for limit, value in LIMITS.items():
        connection.setlimit(limit, value)


def takes_back(statement: object) -> bool:
    """Whether a statement of the journal is one that a trigger wrote."""
    return isinstance(statement, str) and CHANGE.fullmatch(statement) is not None


def check_schema(file: Path, db: Database, version: int) -> None:
    """Raises UnusableProject where there is a table, index, trigger or view that is not Espalier's,
    or one is missing. To be called before anything else is asked."""
    found = db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master LIMIT 500").fetchall()
    if set(found) != made(version):
        raise UnusableProject(damaged(file, "its tables or triggers are not Espalier's"))


@cache
def made(version: int) -> frozenset[tuple[str, ...]]:
    """The schema after so many migrations."""
    db = Database(memory=True)
    for change in MIGRATIONS[:version]:
        change(db)
    rows = db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
    db.conn.close()
    return frozenset(rows)


def check_cells(file: Path, db: Database, tables: Sequence[str] = ()) -> None:
    """Raises UnusableProject where a cell is not of its column's type, or a row leads nowhere; of
    some tables, or of all."""
    for table in tables or db.table_names():
        if table.startswith("sqlite_"):
            continue
        if db.execute(f"SELECT 1 FROM {table} WHERE {wrong(db, table)} LIMIT 1").fetchone():
            raise UnusableProject(damaged(file, f"a value in “{table}” is of another kind"))
        if tables and db.execute(f"PRAGMA foreign_key_check({table})").fetchone():
            raise UnusableProject(damaged(file, NOWHERE))
    if db.execute("SELECT count(*) FROM recording").fetchone()[0] != 1:
        raise UnusableProject(damaged(file, "its journal"))
    if not tables and db.execute("PRAGMA foreign_key_check").fetchone():
        raise UnusableProject(damaged(file, NOWHERE))


def check_rows(file: Path, db: Database, changed: Mapping[str, Collection[int]]) -> None:
    """As check_cells, of the rows that changed, by table and number; where they lead, SQLite sees
    to when they are committed."""
    for table, numbers in changed.items():
        ordered = sorted(numbers)
        for start in range(0, len(ordered), 500):
            part = ordered[start : start + 500]
            question = f"SELECT 1 FROM {table} WHERE id IN ({','.join('?' * len(part))}) AND "
            if db.execute(f"{question} ({wrong(db, table)}) LIMIT 1", part).fetchone():
                raise UnusableProject(damaged(file, f"a value in “{table}” is of another kind"))


def check_counts(file: Path, db: Database) -> None:
    """Raises UnusableProject where what is kept of the images' counts is not what they are."""
    same = all(
        set(db.execute(f"SELECT * FROM {kept}")) == set(db.execute(made_anew))
        for kept, made_anew in (("tally", COUNTED), ("shared", IN_SEVERAL))
    )
    if not same or db.execute("SELECT count(*) FROM listed").fetchone()[0] != 1:
        raise UnusableProject(damaged(file, "its counts of images"))


def wrong(db: Database, table: str) -> str:
    """What is true of a row that holds something of another kind than its columns."""
    found = [
        f"typeof({column.name}) NOT IN ({types(column.name, column.type)})"
        + ("" if column.notnull or column.is_pk else f" AND {column.name} IS NOT NULL")
        for column in db[table].columns
    ]
    found += [
        f"({name} <> '' AND (length({name}) <> 64 OR {name} GLOB '*[^0-9a-f]*'))"
        for name in HASHES.get(table, ())
    ]
    return " OR ".join(found)


def touched(statement: str) -> tuple[str, int | None]:
    """The table and the number of the row that a statement of the journal leaves changed; no number
    where it says none at the place where the triggers write it, or where the row is gone."""
    if found := LEFT.match(statement):
        table = found["updated"] or found["inserted"]
        same = found["before"] is None or found["before"] == found["updates"]
        return table, int(found["updates"] or found["inserts"]) if same else None
    return "", None


def types(name: str, kind: str) -> str:
    """What typeof says of the values of a column, as a list in SQL."""
    found = {"INTEGER": "'integer'", "REAL": "'real','integer'"}.get(kind, "'text'")
    return f"{found},'blob'" if name in BYTES_TOO else found


def is_damage(error: BaseException) -> bool:
    """Whether an error of SQLite says that what is stored is wrong, not that the system refused.

    Texts that are none are told by Python, without a number.
    """
    if not isinstance(error, sqlite3.DatabaseError):
        return isinstance(error, UnicodeDecodeError)  # of SQLite's own words on what is wrong
    number = getattr(error, "sqlite_errorcode", None)
    if number is None:
        return isinstance(error, sqlite3.OperationalError)
    return number & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_TOOBIG)
