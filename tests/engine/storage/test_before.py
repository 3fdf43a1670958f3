"""A project of before: opened, gone on with and taken back by the program of today.

tests/data holds one that version 0.1.0 of 26 November 2026 made, of drawn images that lie in it:
two classes were learnt, then a third; one was renamed; a run was paused in its second epoch, and a
class was removed. Its checkpoints are pickles, and its database is of version 4.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.models.growth import POOLED, growth_of
from engine.session import Session
from tests.helpers import image_files
from tests.helpers.projects import done

FILE = Path(__file__).parents[2] / "data" / "before.espalier.tar.xz"


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with tarfile.open(FILE) as packed:
        packed.extractall(tmp_path, filter="data")
    session = Session()
    done(session, "open_project", path=str(tmp_path / "before.espalier"))
    yield session
    session.close()


def names(session: Session) -> list[str]:
    return [view.name for view in session.view().classes]


def test_it_opens_answers_and_its_run_goes_on_once_what_changed_is_taken_back(
    session: Session,
) -> None:
    assert names(session) == ["bark", "flower"]
    assert done(session, "score")["per_class"] == {"flower": 1.0, "bark": 1.0}
    done(session, "undo")
    assert names(session) == ["bark", "flower", "leaf"]
    assert done(session, "score")["per_class"] == {"leaf": 1.0, "flower": 1.0, "bark": 1.0}

    (run,) = done(session, "list_runs")["runs"]
    assert (run["state"], run["epochs_done"]) == ("paused", 1)
    ended = done(session, "resume_run", adopt="always")
    assert ended["adopted"]
    epochs = done(session, "run_details", run=run["id"])["epochs_curve"]
    assert [epoch["epoch"] for epoch in epochs] == [1, 2, 3, 4]


def test_all_that_was_done_in_it_is_undone_and_done_again(session: Session) -> None:
    titles = session.view().undo
    assert titles == ("Learn leaf, petal", "Learn bark", "Rename petal to flower", "Remove leaf")
    for _ in titles:
        done(session, "undo")
    assert names(session) == []
    for _ in titles:
        done(session, "redo")
    assert names(session) == ["bark", "flower"]
    assert done(session, "score")["per_class"] == {"flower": 1.0, "bark": 1.0}


def test_images_without_a_class_are_added_to_it(session: Session, tmp_path: Path) -> None:
    before = done(session, "list_classes")
    image_files.class_folder(tmp_path, "heap", 3)
    added = done(session, "add_unsorted", paths=[str(tmp_path / "heap")])
    assert (added["added"], added["waiting"]) == (3, 3)
    kept = session.require().facts["features"], growth_of(session.backbone()).features
    assert kept == (POOLED, POOLED), "its network gives what it gave"
    assert (tmp_path / "before.espalier" / "project.db.before-version-5").is_file()
    done(session, "undo")
    assert session.view().unsorted == 0
    assert done(session, "list_classes") == before
