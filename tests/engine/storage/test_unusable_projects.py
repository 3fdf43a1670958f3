"""What is no project, or is damaged, or was made to harm: it is refused, and nothing is lost."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from contextlib import closing

import pytest

from engine.errors import UnusableProject
from engine.jobs import run
from engine.session import Session
from engine.storage.project import Project
from engine.storage.schema import MIGRATIONS
from tests.helpers.project_rows import STEP_TEXTS, add_class, everything


@pytest.mark.parametrize("content", [os.urandom(5000), b"<html>404</html>"])
def test_random_bytes_are_refused_and_left_alone(tmp_path, content):
    folder = tmp_path / "a.espalier"
    folder.mkdir()
    (folder / "project.db").write_bytes(content)
    with pytest.raises(UnusableProject, match="left as it is"):
        Project.open(folder)
    assert (folder / "project.db").read_bytes() == content


def test_a_damaged_page_is_refused(project):
    for n in range(300):
        add_class(project, f"class {n} " + "x" * 200)
    project.close()
    file = project.path / "project.db"
    content = bytearray(file.read_bytes())
    content[3 * 4096 : 9 * 4096] = os.urandom(6 * 4096)
    file.write_bytes(content)
    with pytest.raises(UnusableProject, match="damaged"):
        Project.open(project.path)
    assert file.read_bytes() == bytes(content)


def test_another_programs_database_is_refused(tmp_path):
    folder = tmp_path / "a.espalier"
    folder.mkdir()
    other = sqlite3.connect(folder / "project.db")
    other.execute("CREATE TABLE t (x)")
    other.commit()
    other.close()
    with pytest.raises(UnusableProject, match="another program"):
        Project.open(folder)


def test_a_newer_version_is_refused_and_never_changed(project):
    project.db.execute(f"PRAGMA user_version={len(MIGRATIONS) + 1}")
    project.close()
    before = (project.path / "project.db").read_bytes()
    with pytest.raises(UnusableProject, match="newer Espalier"):
        Project.open(project.path)
    assert (project.path / "project.db").read_bytes() == before


def test_a_folder_that_is_no_project_is_refused(tmp_path):
    with pytest.raises(UnusableProject, match="no Espalier project"):
        Project.open(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right on Windows")
def test_a_link_among_the_blobs_costs_nobody_a_file(project, tmp_path):
    """In a project from elsewhere it could lead to a person's own folder."""
    mine = tmp_path / "mine"
    mine.mkdir()
    for name in ("letter.txt", "ab" + 62 * "0", ".writing-abc"):
        (mine / name).write_text("mine")
        os.utime(mine / name, (0, 0))
    kept, loose = project.blobs.put(b"kept"), project.blobs.put(b"loose")
    (project.blobs.folder / "ab").symlink_to(mine)
    (project.blobs.folder / loose[:2] / "notes.txt").write_text("mine too")
    for path in project.blobs.folder.rglob("*"):
        os.utime(path, (0, 0))
    assert project.blobs.sweep({kept}) == 1
    assert sorted(project.blobs.names()) == [kept]
    assert len(list(mine.iterdir())) == 3
    assert (project.blobs.folder / loose[:2] / "notes.txt").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right on Windows")
@pytest.mark.parametrize(
    "name", ["blobs", "runs", "runs/1", "runs/1/best.half", "blobs/ab", "project.db-wal", ".lock"]
)
def test_a_project_with_links_is_not_opened(project, tmp_path, name):
    project.close()
    mine = tmp_path / "mine"
    (mine / "1").mkdir(parents=True)
    (mine / "1" / "letter.txt").write_text("mine")
    place = project.path / name
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_dir():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    place.symlink_to(mine)
    with pytest.raises(UnusableProject, match="which is a link"):
        Project.open(project.path)
    place.unlink()
    os.mkfifo(place)
    with pytest.raises(UnusableProject, match="no file"):
        Project.open(project.path)
    assert sorted(p.name for p in mine.rglob("*")) == ["1", "letter.txt"]


def test_a_journal_that_does_more_than_take_back_is_not_run(project):
    add_class(project, "a")
    with project.db.atomic():
        project.db.execute("UPDATE journal SET statement = 'DROP TABLE image'")
    before = everything(project)
    with pytest.raises(UnusableProject, match="damaged"):
        project.take_back()
    assert everything(project) == before
    with project.db.atomic():
        project.db.execute("UPDATE journal SET statement = 'DELETE FROM nothing WHERE id=1'")
    with pytest.raises(UnusableProject, match="damaged"):
        project.take_back()
    assert everything(project) == before


@pytest.mark.logs_warnings
@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM project",
        "UPDATE project SET settings = '[' WHERE id = 1",
        "UPDATE project SET step = 99",
        "UPDATE step SET scores = 'x'",
        "UPDATE step SET classes = '[3]'",
        "UPDATE step SET parent = id",
        "CREATE VIEW more AS SELECT 1",
        "DROP TABLE step",
    ],
)
def test_what_can_not_be_read_is_said_at_opening(project, change):
    """From elsewhere, or by a program that wrote into it: never a defect, never without end."""
    with project.db.atomic():
        facts = dict.fromkeys(STEP_TEXTS, "[]") | {"memory": "", "parent": None}
        step = project.db["step"].insert(facts).last_pk
        project.set_facts(step=step)
    project.db.execute("PRAGMA foreign_keys = OFF")
    with project.db.atomic():
        project.db.execute(change)
    project.close()
    with closing(Session()) as session:
        *_, ended = run(session, "open_project", {"path": str(project.path)})
        assert ended.how == "refused", ended
        assert "damaged" in ended.text
        assert session.project is None
