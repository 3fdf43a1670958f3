"""What older steps learnt is let go, and undo brings it back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import Refused
from engine.events import Changed, Ended, Notice
from engine.jobs import JOBS, run
from engine.learning import old_steps
from engine.session import Session
from engine.storage import steps
from engine.storage.feature_cache import Features
from tests.helpers import image_files
from tests.helpers.projects import SIZE, done, refused, weights

NAMES = ("red", "teal", "blue", "gold")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("old steps")
    image_files.class_folders(root / "learn", dict.fromkeys(NAMES, 10), 0)
    image_files.class_folders(root / "ask", dict.fromkeys(NAMES, 2), 7)
    return root


@pytest.fixture
def session(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """A project in which there is room for what one step learnt."""
    monkeypatch.setattr(old_steps, "WHOLE", 0)
    session = Session()
    path, network = tmp_path / "a.espalier", str(weights("squeezenet1_1"))
    done(session, "new_project", path=str(path), weights=network, size=SIZE)
    yield session
    session.close()


def learn(session: Session, images: Path, *names: str) -> None:
    done(session, "learn_folder", paths=[str(images / "learn" / name) for name in names])


def whole(session: Session) -> list[bool]:
    """Of each step whether it has what it learnt."""
    project = session.require()
    return [steps.learnt(project, row) is not None for row in steps.all_rows(project)]


def asked(images: Path) -> list[str]:
    return [str(path) for path in sorted((images / "ask").rglob("*.jpg"))]


def answers(session: Session, images: Path) -> np.ndarray:
    found = done(session, "predict_images", paths=asked(images))["pictures"].values()
    return np.array([list(answer["classes"].values()) for answer in found])


def test_undo_and_redo_give_the_answers_of_then(session: Session, images: Path) -> None:
    then: list[Any] = []
    for names in (NAMES[:2], NAMES[2:3], NAMES[3:]):
        learn(session, images, *names)
        then.append(answers(session, images))
    assert whole(session) == [False, False, True]
    for number in (1, 0):
        done(session, "undo")
        np.testing.assert_allclose(answers(session, images), then[number], atol=1e-6)
    for number in (1, 2):
        done(session, "redo")
        np.testing.assert_allclose(answers(session, images), then[number], atol=1e-6)


def test_what_was_let_go_is_no_longer_on_the_disk(session: Session, images: Path) -> None:
    learn(session, images, *NAMES[:2])
    project = session.require()
    (before,) = steps.all_rows(project)
    whole_bytes = steps.bytes_of(project, before)
    learn(session, images, NAMES[2])
    first, _ = steps.all_rows(project)
    assert before["memory"] not in project.blobs
    assert steps.bytes_of(project, first) < whole_bytes / 10


def test_undo_that_is_left_changes_nothing(session: Session, images: Path) -> None:
    learn(session, images, *NAMES[:2])
    learn(session, images, NAMES[2])
    then = answers(session, images)
    work = JOBS["undo"].work(session)
    assert not isinstance(next(work), Changed)
    work.close()
    assert len(steps.all_rows(session.require())) == 2
    np.testing.assert_array_equal(answers(session, images), then)
    assert session.require().gestures(undone=True) == []


def test_where_it_can_not_be_learnt_again_undo_is_done_and_says_so(
    session: Session, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn(session, images, *NAMES[:2])
    learn(session, images, NAMES[2])

    def gone(*_: object) -> None:
        raise Refused("The network is gone.")

    monkeypatch.setattr(Session, "extractor", gone)
    *events, ended = run(session, "undo", {})
    assert any(isinstance(event, Changed) for event in events)
    assert [e.text for e in events if isinstance(e, Notice)] == [
        "It is as it was then, but must be learnt again: The network is gone."
    ]
    assert isinstance(ended, Ended)
    assert ended.how == "done"


def test_without_its_features_a_step_is_learnt_anew(session: Session, images: Path) -> None:
    learn(session, images, *NAMES[:2])
    learn(session, images, NAMES[2])
    project = session.require()
    row = steps.current(project)
    assert row is not None
    Features(project, row["features_key"]).drop_all_but(set())
    done(session, "undo")
    assert "Press Learn" in refused(session, "predict_images", paths=asked(images))
    done(session, "learn")
    assert answers(session, images).shape == (8, 2)


def test_steps_are_kept_whole_while_there_is_room(
    session: Session, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(old_steps, "WHOLE", 1 << 30)
    learn(session, images, *NAMES[:2])
    learn(session, images, NAMES[2])
    assert whole(session) == [True, True]
