"""Large projects, which are not read as a whole each time that they are opened."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from engine.errors import UnusableProject
from engine.jobs import run
from engine.session import Session
from engine.storage import checked, opening
from engine.storage.project import Project
from tests.helpers.many_rows import many_images


@pytest.fixture
def large(monkeypatch, tmp_path) -> Path:
    """A project that counts as large, and was closed as it should be."""
    monkeypatch.setattr(checked, "LARGE", 0)
    project = many_images(tmp_path / "large.espalier", 300, 3)
    project.close()
    return project.path


def looked_at(path: Path, monkeypatch) -> list[bool]:
    """Whether each opening that followed looked at a project as a whole."""
    found, real = [], opening.check_counts

    def check(*given: object) -> None:
        found.append(True)
        real(*given)

    monkeypatch.setattr(opening, "check_counts", check)
    Project.open(path).close()
    return found


def test_a_large_project_that_was_checked_and_closed_here_is_not_read_as_a_whole(
    large, monkeypatch
):
    assert looked_at(large, monkeypatch) == []


def written(path: Path) -> None:
    with closing(sqlite3.connect(path / "project.db")) as db:
        db.execute("UPDATE image SET note = 'x' WHERE id = 7")
        db.commit()


def replaced(path: Path) -> None:
    file = path / "project.db"
    content, times = file.read_bytes(), file.stat()
    file.unlink()
    file.write_bytes(content)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


def left_open(path: Path) -> None:
    (path / "project.db-wal").write_bytes(b"something")


@pytest.mark.parametrize("change", [written, replaced, left_open])
def test_what_another_program_did_to_a_large_project_has_it_read_as_a_whole(
    large, monkeypatch, change
):
    change(large)
    assert looked_at(large, monkeypatch) == [True]
    assert looked_at(large, monkeypatch) == []


def test_a_large_project_is_read_as_a_whole_once_a_week(large, monkeypatch):
    now = checked.time.time()
    monkeypatch.setattr(checked.time, "time", lambda: now + 6 * 86400)
    assert looked_at(large, monkeypatch) == []
    monkeypatch.setattr(checked.time, "time", lambda: now + 8 * 86400)
    assert looked_at(large, monkeypatch) == [True]


def test_counts_that_are_wrong_are_damage(large):
    with closing(sqlite3.connect(large / "project.db")) as db:
        db.execute("UPDATE tally SET images = images + 1 WHERE class_id = 2")
        db.commit()
    with pytest.raises(UnusableProject, match="its counts of images"):
        Project.open(large)


def test_damage_that_is_found_at_work_has_a_project_read_as_a_whole(large):
    file = large / "project.db"
    with closing(sqlite3.connect(file)) as db:
        (place,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name='image'").fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    session = Session()
    with closing(session):
        session.open(large)
        with file.open("r+b") as stream:  # what a disk does to an open file
            stream.seek((place - 1) * size)
            stream.write(b"?" * size)
        *_, ended = run(session, "images", {})
        assert ended.how == "refused"
        assert "is damaged" in ended.text
    with pytest.raises(UnusableProject):
        Project.open(large)
