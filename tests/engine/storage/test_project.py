"""A project on disk: gestures that can be undone, locks, power cuts."""

from __future__ import annotations

import multiprocessing as mp
import os
import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from engine.errors import Refused, UnusableProject
from engine.session import Session
from engine.storage.project import Project
from engine.storage.schema import MIGRATIONS
from engine.storage.snapshot import project_view
from engine.system.crash_points import VARIABLE
from tests.helpers.project_rows import FACTS, STEP_TEXTS, add_class, everything, rows


def add_image(project: Project, class_id: int, sha256: str) -> None:
    facts = {
        "class_id": class_id,
        "sha256": sha256,
        "path": "it's “here”\n.jpg",
        "width": 1,
        "height": 1,
        "bytes": 1,
        "split": "train",
        "phash": "0",
        "pack": "",
        "thumb_at": 0,
        "thumb_length": 0,
    }
    with project.gesture("Add an image") as gesture, project.transaction(gesture) as db:
        db["image"].insert(facts)


def test_the_folder_gets_its_ending_and_its_version(project):
    assert project.path.name == "moths.espalier"
    assert project.db.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
    assert project.db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_a_taken_name_is_refused(project):
    with pytest.raises(Refused, match="already exists"):
        Project.create(project.path, **FACTS)


@pytest.mark.parametrize("seed", range(5))
def test_undo_and_redo_give_back_each_state_exactly(project, seed):
    rng = random.Random(seed)
    states = [everything(project)]
    for n in range(12):
        known = rows(project, "class")
        verb = rng.choice(["class", "image", "rename", "remove"]) if known else "class"
        if verb == "class":
            add_class(project, f"class '{n}\"\n")
        elif verb == "image":
            add_image(project, rng.choice(known)["id"], f"{n:064x}")
        else:
            number = rng.choice(known)["id"]
            with project.gesture(verb) as gesture, project.transaction(gesture) as db:
                if verb == "rename":
                    db["class"].update(number, {"name": f"renamed {n}"})
                else:
                    db["image"].delete_where("class_id = ?", [number])
                    db["class"].delete(number)
        states.append(everything(project))
    for state in reversed(states[:-1]):
        project.take_back()
        assert everything(project) == state
    for state in states[1:]:
        project.take_back(redo=True)
        assert everything(project) == state


def test_a_long_day_is_taken_back_to_its_start(project):
    """A snapshot names 200 gestures; the others come when it is their turn."""
    before = everything(project)
    for n in range(230):
        add_class(project, f"class {n}")
    assert seen(project) == ([f"Add class {n}" for n in range(30, 230)], [])
    titles = [project.take_back() for _ in range(230)]
    assert titles == [f"Add class {n}" for n in reversed(range(230))]
    assert everything(project) == before
    assert seen(project) == ([], [f"Add class {n}" for n in range(200)])
    with pytest.raises(Refused, match="nothing to undo"):
        project.take_back()
    assert project.take_back(redo=True) == "Add class 0"


def seen(project: Project) -> tuple[list[str], list[str]]:
    """What the window shows on the way back, and forward."""
    view = project_view(project, "cpu", "", str)
    return list(view.undo), list(view.redo)


def test_undo_survives_a_restart(project):
    add_class(project, "moth")
    project.close()
    again = Project.open(project.path)
    assert [g["title"] for g in again.gestures(undone=False)] == ["Add moth"]
    assert again.take_back() == "Add moth"
    assert rows(again, "class") == []
    again.close()
    third = Project.open(project.path)
    assert third.take_back(redo=True) == "Add moth"
    assert [row["name"] for row in rows(third, "class")] == ["moth"]
    third.close()


def test_a_new_gesture_ends_what_could_be_done_again(project):
    add_class(project, "moth")
    project.take_back()
    add_class(project, "beetle")
    assert project.gestures(undone=True) == []
    with pytest.raises(Refused, match="nothing to do again"):
        project.take_back(redo=True)


def test_a_gesture_that_fails_in_its_transaction_changes_nothing(project):
    before = everything(project)
    twice = [{"name": "a", "made": ""}] * 2
    with project.gesture("x") as gesture, pytest.raises(sqlite3.IntegrityError):  # noqa: SIM117
        with project.transaction(gesture) as db:
            db["class"].insert_all(twice)
    assert everything(project) == before
    assert project.gestures(undone=False) == []
    add_class(project, "moth")
    assert [g["title"] for g in project.gestures(undone=False)] == ["Add moth"]


def renamed(project: Project, name: str, to: str, whole: bool = True, fails: bool = False) -> None:
    """A gesture of two transactions, which may fail after both."""
    with project.gesture(f"Rename {name}", all_or_nothing=whole) as gesture:
        for new in (f"{to} for a moment", to):
            with project.transaction(gesture) as db:
                db.execute("UPDATE class SET name = ? WHERE name LIKE ?", [new, f"{name}%"])
                name = new
        if fails:
            raise Refused("It failed.")


