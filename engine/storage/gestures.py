"""Changes of a project: transactions, gestures that can be undone, and what a kill left of them.

Triggers write for each change the statement that takes it back (schema.py). A gesture that is whole
or not at all is marked as unfinished from its first transaction to its last, so that what is left
of one after a kill is known, and is taken back before anything else is read.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from engine.errors import EspalierError, Refused, UnusableProject
from engine.storage.schema import inserted
from engine.storage.trusted import check_rows, damaged, is_damage, takes_back, touched
from engine.system.crash_points import point

GESTURES_KEPT = 5000
"""So many can be taken back: a heap that was sorted by single keys, to its start."""


def now() -> str:
    """The time as text, in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")


class Gestures:
    """The changes of one open project. `only_read` says why it can't be changed; empty: it can."""

    def __init__(self, path: Path, db: Database, only_read: str = "") -> None:
        self.path = path
        self.db = db
        self.only_read = only_read
        self.torn = False
        """Whether a gesture could not be taken back, as on a full disk: nothing may be read."""
        self._running: tuple[int, bool] | None = None

    def check_writable(self) -> None:
        """Raises Refused where the project can only be read."""
        if self.only_read:
            raise Refused(self.only_read)

    # Transactions.

    @contextmanager
    def transaction(self, gesture: int | None = None) -> Iterator[Database]:
        """One transaction; with a gesture, its changes can be undone. Never yield events inside."""
        self.check_writable()
        with self._recorded(gesture) as db:
            yield db
            if gesture is not None:
                self._drop_undone(gesture)

    @contextmanager
    def _recorded(self, gesture: int | None) -> Iterator[Database]:
        """One transaction, whose changes are written into the journal under a gesture's number."""
        with self.db.atomic():
            self.db.execute("UPDATE recording SET gesture_id = ?", [gesture])
            yield self.db
            self.db.execute("UPDATE recording SET gesture_id = NULL")
            point("before commit")
        point("after commit")

    def _drop_undone(self, gesture: int) -> None:
        """Once a gesture has changed something, what was undone before can't be done again.

        One that is whole or not at all has changed nothing until its end.
        """
        undone = self.db.query(
            "SELECT id FROM gesture WHERE undone = 1 "
            "AND EXISTS (SELECT 1 FROM journal WHERE gesture_id = :it) "
            "AND EXISTS (SELECT 1 FROM gesture WHERE id = :it AND NOT unfinished)",
            {"it": gesture},
        )
        for row in list(undone):
            self.db.table("journal").delete_where("gesture_id = ?", [row["id"]])
            self.db.table("gesture").delete(row["id"])

    # Gestures.

    @contextmanager
    def gesture(self, title: str, all_or_nothing: bool = False) -> Iterator[int]:
        """A gesture around the block. One that changed nothing is not kept.

        With `all_or_nothing`, a block that is left by an error or a cancel is taken back at once,
        and one that is cut off by a kill when the project is opened next. A gesture inside another
        is a part of it.
        """
        if self._running is not None:
            outer, whole = self._running
            if all_or_nothing and not whole:
                raise RuntimeError(f"“{title}” would be kept in part with the gesture around it")
            yield outer
            return
        number = self.begin_gesture(title, all_or_nothing)
        self._running = number, all_or_nothing
        try:
            yield number
            self.end_gesture(number)
        except BaseException:
            if all_or_nothing:
                self.take_back_unfinished()
            else:
                with suppress(sqlite3.OperationalError):  # what was said to be saved stays
                    self.end_gesture(number)
            raise
        finally:
            self._running = None

    @contextmanager
    def act(self, title: str) -> Iterator[int]:
        """A gesture as one transaction, which waits once for the disk and not three times: for what
        a person does by a key. Never yield events inside."""
        self.check_writable()
        self.mend()
        with self.db.atomic(), self.gesture(title) as number:
            yield number
        point("after commit")

    def begin_gesture(self, title: str, all_or_nothing: bool = False) -> int:
        """Starts a gesture, which can be undone as one; its transactions name it."""
        self.check_writable()
        self.mend()
        with self._recorded(None) as db:
            row = {"title": title, "made": now(), "unfinished": int(all_or_nothing)}
            return inserted(db, "gesture", row)

    def end_gesture(self, number: int) -> None:
        """Marks a gesture as whole; drops one that changed nothing, and the oldest ones."""
        # A job may be left only after its project was closed; opening it finds what is unfinished.
        with suppress(sqlite3.ProgrammingError), self._recorded(None) as db:
            db.execute("UPDATE gesture SET unfinished = 0 WHERE id = ? AND unfinished", [number])
            self._drop_undone(number)
            db.execute(
                "DELETE FROM gesture WHERE id = ? AND NOT EXISTS "
                "(SELECT 1 FROM journal WHERE gesture_id = gesture.id)",
                [number],
            )
            # As statements: the library would look for the tables each time.
            db.execute("DELETE FROM journal WHERE gesture_id <= ?", [number - GESTURES_KEPT])
            db.execute("DELETE FROM gesture WHERE id <= ?", [number - GESTURES_KEPT])

    def gestures(self, undone: bool, most: int = -1) -> list[dict[str, Any]]:
        """What can be undone (oldest first), or done again (next first): the `most` that come
        next, or all."""
        found = list(
            self.db.query(
                "SELECT id, title FROM gesture WHERE undone = ? AND NOT unfinished AND EXISTS "
                "(SELECT 1 FROM journal WHERE gesture_id = gesture.id) "
                f"ORDER BY id {'ASC' if undone else 'DESC'} LIMIT ?",
                [int(undone), most],
            )
        )
        return found if undone else found[::-1]

    # Taking back.

    def take_back(self, redo: bool = False, look: Callable[[], object] = lambda: None) -> str:
        """Undoes the last gesture, or does the next one again; returns its title.

        `look` reads what is then there. Raises UnusableProject where it can't, or where the
        journal is damaged; all stays as it was then.
        """
        self.check_writable()
        known = self.gestures(undone=redo, most=1)
        if not known:
            raise Refused("There is nothing to do again." if redo else "There is nothing to undo.")
        (chosen,) = known
        with self._believed(), self._recorded(chosen["id"]) as db:
            self._run_back(chosen["id"])
            db.table("gesture").update(chosen["id"], {"undone": int(not redo)})
            look()
        return str(chosen["title"])

    def take_back_unfinished(self) -> list[str]:
        """Takes back what is there of gestures that are whole or not at all and that did not come
        to their end; they are not offered to be done again. Returns their titles.

        Where that fails, as on a full disk, `torn` stays, and it is tried again before a change.
        """
        self.torn, titles = True, []
        with suppress(sqlite3.ProgrammingError):  # closed: opening it does this
            found = "SELECT id, title FROM gesture WHERE unfinished ORDER BY id DESC"
            if rows := list(self.db.query(found)):
                with self._believed(), self._recorded(None) as db:
                    for row in rows:
                        self._run_back(row["id"])
                        db.table("gesture").delete(row["id"])
                titles = [str(row["title"]) for row in rows]
            self.torn = False
        return titles

    def mend(self) -> None:
        """Tries once more to take back what could not be taken back when it was left."""
        if self.torn and self.only_read:
            raise Refused(
                "The last change could not be taken back, because the disk is full. Free some "
                "space and do it again."
            )
        if self.torn:
            self.take_back_unfinished()

    def _run_back(self, gesture: int) -> None:
        """Runs a gesture's statements backwards, as a part of a transaction."""
        self.db.execute("PRAGMA defer_foreign_keys = ON")
        rows = list(
            self.db.query("SELECT * FROM journal WHERE gesture_id = ? ORDER BY id DESC", [gesture])
        )
        self.db.table("journal").delete_where("gesture_id = ?", [gesture])
        file, changed = self.path / "project.db", defaultdict[str, set[int]](set)
        for row in rows:
            statement = row["statement"]
            if not takes_back(statement):
                raise UnusableProject(damaged(file, "its journal"))
            self.db.execute(statement)
            if not statement.startswith("DELETE"):
                table, number = touched(statement)
                if number is None:
                    raise UnusableProject(damaged(file, "its journal"))
                changed[table].add(number)
        check_rows(file, self.db, changed)

    @contextmanager
    def _believed(self) -> Iterator[None]:
        """Around statements of the journal, which in a file from elsewhere can be of any rows and
        values: raises UnusableProject where they don't fit; what the system refuses goes on."""
        try:
            yield
        except (EspalierError, OSError, MemoryError):
            raise
        except Exception as error:
            if (
                isinstance(error, sqlite3.OperationalError)
                and not is_damage(error)
                and error.sqlite_errorcode != sqlite3.SQLITE_ERROR
            ):
                raise
            raise UnusableProject(damaged(self.path / "project.db", "its journal")) from error
