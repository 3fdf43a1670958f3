"""Projects from elsewhere: a good one, in which another program changed one thing.

Each maker copies the good project and changes the copy's tables or files.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from tests.hostile import Kinds, Maker

Change = Callable[[sqlite3.Connection], object]


def projects_of(good: Path) -> Kinds:
    """All kinds, made of the good project at `good`."""
    kinds: Kinds = {}
    for name, change in {**SCHEMA, **CELLS, **JOURNAL}.items():
        kinds[f"{name}.espalier"] = partial(changed, good=good, change=change)
    for name, damage in FILES.items():
        kinds[f"{name}.espalier"] = partial(harmed, good=good, damage=damage)
    return kinds


def changed(path: Path, good: Path, change: Change) -> None:
    shutil.copytree(good, path)
    with opened(path) as db:
        change(db)


def harmed(path: Path, good: Path, damage: Maker) -> None:
    shutil.copytree(good, path)
    damage(path)


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The tables as any program may write them."""
    with closing(sqlite3.connect(path / "project.db")) as db:
        db.execute("PRAGMA foreign_keys=OFF")
        db.execute("PRAGMA writable_schema=ON")
        db.text_factory = bytes
        yield db
        db.commit()


def sql(*statements: str) -> Change:
    return lambda db: [db.execute(statement) for statement in statements]


def journal(*statements: str, unfinished: bool = False) -> Change:
    """A gesture whose statements are these, the last one to be undone."""

    def change(db: sqlite3.Connection) -> None:
        columns = "title, made, undone, unfinished"
        db.execute(f"INSERT INTO gesture ({columns}) VALUES ('x', 'now', 0, {int(unfinished)})")
        number = db.execute("SELECT MAX(id) FROM gesture").fetchone()[0]
        for statement in statements:
            db.execute(
                "INSERT INTO journal (gesture_id, statement) VALUES (?, ?)", [number, statement]
            )

    return change


def in_schema(name: str, old: str, new: str) -> Change:
    """The text of a table's definition changed behind SQLite's back."""

    def change(db: sqlite3.Connection) -> None:
        db.execute(
            "UPDATE sqlite_master SET sql = replace(sql, ?, ?) WHERE name = ?", [old, new, name]
        )

    return change


def cell(table: str, column: str, value: object) -> Change:
    return lambda db: db.execute(f"UPDATE {table} SET {column} = ?", [value])


NUMBERS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n"
COUNT = f"({NUMBERS}) SELECT count(*) FROM n)"
HEAVY = "hex(zeroblob(300000000))"

SCHEMA: dict[str, Change] = {
    "trigger that counts": sql(
        "CREATE TRIGGER t AFTER UPDATE ON class BEGIN UPDATE class SET made = "
        f"({NUMBERS} WHERE x < 1000000000000) SELECT max(x) FROM n); END"
    ),
    "trigger that fills": sql(
        f"CREATE TRIGGER t AFTER UPDATE ON class BEGIN INSERT INTO skipped (path, reason, made) "
        f"SELECT {HEAVY}, '', ''; END"
    ),
    "trigger that deletes": sql(
        "CREATE TRIGGER t AFTER UPDATE ON project BEGIN DELETE FROM image; END"
    ),
    "trigger on undo": sql(
        "CREATE TRIGGER t BEFORE UPDATE ON recording BEGIN DELETE FROM image; END"
    ),
    "generated column": sql(f"ALTER TABLE class ADD COLUMN g TEXT AS ({HEAVY}) VIRTUAL"),
    "generated name": in_schema(
        "class", "name TEXT NOT NULL UNIQUE", f"name TEXT AS ({HEAVY}) UNIQUE"
    ),
    "default that fills": in_schema(
        "gesture", "title TEXT NOT NULL", f"title TEXT DEFAULT ({HEAVY})"
    ),
    "check that counts": in_schema("class", "name TEXT NOT NULL", f"name TEXT CHECK ({HEAVY} > 1)"),
    "view": sql(f"CREATE VIEW v AS SELECT {HEAVY}"),
    "view for a table": sql("DROP TABLE skipped", f"CREATE VIEW skipped AS SELECT {HEAVY} AS path"),
    "index of an expression": sql(f"CREATE INDEX i ON class (length({HEAVY}))"),
    "virtual table": sql("CREATE VIRTUAL TABLE f USING fts5(x)"),
    "virtual for a table": sql(
        "DROP TABLE skipped", "CREATE VIRTUAL TABLE skipped USING fts5(path)"
    ),
    "foreign table": sql("CREATE TABLE mine (x)"),
    "many tables": lambda db: [db.execute(f"CREATE TABLE t{n} (x)") for n in range(2000)],
    "missing table": sql("DROP TABLE candidate"),
    "missing trigger": sql("DROP TRIGGER class_update"),
    "missing column": sql("ALTER TABLE run DROP COLUMN seconds"),
    "more columns": sql("ALTER TABLE class ADD COLUMN more TEXT"),
    "cascade": in_schema("image", "REFERENCES class(id)", "REFERENCES class(id) ON DELETE CASCADE"),
    "broken schema": in_schema("class", "CREATE TABLE", "CREATE TABBLE"),
    "same pages": sql("UPDATE sqlite_master SET rootpage = 2 WHERE name = 'class'"),
    "page far away": sql("UPDATE sqlite_master SET rootpage = 999999 WHERE name = 'image'"),
    "newer": sql("PRAGMA user_version = 1000"),
    "older than it is": sql("PRAGMA user_version = 1"),
    "version below zero": sql("PRAGMA user_version = -5"),
    "another program": sql("PRAGMA application_id = 7"),
    "pragma in a name": sql('CREATE TABLE "x; PRAGMA user_version=3" (y)'),
}

