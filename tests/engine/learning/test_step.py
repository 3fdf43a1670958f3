"""Learning as a job tells it, event by event."""

from __future__ import annotations

import numpy as np

from engine.events import Ended, Saved, Scored, Step
from engine.jobs import run
from engine.learning import importing
from engine.session import Session
from engine.storage import steps
from tests.helpers import image_files
from tests.helpers.projects import done, refused


def memory(session: Session) -> dict[str, np.ndarray]:
    """What the learner of the step in use keeps."""
    project = session.require()
    return dict(steps.learnt(project, steps.current(project)).memory)


def test_accuracy_is_told_while_pictures_still_come_in(session, tmp_path, monkeypatch):
    monkeypatch.setattr(importing, "SECONDS_BETWEEN_GLIMPSES", 0.0)
    images = image_files.class_folders(tmp_path / "pictures", {"a": 80, "b": 80, "c": 80})
    events = list(run(session, "learn_folder", {"paths": [str(images)]}))
    live = [e for e in events if isinstance(e, Step) and "accuracy" in e.figures]
    assert [e.done for e in live] == [128, 192]
    assert all(0.5 < e.figures["accuracy"] <= 1.0 for e in live)
    assert isinstance(events[-1], Ended)
    assert events[-1].how == "done"


def test_a_step_is_said_to_be_saved_before_it_is_scored(session, tmp_path):
    images = image_files.class_folders(tmp_path / "pictures", {"a": 20, "b": 20})
    events = list(run(session, "learn_folder", {"paths": [str(images)]}))
    kinds = [type(e) for e in events]
    assert kinds.index(Scored) > kinds.index(Saved)
    scored = next(e for e in events if isinstance(e, Scored)).step
    assert scored.classes == scored.new_classes == ("a", "b")
    assert session.view().current_step == scored


def test_returning_to_a_step_answers_as_it_did_then(session, tmp_path):
    images = image_files.class_folders(tmp_path / "pictures", {"a": 20, "b": 20, "c": 20})
    for name in "abc":
        *_, ended = run(session, "learn_folder", {"paths": [str(images / name)]})
    last = ended.result["step"]
    *_, ended = run(session, "return_to_step", {"step": last - 1})
    assert ended.how == "done"
    assert session.model().class_names == ("a", "b")
    list(run(session, "undo", {}))
    assert session.model().class_names == ("a", "b", "c")


def test_moved_pictures_are_unlearnt_where_they_were(session, tmp_path):
    """From features that are the mean with those of the mirror image."""
    weights, kind = str(tmp_path / "net.safetensors"), "moments-roots-mirror"
    done(session, "use_backbone", weights=weights, size=32, features=kind)
    assert session.view().features == kind
    images = image_files.class_folders(tmp_path / "pictures", {"a": 20, "b": 20})
    list(run(session, "learn_folder", {"paths": [str(images)]}))
    rows = session.require().db["image"].rows_where("path LIKE '%/a/%'", limit=5)
    moved = [row["id"] for row in rows]
    list(run(session, "move_images", {"images": moved, "to": "b"}))
    assert not all(c.learnt for c in session.view().classes)
    list(run(session, "learn", {}))
    stepwise = memory(session)
    list(run(session, "learn", {"learner": "ncm"}))
    list(run(session, "learn", {"learner": "slda"}))
    at_once = memory(session)
    for name, array in at_once.items():
        np.testing.assert_allclose(stepwise[name], array, rtol=1e-6, atol=1e-9)
    assert all(c.learnt for c in session.view().classes)


def numbers_of(session: Session, name: str, split: str) -> list[int]:
    query = (
        "SELECT image.id FROM image JOIN class ON class.id = class_id WHERE name = ? AND split = ?"
    )
    return [row[0] for row in session.require().db.execute(query, [name, split]).fetchall()]


def test_images_used_for_testing_are_unlearnt_and_undo_learns_them_again(session, tmp_path):
    images = image_files.class_folders(tmp_path / "pictures", {"a": 20, "b": 20})
    done(session, "learn_folder", paths=[str(images)])
    before = memory(session)
    chosen = numbers_of(session, "a", "train")[:3]
    assert done(session, "set_split", images=chosen, split="validation") == {"moved": 3}
    assert not next(c for c in session.view().classes if c.name == "a").learnt
    done(session, "learn")
    assert set(chosen) <= set(numbers_of(session, "a", "validation"))
    assert any(not np.allclose(before[name], array) for name, array in memory(session).items())
    done(session, "undo")
    done(session, "undo")
    for name, array in memory(session).items():
        np.testing.assert_allclose(before[name], array, rtol=1e-6, atol=1e-9)


def test_a_class_keeps_an_image_to_learn_from(session, tmp_path):
    images = image_files.class_folders(tmp_path / "pictures", {"a": 10, "b": 10})
    done(session, "learn_folder", paths=[str(images)])
    every = numbers_of(session, "a", "train")
    said = refused(session, "set_split", images=every, split="validation")
    assert said == "“a” would have no image to learn from. Leave it at least one."
    assert numbers_of(session, "a", "train") == every


def chosen(session: Session) -> object:
    return session.view().current_step.choice


def test_the_method_that_was_chosen_is_stored_and_undone_with_its_step(session, tmp_path):
    images = image_files.class_folders(tmp_path / "pictures", {"a": 30, "b": 30, "c": 30})
    done(session, "learn_folder", paths=[str(images)])
    assert chosen(session) is None, "where the method was named there was no choice"

    told = done(session, "learn", learner="auto")

    scores = done(session, "scores")
    tested = sum(row["images"] for row in scores["rows"])
    assert told["choice"] == scores["choice"] == chosen(session)
    assert told["choice"]["titles"][0] == "discriminant analysis"
    assert len(told["choice"]["titles"]) == len(told["choice"]["right"]) == 5
    assert told["choice"]["images"] == 90 - tested
    assert told["choice"]["says"].endswith(
        "Held out, where the choice had no say, "
        f"{100 * told['accuracy']:.1f} % of {tested} images are right."
    )
    done(session, "undo")
    assert chosen(session) is None
    done(session, "redo")
    assert chosen(session) == told["choice"]
    path = session.require().path
    session.close()
    done(session, "open_project", path=str(path))
    assert chosen(session) == told["choice"]


def test_the_choice_depends_on_the_images_and_not_on_the_way(session, tmp_path):
    images = image_files.class_folders(tmp_path / "pictures", {"a": 30, "b": 30, "c": 30})
    for name in "cab":
        done(session, "learn_folder", paths=[str(images / name)], learner="auto")
    done(session, "forget", name="b")
    done(session, "learn")
    stepwise, kept = chosen(session), memory(session)
    done(session, "learn", learner="ncm")
    done(session, "learn", learner="auto")
    assert chosen(session) == stepwise
    assert memory(session)["chosen"].tolist() == kept["chosen"].tolist()
    np.testing.assert_allclose(memory(session)["weights"], kept["weights"], rtol=1e-5, atol=1e-8)
