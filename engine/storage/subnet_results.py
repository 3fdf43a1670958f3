"""What was measured of subnets, kept in the project by all that it depends on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from engine.storage.gestures import now
from engine.storage.project import Project


def stored(project: Project, key: str) -> dict[str, dict[str, Any]]:
    """Everything measured under a key: the architecture's text to its facts."""
    rows = project.db.query("SELECT architecture, facts FROM candidate WHERE key = ?", [key])
    return {row["architecture"]: json.loads(row["facts"]) for row in rows}


def keep(project: Project, key: str, architecture: str, facts: Mapping[str, Any]) -> None:
    """Adds facts to what is kept of an architecture, in one transaction."""
    with project.transaction() as db:
        known = db.execute(
            "SELECT facts FROM candidate WHERE key = ? AND architecture = ?", [key, architecture]
        ).fetchone()
        merged = {**(json.loads(known[0]) if known else {}), **facts}
        db.execute(
            "INSERT OR REPLACE INTO candidate (key, architecture, facts, made) VALUES (?, ?, ?, ?)",
            [key, architecture, json.dumps(merged), now()],
        )