NO_TEXT = "CAST(x'ff6d6f7468fe' AS TEXT)"
CELLS: dict[str, Change] = {
    "name is no text": sql(f"UPDATE class SET name = {NO_TEXT} || id"),
    "title is no text": sql(f"UPDATE step SET title = {NO_TEXT}"),
    "path is no text": sql(f"UPDATE image SET path = {NO_TEXT}"),
    "project is no text": sql(f"UPDATE project SET name = {NO_TEXT}"),
    "gesture is no text": sql(f"UPDATE gesture SET title = {NO_TEXT}"),
    "reason is no text": sql(
        f"INSERT INTO skipped (path, reason, made) VALUES ({NO_TEXT}, {NO_TEXT}, '')"
    ),
    "name is bytes": cell("project", "name", b"\xff\xfe"),
    "name is a number": sql("UPDATE class SET name = id"),
    "number is a word": cell("image", "width", "wide"),
    "split is a word": cell("image", "split", "both"),
    "hash is a path": sql("UPDATE image SET sha256 = '../../../etc/passwd' || id"),
    "copied from above": sql("UPDATE image SET copied = 1, sha256 = '../../../etc/passwd' || id"),
    "path to a device": cell("image", "path", "/dev/zero"),
    "pack is a path": sql("UPDATE feature SET pack = '../../../../etc/passwd'"),
    "pack elsewhere": sql("UPDATE feature SET place = 99999999999"),
    "thumb elsewhere": sql("UPDATE image SET thumb_at = -5, thumb_length = 1000000000000"),
    "settings broken": cell("project", "settings", "{"),
    "settings deep": cell("project", "settings", "[" * 200_000),
    "settings a list": cell("project", "settings", "[1]"),
    "settings odd": cell("project", "settings", json.dumps({"views": 10**9, "shrinkage": "x"})),
    "learner unknown": cell("project", "learner", "os.system"),
    "backbone unknown": cell("project", "backbone", "../x"),
    "weights a path": cell("project", "weights", "../../../etc/passwd"),
    "weights gone": cell("project", "weights", "0" * 64),
    "size zero": cell("project", "size", 0),
    "size huge": cell("project", "size", 1 << 40),
    "size beyond": cell("project", "size", 1 << 62),
    "step gone": cell("project", "step", 999),
    "step in a circle": sql("UPDATE step SET parent = id"),
    "classes broken": cell("step", "classes", "{}"),
    "classes odd": cell("step", "classes", '[{"id": "x"}]'),
    "scores odd": cell("step", "scores", '{"per_class": 7}'),
    "seconds odd": cell("step", "seconds", '{"a": "b"}'),
    "memory a path": cell("step", "memory", "../../../../etc/passwd"),
    "memory gone": cell("step", "memory", "0" * 64),
    "predictions a path": cell("step", "predictions", "../../../../etc/passwd"),
    "name of ten megabytes": cell("project", "name", "n" * 10_000_000),
    "classes of ten megabytes": sql("UPDATE class SET name = hex(zeroblob(5000000)) || id"),
    "names with signs": sql("UPDATE class SET name = char(27) || '[2J' || char(10) || id"),
    "name of a device": sql("UPDATE class SET name = 'CON' WHERE id = 1"),
    "name that climbs": sql("UPDATE class SET name = '../../../x' || id"),
    "many classes": lambda db: db.executemany(
        "INSERT INTO class (name, made) VALUES (?, '')", [(f"c{n}",) for n in range(20_000)]
    ),
    "class of no image": sql("UPDATE image SET class_id = 77"),
    "recording left on": sql("UPDATE recording SET gesture_id = 1"),
    "recording many": sql("DELETE FROM recording"),
    "no facts": sql("DELETE FROM project"),
}

