"""One unsorted heap, from the command line: it is added, suggested, named and learnt."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine.session import Session
from tests.helpers import image_files
from tests.helpers.commands import answered, espalier, refused
from tests.helpers.projects import done, ended

COUNT = 12


@pytest.fixture(scope="module")
def sorted_images(home: Path) -> Path:
    """Three classes of images that any network tells apart."""
    return image_files.plain_folders(home / "sorted", ["red", "teal", "violet"], COUNT)


@pytest.fixture(scope="module")
def heap(home: Path, sorted_images: Path) -> Path:
    """The same images in one folder, named so that their order tells nothing."""
    folder = home / "heap"
    folder.mkdir()
    for file in sorted_images.rglob("*.jpg"):
        shutil.copy(file, folder / f"{file.stem} {file.parent.name}.jpg")
    return folder


@pytest.fixture(scope="module")
def empty(home: Path, home_weights: Path) -> Path:
    path = home / "empty.espalier"
    answered(home, "new", path, "--weights", home_weights, "--size", 32)
    return path


@pytest.fixture(scope="module")
def filled(home: Path, empty: Path, heap: Path) -> Path:
    path = shutil.copytree(empty, home / "filled.espalier")
    assert answered(home, "add", path, heap)["added"] == 3 * COUNT
    return path


@pytest.fixture
def project(tmp_path: Path, filled: Path) -> Path:
    return shutil.copytree(filled, tmp_path / "p.espalier")


def opened(path: Path) -> Session:
    session = Session()
    done(session, "open_project", path=str(path))
    return session


def test_images_are_added_without_a_class_and_found_again(home, project, heap):
    again = answered(home, "add", project, heap)
    assert (again["added"], again["already_there"], again["waiting"]) == (0, 36, 36)
    assert answered(home, "classes", project)["classes"] == []
    session = opened(project)
    page = done(session, "unsorted_images", limit=5)
    assert (page["total"], page["aside"], len(page["rows"])) == (36, 0, 5)
    file, begin, length = page["rows"][0]["thumb"]
    assert Path(file).read_bytes()[begin : begin + length].startswith(b"\xff\xd8")
    assert session.view().unsorted == 36
    session.close()
    said = espalier(home, "add", project, heap).stdout
    assert said == "0 images added, 36 wait for a class.\n36 were there already\n"


def test_features_are_computed_when_images_come(project):
    session = opened(project)
    kept = session.require().db.execute("SELECT COUNT(*) FROM feature").fetchone()[0]
    assert kept == 36
    session.close()


def test_what_lies_in_a_class_already_is_said_and_left_out(home, project, sorted_images, tmp_path):
    answered(home, "learn", project, sorted_images / "red")
    session = opened(project)
    assert session.view().unsorted == 24, "images that came with a class wait for none"
    done(session, "undo")
    assert session.view().unsorted == 36
    done(session, "redo")
    session.close()
    found = answered(home, "add", project, sorted_images)
    assert (found["added"], found["already_there"]) == (0, 24)
    assert sorted(Path(p).parent.name for p in found["in_classes"]) == ["red"] * 12
    assert "12 lie in classes already" in espalier(home, "add", project, sorted_images).stdout


def test_the_same_image_twice_in_one_drop_waits_once(home, empty, tmp_path):
    path = shutil.copytree(empty, tmp_path / "p.espalier")
    for name in ("one.jpg", "two.jpg"):
        image_files.image(tmp_path / "twins" / name, seed=3)
    found = answered(home, "add", path, tmp_path / "twins")
    assert (found["added"], found["already_there"]) == (1, 1)


def test_adding_is_undone_and_done_again_and_images_are_removed(project, heap):
    session = opened(project)
    ids = [row["id"] for row in done(session, "unsorted_images")["rows"]]
    assert done(session, "remove_unsorted", images=ids[:5])["removed"] == 5
    assert session.view().undo == ("Add unsorted images", "Remove 5 images")
    assert done(session, "unsorted_images")["total"] == 31
    done(session, "undo")
    assert [row["id"] for row in done(session, "unsorted_images")["rows"]] == ids
    done(session, "undo")
    assert session.view().unsorted == 0
    done(session, "redo")
    assert done(session, "unsorted_images")["total"] == 36
    session.close()
    assert sum(1 for _ in heap.iterdir()) == 36, "files stay where they lie"


def test_folders_called_train_and_test_mean_nothing_in_a_heap(home, empty, tmp_path):
    path = shutil.copytree(empty, tmp_path / "p.espalier")
    for number, part in enumerate(("train", "validation", "test")):
        image_files.class_folder(tmp_path / "dump", part, 2, seed=number)
    assert answered(home, "add", path, tmp_path / "dump")["added"] == 6


def test_what_can_not_be_used_is_told_and_the_rest_is_kept(home, empty, tmp_path):
    path = shutil.copytree(empty, tmp_path / "p.espalier")
    folder = tmp_path / "mixed"
    image_files.image(folder / "good.jpg")
    image_files.text_file(folder / "bad.jpg")
    found = answered(home, "add", path, folder)
    assert found["added"] == 1
    assert [Path(row["path"]).name for row in found["skipped"]] == ["bad.jpg"]
    (tmp_path / "nothing").mkdir()
    assert "Nothing was added." in refused(home, "add", path, tmp_path / "nothing")
    assert "Nothing was added." in refused(home, "add", path, tmp_path / "gone")


def test_what_changes_nothing_is_no_gesture(project):
    session = opened(project)
    assert ended(session, "remove_unsorted", images=[]).result["removed"] == 0
    assert session.view().undo == ("Add unsorted images",)
    session.close()
