"""A disk that is full, or can't be written: it is said, reading goes on, and nothing is lost."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.system.files import is_full
from engine.system.trouble import sentence_for
from tests.gestures.bad_inputs_test import read_only
from tests.helpers import image_files
from tests.helpers.commands import answered, espalier, refused

SIZE_OF_DISK = 32 << 20
FULL = "disk is full"
QUICK = ("--set", "batch=8", "--epochs", 1)
Fill = Callable[[int], None]


@pytest.fixture(scope="module")
def photos(home: Path) -> Path:
    return image_files.class_folders(home / "photos", dict.fromkeys("abcd", 12))


@pytest.fixture(scope="module")
def learnt(home: Path, home_weights: Path, photos: Path) -> Path:
    """A project that learnt three classes, on a disk with room."""
    path = home / "p.espalier"
    answered(home, "new", path, "--weights", home_weights, "--size", 32)
    answered(home, "learn", path, photos / "a", photos / "b", photos / "c", "--learner", "ncm")
    return path


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("mounts a small disk, which takes Linux and root")
    size = f"size={SIZE_OF_DISK}"
    mount = ["mount", "-t", "tmpfs", "-o", size, "espalier-tests", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture
def fill(disk: Path) -> Fill:
    """Leaves so many bytes free on the disk."""

    def filled(left: int) -> None:
        filler = disk / "filler"
        filler.unlink(missing_ok=True)
        filler.write_bytes(bytes(free(disk) - left))
        assert free(disk) == left

    return filled


def free(disk: Path) -> int:
    found = os.statvfs(disk)
    return found.f_bavail * found.f_bsize


@pytest.mark.logs_warnings
@pytest.mark.parametrize("left", [0, 8 << 10, 64 << 10])
def test_a_project_on_a_full_disk_answers_and_is_never_called_damaged(
    home, learnt, photos, disk, fill, left
):
    project = Path(shutil.copytree(learnt, disk / "p.espalier"))
    some = photos / "a" / "000.jpg"
    expected = answered(home, "predict", project, some)
    fill(left)
    assert answered(home, "predict", project, some) == expected
    assert len(answered(home, "classes", project)["classes"]) == 3
    for words in (
        ["forget", project, "a"],
        ["learn", project, photos / "d"],
        ["tune", project, *QUICK],
    ):
        done = espalier(home, *words)
        assert done.returncode in (1, 2)
        assert FULL in done.stderr, words
        assert "damaged" not in done.stderr
        assert answered(home, "predict", project, some) == expected
    (disk / "filler").unlink()
    answered(home, "forget", project, "a")
    assert set(answered(home, "score", project)["per_class"]) == set("bc")


@pytest.mark.parametrize("left", [0, 20 << 10, 100 << 10])
def test_a_project_that_there_is_no_room_for_leaves_its_name_free(
    home, home_weights, disk, fill, left
):
    fill(left)
    words = ("new", disk / "q", "--weights", home_weights, "--size", 32)
    assert FULL in refused(home, *words)
    assert sorted(path.name for path in disk.iterdir()) == ["filler"]
    (disk / "filler").unlink()
    answered(home, *words)


@pytest.mark.logs_warnings
def test_a_gesture_that_a_full_disk_stops_is_taken_back_when_there_is_room(
    home, learnt, photos, disk, fill
):
    """Room for the first transaction, and for no second one."""
    project = Path(shutil.copytree(learnt, disk / "p.espalier"))
    before = answered(home, "score", project)
    stopped = set()
    for left in range(48 << 10, 200 << 10, 16 << 10):
        fill(left)
        done = espalier(home, "forget", project, "a")
        if done.returncode == 0:
            break
        stopped.add(FULL in done.stderr)
        found = answered(home, "score", project)
        assert (found["per_class"], found["accuracy"]) == (before["per_class"], before["accuracy"])
    assert stopped == {True}


def test_an_export_on_a_full_disk_leaves_the_one_that_was_there(home, learnt, disk, fill):
    file = disk / "m.onnx"
    answered(home, "export", learnt, "--to", file)
    before = {path.name: path.read_bytes() for path in disk.iterdir()}
    fill(64 << 10)
    said = refused(home, "export", learnt, "--to", file, "--overwrite")
    assert "Free some space" in said
    (disk / "filler").unlink()
    assert {path.name: path.read_bytes() for path in disk.iterdir()} == before


def test_what_says_that_there_is_no_room_is_its_number_and_not_its_words(tmp_path):
    here = "/photos/full-size/a.jpg"
    other = sentence_for(PermissionError(errno.EACCES, os.strerror(errno.EACCES), here))
    assert "full-size" in other
    assert FULL not in other
    for number in (errno.ENOSPC, errno.EDQUOT):
        assert FULL in sentence_for(OSError(number, os.strerror(number), here))
    db = sqlite3.connect(tmp_path / "a.db")
    db.execute("PRAGMA max_page_count = 1")
    with pytest.raises(sqlite3.OperationalError) as error:
        db.execute("CREATE TABLE full (x)")
    db.close()
    assert FULL in sentence_for(error.value)
    with pytest.raises(sqlite3.OperationalError) as error:
        sqlite3.connect(tmp_path / "no" / "full.db")
    assert not is_full(error.value, tmp_path)


def test_a_search_in_a_project_that_can_not_be_written_is_refused_before_it_measures(
    home, photos, tmp_path
):
    project = home / "supernet.espalier"
    answered(home, "new", project, "--backbone", "embedded", "--size", 32)
    answered(home, "learn", project, photos / "a", photos / "b")
    theirs = tmp_path / "someone else's home"
    theirs.mkdir(mode=0o777)
    theirs.chmod(0o777)
    with read_only(project):
        said = refused(theirs, "specialise", project, "--latency-ms", 1)
    assert "only be read" in said
    assert "measured" not in said, "the table of this computer was begun"