JOURNAL: dict[str, Change] = {
    "undo by counting": journal(f"UPDATE class SET made = ({NUMBERS}) SELECT max(x) FROM n)"),
    "undo by filling": journal(f"UPDATE class SET made = {HEAVY} || {HEAVY}"),
    "undo by deleting": journal("DELETE FROM image"),
    "undo by reading": journal("INSERT INTO skipped SELECT * FROM skipped, image, image, image"),
    "undo of others": journal("UPDATE journal SET statement = 'x'"),
    "undo of nothing": journal("UPDATE nothing SET x=1 WHERE id=1"),
    "undo of no column": journal("UPDATE class SET nothing=1 WHERE id=1"),
    "undo twice": journal("INSERT INTO class (id,name,made,set_aside) VALUES (1,'a','b',0)"),
    "undo to nothing": journal("DELETE FROM class WHERE id=1"),
    "undo to null": journal("UPDATE class SET name=NULL WHERE id=1"),
    "undo to odd facts": journal("UPDATE project SET settings='{' WHERE id=1"),
    "undo to bytes": journal("UPDATE project SET name=X'FFFE' WHERE id=1"),
    "undo to no text": lambda db: (
        journal("x")(db),
        db.execute(
            f"UPDATE journal SET statement = 'UPDATE class SET name=''' || {NO_TEXT} "
            "|| ''' WHERE id=1'"
        ),
    ),
    "undo to the facts": journal("DELETE FROM project WHERE id=1"),
    "undo with a quote": journal("UPDATE class SET name='a' WHERE id=1; DROP TABLE image"),
    "undo by bytes": lambda db: (
        journal("x")(db),
        db.execute("UPDATE journal SET statement = x'ff00ff'"),
    ),
    "undo of a number": lambda db: (
        journal("x")(db),
        db.execute("UPDATE journal SET statement = 7"),
    ),
    "unfinished counting": journal(
        f"UPDATE class SET made = ({NUMBERS}) SELECT max(x) FROM n)", unfinished=True
    ),
    "unfinished deleting": journal("DELETE FROM image", unfinished=True),
    "unfinished nothing": journal("DELETE FROM class WHERE id=1", unfinished=True),
    "attach": journal("ATTACH 'x.db' AS y"),
    "many undone": journal(*["DELETE FROM settled WHERE id=1"] * 20_000),
}


def largest_blob(path: Path) -> Path:
    return max((p for p in path.glob("blobs/*/*") if p.is_file()), key=lambda p: p.stat().st_size)


def scrambled(path: Path, seed: int, count: int) -> None:
    """Bytes of the tables' file changed."""
    file, rng = path / "project.db", random.Random(seed)
    content = bytearray(file.read_bytes())
    for _ in range(count):
        content[rng.randrange(100, len(content))] = rng.randrange(256)
    file.write_bytes(content)


def blobs_of(path: Path, content: bytes) -> None:
    """Every blob replaced, under its old name."""
    for blob in path.glob("blobs/*/*"):
        if blob.is_file():
            blob.write_bytes(content)


FILES: dict[str, Maker] = {
    **{
        f"scrambled {seed}": partial(scrambled, seed=seed, count=20 * (1 + seed))
        for seed in range(6)
    },
    "cut": lambda path: os.truncate(path / "project.db", 9000),
    "noise": lambda path: (path / "project.db").write_bytes(os.urandom(50_000)),
    "noise with a head": lambda path: (path / "project.db").write_bytes(
        b"SQLite format 3\0" + os.urandom(50_000)
    ),
    "empty": lambda path: (path / "project.db").write_bytes(b""),
    "log of noise": lambda path: (path / "project.db-wal").write_bytes(os.urandom(50_000)),
    "blobs of noise": partial(blobs_of, content=os.urandom(5000)),
    "blobs empty": partial(blobs_of, content=b""),
    "no blobs": lambda path: shutil.rmtree(path / "blobs"),
    "blob a link": lambda path: (
        largest_blob(path).unlink(),
        largest_blob(path).with_name("x" * 64).symlink_to("/etc/passwd"),
    ),
    "blob a pipe": lambda path: os.mkfifo(path / "blobs" / "pipe"),
    "lock a folder": lambda path: (
        (path / ".lock").unlink(missing_ok=True),
        (path / ".lock").mkdir(),
    ),
}
