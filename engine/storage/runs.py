"""Runs of tuning that a project keeps: their settings, curves and results, and their folders."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import Refused, UnusableProject
from engine.storage.gestures import now
from engine.storage.project import Project
from engine.storage.schema import inserted
from engine.system.files import is_full

TEXTS = ("settings", "curve", "result")
CHECKPOINT = "checkpoint.pt"
BRANCH = "branch"
"""The folder, beside those of runs, of what is needed while a branch grows."""
UNFINISHED = ("running", "paused")
"""A run that says “running” while nothing runs was killed; it goes on like a paused one."""


@dataclass(frozen=True)
class Run:
    """One run as it is stored; `state` is running, paused or done."""

    id: int
    made: str
    title: str
    tuner: str
    schedule: str
    settings: Mapping[str, Any]
    state: str
    backbone: str
    curve: Mapping[str, Any]
    result: Mapping[str, Any]
    weights: str
    seconds: float

    @property
    def unfinished(self) -> bool:
        return self.state in UNFINISHED


def begun(
    project: Project,
    title: str,
    tuner: str,
    schedule: str,
    settings: Mapping[str, Any],
    backbone: str,
) -> Run:
    """A new run, stored."""
    with project.transaction() as db:
        number = inserted(
            db,
            "run",
            {
                "made": now(),
                "title": title,
                "tuner": tuner,
                "schedule": schedule,
                "settings": json.dumps(settings, sort_keys=True),
                "state": "running",
                "backbone": backbone,
            },
        )
    place = folder(project, number)
    for made in (place.parent, place):  # not the project's own folder, which may be gone
        made.mkdir(exist_ok=True)
    return find(project, number)


def change(project: Project, number: int, **facts: Any) -> None:
    """Stores facts of a run; texts are written as JSON. Raises Refused where nothing can be."""
    project.check_writable()
    plain = {k: json.dumps(v) if k in TEXTS else v for k, v in facts.items()}
    with project.transaction() as db:
        db.table("run").update(number, plain)


def all_runs(project: Project) -> list[Run]:
    """Every run, newest first."""
    return [run_of(row) for row in project.db.query("SELECT * FROM run ORDER BY id DESC")]


def find(project: Project, number: int) -> Run:
    """Raises Refused where there is no such run."""
    rows = list(project.db.query("SELECT * FROM run WHERE id = ?", [number]))
    if not rows:
        raise Refused(f"There is no run {number}. The list under Tune shows those that are kept.")
    return run_of(rows[0])


def newest_unfinished(project: Project) -> Run:
    """The run to go on with. Raises Refused where all are done."""
    for run in all_runs(project):
        if run.unfinished:
            return run
    raise Refused("There is no run to go on with. Start one under Tune.")


def run_of(row: Mapping[str, Any]) -> Run:
    """A row of the table as a run. Raises UnusableProject where its texts are none of ours."""
    try:
        return Run(**{**row, **{name: json.loads(row[name]) for name in TEXTS}})
    except (ValueError, TypeError) as error:
        raise UnusableProject(
            f"The project is damaged: run {row['id']} can't be read. Open a copy of it from a "
            "backup."
        ) from error


def folder(project: Project, number: int) -> Path:
    """Where a run keeps its checkpoint and the outputs of its frozen stages."""
    return project.path / "runs" / str(int(number))  # in a file from elsewhere it may be a path


def tidy(project: Project) -> None:
    """After a kill: a run that says it runs is paused, one whose network is in use already is done,
    and folders of runs that nobody goes on with are removed."""
    used, kept = project.facts["weights"], set()
    rows = list(project.db.query("SELECT id, state, weights FROM run"))
    for row in rows:
        if row["state"] in UNFINISHED and row["weights"] and row["weights"] == used:
            row["state"] = "done"
            keep_state(project, row)
        elif row["state"] == UNFINISHED[0]:
            row["state"] = UNFINISHED[1]
            keep_state(project, row)
        if row["state"] in UNFINISHED:
            kept.add(folder(project, row["id"]))
    for path in (project.path / "runs").glob("*"):
        if (path.name.isdecimal() or path.name == BRANCH) and path not in kept:
            shutil.rmtree(path, ignore_errors=True)


def keep_state(project: Project, row: Mapping[str, Any]) -> None:
    """Stores a run's state; where there is no room for it, the next opening does."""
    try:
        with project.transaction() as db:
            db.table("run").update(row["id"], {"state": row["state"]})
    except sqlite3.OperationalError as error:
        if not is_full(error, project.path):
            raise


def clear(project: Project, number: int) -> None:
    """Removes a run's files; what is in the database and its weights stay."""
    shutil.rmtree(folder(project, number), ignore_errors=True)


def forget_empty(project: Project, number: int) -> None:
    """Removes a run that ended before anything of it could be kept."""
    if find(project, number).unfinished and not (folder(project, number) / CHECKPOINT).exists():
        remove(project, number)


def remove(project: Project, number: int) -> None:
    """Removes a run wholly."""
    project.check_writable()
    find(project, number)
    with project.transaction() as db:
        db.table("run").delete(number)
    clear(project, number)
