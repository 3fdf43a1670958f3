"""A project of each version of the tables that there was opens, and is what it was.

tests/data/versions.tar.xz holds one of each, made by the program of then and with what it answered
(tests/bench/drills/time_travel.py makes them anew, from git's history). A new version wants one
more: the last test fails until it is there.
"""

from __future__ import annotations

import json
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.session import Session
from engine.storage.schema import MIGRATIONS
from tests.bench.drills.time_travel import COMMITS
from tests.helpers.projects import done

FILE = Path(__file__).parents[2] / "data" / "versions.tar.xz"
NEVER = {7, 11}
"""Versions that no program had that anybody could get: they came together with the next one."""


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("versions")
    with tarfile.open(FILE) as packed:
        packed.extractall(place, filter="data")
    return place


def version_of(file: Path) -> int:
    with closing(sqlite3.connect(f"{file.as_uri()}?immutable=1", uri=True)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def told(session: Session) -> dict[str, Any]:
    """What a project answers, as time_travel.py has asked it."""
    found, view = done(session, "score", predictions=True), session.view()
    return {
        "classes": sorted(one.name for one in view.classes),
        "undo": list(view.undo),
        "redo": list(view.redo),
        "per_class": found["per_class"],
        "predictions": {Path(key).name: name for key, name in found["predictions"].items()},
    }


@pytest.mark.parametrize("version", COMMITS)
def test_a_project_of_each_version_opens_and_answers_as_it_did(version, unpacked):
    project = unpacked / str(version) / "p.espalier"
    expected = json.loads((project.parent / "answers.json").read_text())
    before = (project / "project.db").read_bytes()
    assert version_of(project / "project.db") == version
    with closing(Session()) as session:
        done(session, "open_project", path=str(project))
        assert told(session) == expected
        for job, count in (("undo", "undo"), ("redo", "undo"), ("redo", "redo")):
            for _ in expected[count]:
                done(session, job)
        for _ in expected["redo"]:
            done(session, "undo")
        assert told(session) == expected, "undo and redo come back to the same"
        session.project.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert version_of(project / "project.db") == len(MIGRATIONS)
    assert (project / f"project.db.before-version-{version + 1}").read_bytes() == before


def test_there_is_one_of_each_version_before_this_one():
    assert set(COMMITS) | NEVER == set(range(1, len(MIGRATIONS)))
