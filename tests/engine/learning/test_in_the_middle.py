"""What happens in the middle of a job: files go away, classes are removed, jobs are asked twice."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from engine.events import CANCEL, Ended, Notice, Saved
from engine.jobs import JOBS, load_jobs, run
from engine.session import Session
from tests.helpers import image_files


def learn_until_saved(session: Session, images: Path):
    """Learning, stopped right after the first batch of images was stored."""
    events = run(session, "learn_folder", {"paths": [str(images)]})
    for event in events:
        if isinstance(event, Saved):
            break
    return events


def test_a_drive_that_goes_away_leaves_out_what_was_not_read(session, tmp_path):
    images = image_files.class_folders(tmp_path / "drive", {"a": 90, "b": 90, "c": 90})
    events = learn_until_saved(session, images)
    images.rename(tmp_path / "unplugged")
    rest = list(events)
    assert isinstance(rest[-1], Ended)
    assert rest[-1].how == "done", rest[-1].text
    assert rest[-1].result["skipped"]
    assert any(isinstance(e, Notice) and "left out" in e.text for e in rest)
    assert session.view().images + len(rest[-1].result["skipped"]) == 270


def test_a_file_that_changes_in_the_middle_is_stored_as_it_was_read(session, tmp_path):
    images = image_files.class_folders(tmp_path / "pictures", {"a": 90, "b": 90})
    events = learn_until_saved(session, images)
    last = sorted((images / "b").iterdir())[-1]
    last.write_bytes(b"no image any more")
    *_, ended = events
    assert ended.how == "done"
    assert [Path(s["path"]).name for s in ended.result["skipped"]] == [last.name]


def test_a_class_removed_after_learning_began_is_unlearnt_exactly(session, tmp_path):
    """Jobs that change wait for each other, so the removal comes right after the learning."""
    images = image_files.class_folders(tmp_path / "pictures", {"a": 20, "b": 20, "c": 20})
    list(run(session, "learn_folder", {"paths": [str(images)]}))
    *_, ended = run(session, "remove_class", {"name": "b"})
    assert ended.how == "done", ended.text
    assert session.model().class_names == ("a", "c")
    list(run(session, "undo", {}))
    assert session.model().class_names == ("a", "b", "c")


def test_the_same_job_asked_twice_changes_nothing_more(session, tmp_path):
    images = image_files.class_folders(tmp_path / "pictures", {"a": 20, "b": 20})
    *_, first = run(session, "learn_folder", {"paths": [str(images)]})
    *_, second = run(session, "learn_folder", {"paths": [str(images)]})
    assert second.result["already_there"] == 40
    assert second.result["per_class"] == first.result["per_class"]
    assert session.view().images == 40


def test_a_job_stopped_before_its_start_leaves_no_trace(session, tmp_path):
    images = image_files.class_folders(tmp_path / "pictures", {"a": 8})
    *_, ended = run(session, "learn_folder", {"paths": [str(images)]}, lambda: CANCEL)
    assert ended.how == "cancelled"
    assert session.view().images == 0
    assert session.view().undo == ()


@pytest.mark.logs_warnings
def test_too_little_memory_ends_in_a_sentence(session, monkeypatch):
    load_jobs()

    def hungry(session):
        raise MemoryError
        yield

    monkeypatch.setitem(JOBS, "hungry", replace(JOBS["undo"], name="hungry", work=hungry))
    *_, ended = run(session, "hungry", {})
    assert ended.how == "failed"
    assert "not enough memory" in ended.text
    assert "kept" in ended.text


def test_a_missing_write_ahead_log_and_missing_blobs_are_survived(session, tmp_path):
    images = image_files.class_folders(tmp_path / "pictures", {"a": 20, "b": 20})
    *_, first = run(session, "learn_folder", {"paths": [str(images)]})
    path = session.require().path
    session.close()
    for file in path.glob("project.db-*"):
        file.unlink()
    shutil.rmtree(path / "blobs")
    (path / "blobs").mkdir()
    # The weights are among the blobs: without them the project opens, and says what is missing.
    *_, ended = run(session, "open_project", {"path": str(path)})
    assert ended.how == "done", ended.text
    assert session.view().images == 40
    shutil.copy(tmp_path / "net.safetensors", tmp_path / "again.safetensors")
    weights = str(tmp_path / "again.safetensors")
    list(run(session, "use_backbone", {"weights": weights, "size": 32}))
    *_, again = run(session, "learn", {})
    assert again.how == "done", again.text
    assert again.result["per_class"] == first.result["per_class"]


@pytest.mark.parametrize("place", ["999999", "-1", "'x'"])
def test_activations_that_are_not_where_they_should_be_are_computed_again(session, tmp_path, place):
    images = image_files.class_folders(tmp_path / "pictures", {"a": 20, "b": 20})
    *_, first = run(session, "learn_folder", {"paths": [str(images)]})
    with session.require().transaction() as db:
        db.execute(f"UPDATE feature SET place = {place} WHERE place = 3")
        db.execute("UPDATE image SET phash = 'zz' WHERE id = 5")
    list(run(session, "learn", {"learner": "ncm"}))
    *_, again = run(session, "learn", {"learner": "slda"})
    assert again.how == "done", again.text
    assert again.result["per_class"] == first.result["per_class"]
    *_, near = run(session, "near_duplicates", {})
    assert near.how == "done", near.text
