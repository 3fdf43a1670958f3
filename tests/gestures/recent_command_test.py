"""Only recent images are learnt: what is too old is unlearnt exactly, and comes back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.session import Session
from engine.storage import steps
from tests.gestures.stream_command_test import dated
from tests.helpers import image_files
from tests.helpers.commands import answered, espalier, refused
from tests.helpers.projects import done

CLASSES = ["red", "teal", "violet"]


@pytest.fixture(scope="module")
def images(home: Path) -> Path:
    """14 of each class, a day apart; of violet the first half has no time."""
    root = image_files.plain_folders(home / "images", CLASSES, 14)
    undated = image_files.plain_folders(home / "undated", ["violet"], 14)
    dated(root)
    for file in sorted((undated / "violet").iterdir())[:7]:
        file.replace(root / "violet" / file.name)
    return root


@pytest.fixture
def project(home: Path, home_weights: Path, images: Path, tmp_path: Path) -> Path:
    path = tmp_path / "p.espalier"
    answered(home, "new", path, "--weights", home_weights, "--size", 32)
    answered(home, "learn", path, images)
    return path


def learnt(project: Path) -> tuple[dict[str, list[str]], dict[str, np.ndarray]]:
    """The files of each class that the step in use learnt, and its learner's memory."""
    session = Session()
    opened = session.open(project)
    kept = steps.learnt(opened, steps.current(opened))
    found: dict[str, list[str]] = {name: [] for name in CLASSES}
    used = {h for hashes in kept.images.values() for h in hashes}
    for sha256, path, name in opened.db.execute(
        "SELECT sha256, path, name FROM image JOIN class ON class.id = class_id"
    ):
        if sha256 in used:
            found[name].append(Path(path).name)
    session.close()
    return {n: sorted(files) for n, files in found.items()}, dict(kept.memory)


def test_a_window_is_equal_to_learning_just_its_images(home: Path, project: Path) -> None:
    every, _ = learnt(project)
    found = answered(home, "recent", project, "--images", 5)
    assert (found["images"], found["learnt"]) == (5, 15)
    assert found["old"] == sum(map(len, every.values())) - 15
    assert "fewer than 5 of its class are newer" in found["formula"]
    files, memory = learnt(project)
    assert files == {name: every[name][-5:] for name in CLASSES}
    assert answered(home, "recent", project)["images"] == 5  # it is kept
    session = Session()
    session.open(project)
    done(session, "set_recent")
    gone = [
        row["id"]
        for row in session.require().db.query(
            "SELECT image.id, path, name FROM image JOIN class ON class.id = class_id"
            " WHERE split = 'train'"
        )
        if Path(row["path"]).name not in files[row["name"]]
    ]
    done(session, "remove_images", images=gone)
    done(session, "learn")
    session.close()
    _, just_these = learnt(project)
    for name, array in just_these.items():
        np.testing.assert_allclose(memory[name], array, rtol=1e-6, atol=1e-9, err_msg=name)


def test_days_count_back_from_the_newest_and_one_undo_takes_it_back(
    home: Path, project: Path
) -> None:
    every, before = learnt(project)
    said = espalier(home, "recent", project, "--days", 4).stdout
    assert "t(newest) − t(image) ≤ 4 days" in said
    files, _ = learnt(project)
    newest = max(number(name) for some in every.values() for name in some)
    for name in CLASSES:
        kept = [f for f in every[name] if number(f) >= newest - 4 or undated(name, f)]
        assert files[name] == kept, "images without a camera's time have no age"
        assert name == "violet" or len(kept) < len(every[name])
    session = Session()
    session.open(project)
    done(session, "undo")
    session.close()
    assert answered(home, "recent", project)["days"] == 0
    files, memory = learnt(project)
    assert files == every
    for name, array in memory.items():
        np.testing.assert_array_equal(before[name], array)


def number(file: str) -> int:
    return int(file[:3])


def undated(name: str, file: str) -> bool:
    return name == "violet" and number(file) < 7


def test_a_stream_forgets_on_its_way(home: Path, project: Path, tmp_path: Path) -> None:
    later = dated(image_files.plain_folders(tmp_path / "later", CLASSES, 4, seed=1))
    found = answered(home, "stream", project, later, "--images", 3, "--order", "came")
    assert "fewer than 3 of its class" in found["recent"]
    assert found["orders"][0]["accuracy"] > 0.5, "a noisy field of one colour is mostly told"
    assert answered(home, "stream", project, later, "--order", "came")["recent"] == ""
    answered(home, "recent", project, "--days", 9)
    assert "9 days" in answered(home, "stream", project, later, "--order", "came")["recent"]


def test_what_makes_no_sense_is_refused(home: Path, project: Path) -> None:
    assert "0 for all" in refused(home, "recent", project, "--images", "-1")
    assert "0 for all" in refused(home, "recent", project, "--days", "nan")
