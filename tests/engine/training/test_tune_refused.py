"""What can not be tuned is refused in a sentence and leaves nothing behind; what the page reads."""

from __future__ import annotations

import math
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from engine.session import Session
from engine.storage.schema import journal_changes
from tests.helpers import image_files, projects
from tests.helpers.projects import FEW_STEPS, answers, done, ended, facts, refused, tuned

pytestmark = pytest.mark.usefixtures("one_thread")
FREEZES = {**FEW_STEPS, "t0": 0.4, "augment": "light"}


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    session = projects.opened(tmp_path)
    yield session
    session.close()


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A project for what is refused, so that it stays as it is."""
    session = projects.opened(tmp_path_factory.mktemp("untouched"))
    yield session
    session.close()


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"tuner": "magic"}, "There is no tuner called “magic”"),
        ({"tuner": "sandwich"}, "There is no tuner called “sandwich”"),
        ({"schedule": "magic"}, "There is no schedule called “magic”"),
        ({"adopt": "perhaps"}, "Adopt takes one of"),
        ({"settings": {"colour": 1}}, "no setting called “colour”"),
        ({"settings": {"rank": 4}}, "no setting called “rank”"),
        ({"settings": {"batch": 37}}, "fewer than one batch of 37"),
        ({"settings": {"batch": "many"}}, "not “many”"),
        ({"settings": {"batch": 1}}, "Batch takes a value"),
        ({"settings": {"batch": math.inf}}, "Batch takes a whole number, not “inf”"),
        ({"settings": {"batch": None}}, "Batch takes a whole number, not “None”"),
        ({"settings": {"lr": -0.1}}, "Learning rate takes a value"),
        ({"settings": {"lr": math.nan}}, "Learning rate takes a value"),
        ({"settings": {"lr": math.inf}}, "Learning rate takes a value"),
        ({"settings": {"epochs": 0}}, "Epochs takes a value"),
        ({"epochs": -1}, "Epochs takes a value"),
        ({"epochs": math.nan}, "Epochs takes a value"),
        ({"epochs": math.inf}, "Epochs takes a value"),
        ({"settings": {"smoothing": 1.0}}, "Smoothing takes a value"),
        ({"settings": {"augment": "wild"}}, "Augment takes one of"),
        ({"settings": {"optimiser": "magic"}}, "Optimiser takes one of"),
        ({"settings": {"seed": 2**70}}, "Seed takes a value"),
        (
            {"settings": {"balance": "perhaps"}},
            "Balance by class takes true or false, not “perhaps”",
        ),
        ({"settings": {"t0": 2}, "schedule": "freezeout"}, "First freezing"),
        ({"settings": {"count": 0}, "schedule": "last_stages"}, "Count takes a value"),
    ],
)
def test_what_can_not_be_tuned_is_refused(
    untouched: Session, asked: dict[str, Any], sentence: str
) -> None:
    first = facts(untouched)
    assert sentence in refused(untouched, "tune", **asked)
    if "adopt" not in asked:
        assert sentence in refused(untouched, "estimate_tune", **asked)
    assert done(untouched, "list_runs")["runs"] == []
    assert list((untouched.require().path / "runs").glob("*")) == []
    assert facts(untouched) == first


def test_without_a_project_without_images_or_with_one_class_tuning_is_refused(
    tmp_path: Path,
) -> None:
    session, weights = Session(), str(projects.weights(projects.QUICK))
    for job in ("tune", "tuning_choices", "estimate_tune", "list_runs", "resume_run"):
        assert "No project is open" in refused(session, job)
    done(session, "new_project", path=str(tmp_path / "p.espalier"), weights=weights, size=32)
    assert "Images" in refused(session, "tune")
    assert "Images" in refused(session, "tuning_choices")
    folder = image_files.class_folder(tmp_path / "train", "one", 6)
    done(session, "learn_folder", paths=[str(folder)])
    assert "two classes" in refused(session, "tune")
    done(
        session, "learn_folder", paths=[str(image_files.class_folder(tmp_path / "train", "two", 6))]
    )
    with session.require().transaction() as db:
        db.execute("UPDATE image SET split = 'train'")
    assert "held-out" in refused(session, "tune", settings={"batch": 4})
    assert done(session, "list_runs")["runs"] == []
    session.close()


def test_images_that_are_all_gone_end_in_a_sentence(tmp_path: Path) -> None:
    images = Path(shutil.copytree(projects.images() / "first", tmp_path / "pictures"))
    session, weights = Session(), str(projects.weights(projects.QUICK))
    done(session, "new_project", path=str(tmp_path / "p.espalier"), weights=weights, size=32)
    done(session, "learn_folder", paths=[str(images)], learner="ncm")
    shutil.rmtree(images)
    assert ended(session, "tune", settings=FEW_STEPS).how == "refused"
    assert "where they were" in refused(session, "preview_augmented")
    assert done(session, "list_runs")["runs"] == []
    session.close()


def test_damaged_tuned_weights_are_told_in_a_sentence_and_undone(session: Session) -> None:
    """Missing, empty, of something else, cut in two, with other bits; or the first network's."""
    before, first = answers(session), facts(session)
    number = tuned(session, adopt="always")["run"]
    blobs, path = session.require().blobs, session.require().path
    file, origin = (blobs.path(name) for name in (facts(session)["weights"], first["weights"]))
    whole = file.read_bytes()
    bits = whole[:-5] + b"\0\1\2\3\4"
    for content in (None, b"", b"junk" * 100, whole[: len(whole) // 2], bits):
        file.unlink() if content is None else file.write_bytes(content)
        session.close()
        session = Session()
        done(session, "open_project", path=str(path))
        for job in ("learn", "tune"):
            assert "damaged" in refused(session, job).replace(str(path), "")
        assert "damaged" in refused(session, "adopt_run", run=number).replace(str(path), "")
    file.write_bytes(whole)
    moved = origin.rename(origin.with_suffix(".away"))
    assert "The project is damaged" in refused(session, "learn")
    moved.rename(origin)
    done(session, "undo")
    assert answers(session) == before
    session.close()


LATER = {
    "project": ("data_licence", "features", "burst_gap", "promise", "feature_cap", "recent"),
    "class": ("within",),
    "image": ("taken", "camera", "latitude", "longitude", "burst"),
}
"""Columns that came after version 2."""


def to_version_2(file: Path) -> None:
    """Takes back what later migrations added to a project's tables, as if it had been made then."""
    db = Database(sqlite3.connect(file))
    db.execute("ALTER TABLE gesture DROP COLUMN unfinished")
    for what in ("image_comes", "image_goes", "image_moves", "image_changes", "class_renamed"):
        db.execute(f"DROP TRIGGER {what}")
    for table in ("unsorted", "named", "map", "study", "tally", "shared", "listed"):
        db.execute(f"DROP TABLE {table}")
    db.execute("DROP INDEX image_by_burst")
    for table, columns in LATER.items():
        for when in ("insert", "update", "delete"):
            db.execute(f"DROP TRIGGER {table}_{when}")
        for column in columns:
            db.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        journal_changes(db, table)
    db.execute("DROP TABLE run")
    db.execute("PRAGMA user_version = 2")
    db.conn.commit()
    db.close()


def test_a_project_of_the_version_before_is_brought_up_to_date_and_tuned(tmp_path: Path) -> None:
    session, weights = Session(), str(projects.weights(projects.QUICK))
    path = tmp_path / "old.espalier"
    done(session, "new_project", path=str(path), weights=weights, size=32)
    done(session, "learn_folder", paths=[str(projects.images() / "first")], learner="ncm")
    before = answers(session)
    session.close()
    to_version_2(path / "project.db")
    done(session, "open_project", path=str(path))
    assert (path / "project.db.before-version-3").is_file()
    assert answers(session) == before
    assert done(session, "list_runs")["runs"] == []
    assert tuned(session)["run"] == 1
    session.close()


# What the page reads.


def test_the_estimate_and_the_preview_write_nothing(untouched: Session) -> None:
    before = {p: p.stat().st_mtime_ns for p in untouched.require().path.rglob("*.*")}
    found = done(untouched, "estimate_tune", schedule="freezeout", settings=FREEZES, epochs=2)
    assert (found["steps"], found["pictures"]) == (6, 36)
    assert found["seconds"] > 0
    shown = done(untouched, "preview_augmented", settings={"augment": "strong"})["pictures"]
    assert len(shown) == 12
    assert all(p["jpeg"][:2] == b"\xff\xd8" for p in shown)
    assert {p["class"] for p in shown} == {"red", "teal", "blue"}
    assert {p: p.stat().st_mtime_ns for p in untouched.require().path.rglob("*.*")} == before


def test_what_is_proposed_for_the_project_can_be_asked_for(untouched: Session) -> None:
    found = done(untouched, "tuning_choices")
    assert found["pictures"] == 36
    names = [view.name for view in found["tuners"]]
    assert {"fine_tune", "adapters", "lora", "batch_norm", "rehearsal", "scratch"} <= set(names)
    assert not {"sandwich", "progressive"} & set(names)
    for view in found["tuners"]:
        proposed = found["proposed"][view.name]
        assert proposed.keys() <= {setting.name for setting in view.settings}
        assert 2 <= proposed["batch"] <= 36
        assert done(untouched, "estimate_tune", tuner="fine_tune", settings=proposed)["steps"]
