"""What is held is learnt in memory as it will be learnt for good."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.images.decode import open_image
from engine.learning.holding import holding_of
from engine.models.answers import answer
from engine.models.backbone import Model
from engine.session import Session
from tests.helpers import image_files
from tests.helpers.projects import done, refused

Frames = list[tuple[float, bytes]]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return image_files.class_folders(tmp_path / "images", {"apple": 12, "cherry": 12, "plum": 12})


def frames_of(images: Path, name: str, at: float) -> Frames:
    files = sorted((images / name).glob("*.jpg"))
    return [(at + 0.2 * n, path.read_bytes()) for n, path in enumerate(files)]


def held(session: Session, hold: int, name: str, frames: Frames) -> int:
    return done(session, "hold_frames", hold=hold, frames=frames, into=name)["images"]


def stored(session: Session, hold: int, name: str, frames: Frames) -> None:
    (session.require().path / "film.avi").touch()
    film = str(session.require().path / "film.avi")
    done(session, "learn_frames", hold=hold, frames=frames, into=name, source=film)


def answers(session: Session, model: Model, images: Path) -> np.ndarray:
    """Probabilities of all images (images, classes)."""
    p = session.backbone().preprocessing
    seen = np.stack([open_image(path, p).seen for path in sorted(images.rglob("*.jpg"))])
    return answer(model.head, torch.from_numpy(session.extractor()(seen, 1))).probabilities


def test_what_is_held_answers_as_it_does_once_it_is_stored(session, images) -> None:
    done(session, "learn_folder", paths=[str(images / "apple")])
    cherry, plum = frames_of(images, "cherry", 1e9), frames_of(images, "plum", 2e9)
    assert held(session, 1, "cherry", cherry[:5]) == 5
    assert held(session, 1, "cherry", cherry[5:]) == 12
    assert held(session, 2, "plum", plum) == 12
    model = holding_of(session).model_for(session.require())
    assert model.class_names == ("apple", "cherry", "plum")
    before = answers(session, model, images)
    threshold = model.threshold

    stored(session, 1, "cherry", cherry)
    assert holding_of(session).model_for(session.require()) is None, "the project knows more"
    stored(session, 2, "plum", plum)

    found = session.model()
    assert found.class_names == model.class_names
    np.testing.assert_allclose(answers(session, found, images), before, atol=1e-6)
    assert found.threshold == pytest.approx(threshold, abs=1e-6)


def test_nothing_is_stored_while_it_is_held(session, images) -> None:
    done(session, "learn_folder", paths=[str(images / "apple")])
    before = list(session.require().db.iterdump())
    held(session, 1, "cherry", frames_of(images, "cherry", 1e9))
    assert list(session.require().db.iterdump()) == before


def test_what_is_held_goes_on_beside_what_was_stored_meanwhile(session, images) -> None:
    cherry, plum = frames_of(images, "cherry", 1e9), frames_of(images, "plum", 2e9)
    held(session, 1, "cherry", cherry)
    held(session, 2, "plum", plum[:6])
    stored(session, 1, "cherry", cherry)
    held(session, 2, "plum", plum[6:])
    model = holding_of(session).model_for(session.require())
    assert model.class_names == ("cherry", "plum")
    assert held(session, 1, "cherry", cherry) == 0, "what is over is not heard any more"


def test_a_hold_is_one_burst_on_one_side(session, images) -> None:
    slowly = [(1e9 + 7 * n, content) for n, (_, content) in enumerate(frames_of(images, "plum", 0))]
    stored(session, 1, "plum", slowly)
    rows = list(session.require().db.query("SELECT burst, split FROM image"))
    assert len(rows) == 12
    assert {(bool(row["burst"]), row["split"]) for row in rows} == {(True, "train")}
    assert len({row["burst"] for row in rows}) == 1


def test_a_frame_that_is_no_image_is_refused(session) -> None:
    words = refused(session, "hold_frames", hold=1, frames=[(1e9, b"\xff\xd8nothing")], into="a")
    assert "can't be used" in words
    assert holding_of(session).model is None


def test_what_is_learnt_otherwise_meanwhile_is_answered(session, images) -> None:
    held(session, 1, "cherry", frames_of(images, "cherry", 1e9)[:3])
    assert holding_of(session).model_for(session.require()) is not None
    done(session, "learn_folder", paths=[str(images / "apple")])
    assert holding_of(session).model_for(session.require()) is None
    held(session, 1, "cherry", frames_of(images, "cherry", 1e9)[3:])
    model = holding_of(session).model_for(session.require())
    assert model.class_names == ("apple", "cherry")
