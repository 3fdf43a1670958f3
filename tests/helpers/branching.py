"""Growing branches in tests: jobs that are done or refused, and what undo must bring back."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from engine.events import Event
from engine.jobs import run
from engine.session import Session
from engine.storage import catalogue, steps

QUICK = {"batch": 8, "views": 2, "epochs": 2}


def done(session: Session, name: str, /, **settings: Any) -> tuple[dict[str, Any], list[Event]]:
    """What a job that ends well returns, and what it said."""
    *events, ended = run(session, name, settings)
    assert ended.how == "done", ended.text
    return dict(ended.result), events


def refused(session: Session, name: str, /, **settings: Any) -> str:
    *_, ended = run(session, name, settings)
    assert ended.how == "refused", ended
    return ended.text


def folders(photos: Path, names: str) -> list[str]:
    return [str(photos / name) for name in names]


def copied(project: Path, folder: Path, name: str = "p") -> Path:
    path = folder / f"{name}.espalier"
    return shutil.copytree(project, path, ignore=shutil.ignore_patterns(".lock"))


def grow(session: Session, photos: Path, names: str, **settings: Any) -> dict[str, Any]:
    asked = {"cut": "stage2", "adopt": "always", "settings": QUICK, **settings}
    return done(session, "grow_branch", paths=folders(photos, names), **asked)[0]


def kept(session: Session) -> tuple[Any, ...]:
    """What undo must bring back."""
    project = session.require()
    return project.facts, catalogue.class_names(project), steps.line(project)