@pytest.mark.parametrize("at", ["block", "end"])
def test_a_gesture_that_is_whole_or_not_at_all_is_taken_back_where_it_fails(
    project, monkeypatch, at
):
    add_class(project, "moth")
    add_class(project, "beetle")
    project.take_back()
    before, redo = everything(project), project.gestures(undone=True)
    assert redo
    if at == "end":
        monkeypatch.setattr(project, "end_gesture", full)
    with pytest.raises((Refused, sqlite3.OperationalError)):
        renamed(project, "moth", "butterfly", fails=at == "block")
    monkeypatch.undo()
    assert everything(project) == before
    assert [g["title"] for g in project.gestures(undone=False)] == ["Add moth"]
    assert project.gestures(undone=True) == redo, "what could be done again still can be"
    renamed(project, "moth", "butterfly")
    assert project.gestures(undone=True) == []
    assert project.take_back() == "Rename moth"
    assert everything(project) == before


def full(*given: object) -> None:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    raise error


def test_one_that_can_not_be_taken_back_now_is_before_anything_is_asked(
    project, monkeypatch, tmp_path
):
    """As on a disk that is full to the last byte."""
    add_class(project, "moth")
    before = everything(project)
    session = Session()
    session.project = project
    monkeypatch.setattr(project, "_run_back", full)
    with pytest.raises(sqlite3.OperationalError):
        renamed(project, "moth", "butterfly", fails=True)
    with closing(project.beside()) as beside, pytest.raises(Refused, match="disk is full"):
        beside.mend()
    with pytest.raises(sqlite3.OperationalError):
        session.require()
    monkeypatch.undo()
    session.require()
    assert everything(project) == before


def test_a_gesture_in_another_is_a_part_of_it(project):
    before = everything(project)
    with project.gesture("Both", all_or_nothing=True):
        add_class(project, "moth")
        renamed(project, "moth", "butterfly")
    assert project.take_back() == "Both"
    assert everything(project) == before
    with project.gesture("Some of it"), pytest.raises(RuntimeError):
        renamed(project, "moth", "butterfly")


def open_elsewhere(path: str, said: mp.Queue) -> None:
    try:
        Project.open(Path(path)).close()
        said.put("opened")
    except UnusableProject as error:
        said.put(str(error))


def test_a_project_that_is_open_is_refused_to_another_process(project):
    context = mp.get_context("spawn")
    said = context.Queue()
    other = context.Process(target=open_elsewhere, args=(str(project.path), said))
    other.start()
    assert "open already" in said.get(timeout=60)
    other.join()
    said.close()
    said.join_thread()


def test_reading_beside_changes_nothing(project):
    add_class(project, "moth")
    reading = project.beside()
    assert [row["name"] for row in rows(reading, "class")] == ["moth"]
    with pytest.raises(Refused, match="only read"):
        reading.begin_gesture("x")
    reading.close()


def test_blobs_that_nothing_names_are_swept_and_undos_are_kept(project):
    loose, named, undone = (project.blobs.put(word) for word in (b"loose", b"named", b"undone"))
    for sha256 in (named, undone):
        with project.gesture("Learn") as gesture, project.transaction(gesture) as db:
            texts = dict.fromkeys(STEP_TEXTS, "[]")
            db["step"].insert(texts | {"memory": sha256, "predictions": ""})
    project.take_back()
    for sha256 in (loose, named, undone):
        os.utime(project.blobs.path(sha256), (0, 0))
    project.close()
    again = Project.open(project.path)
    assert loose not in again.blobs
    assert named in again.blobs
    assert undone in again.blobs
    again.close()


def test_a_damaged_blob_is_none_and_not_its_bytes(project):
    sha256 = project.blobs.put(b"right")
    project.blobs.path(sha256).write_bytes(b"wrong")
    assert project.blobs.get(sha256) is None
    assert project.blobs.get("0" * 64) is None


CUT = """
import sys
from pathlib import Path
from engine.storage.project import Project
project = Project.open(Path(sys.argv[1]))
with project.gesture("Add") as gesture:
    sha256 = project.blobs.put(b"bytes")
    with project.transaction(gesture) as db:
        db["class"].insert({"name": sha256, "made": ""})
"""


@pytest.mark.parametrize(
    "where", ["after commit:1", "blob written", "blob renamed", "before commit:2", "after commit:2"]
)
def test_a_power_cut_leaves_the_old_project_or_the_new_one(project, where):
    project.close()
    cut = subprocess.run(
        [sys.executable, "-c", CUT, str(project.path)],
        env={**os.environ, VARIABLE: where},
        capture_output=True,
        check=False,
    )
    assert cut.returncode < 0, cut.stderr.decode()
    again = Project.open(project.path)
    names = [row["name"] for row in rows(again, "class")]
    assert names == ([again.blobs.put(b"bytes")] if where == "after commit:2" else [])
    assert len(again.gestures(undone=False)) == len(names)
    add_class(again, "goes on")
    again.close()
