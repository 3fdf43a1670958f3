"""Rows of a study that were measured, kept by all that they depend on: a study that was stopped
goes on where it was. They are nothing that a person did, so undo leaves them as they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.storage.gestures import now
from engine.storage.project import Project


def kept_row(project: Project, key: str) -> dict[str, Any] | None:
    """What was measured under a key; None before, or where it is damaged: it is measured anew."""
    row = project.db.execute("SELECT facts FROM study WHERE key = ?", [key]).fetchone()
    try:
        found = json.loads(row[0]) if row else None
    except (ValueError, TypeError):
        return None
    return found if isinstance(found, dict) else None


def keep_row(project: Project, key: str, facts: Mapping[str, Any]) -> None:
    """Keeps what was measured, in one transaction."""
    with project.transaction() as db:
        # As a statement: the library asks for a row's number, which this table has not.
        db.execute("INSERT OR REPLACE INTO study VALUES (?, ?, ?)", [key, json.dumps(facts), now()])


def drop_row(project: Project, key: str) -> None:
    with project.transaction() as db:
        db.execute("DELETE FROM study WHERE key = ?", [key])


def networks(project: Project) -> Path:
    """Where the networks lie that rows made, to be used: a file of a row's key each."""
    return project.path / "runs" / "compared"


def folder(project: Project) -> Path:
    """Where rows that are not done yet keep their checkpoints, each in a folder of its key."""
    return project.path / "runs" / "study"
