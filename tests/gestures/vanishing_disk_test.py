"""A disk that breaks, or is pulled in the middle: it is said as that, and never as damage.

tests/bench/drills/disks.py does it to every verb, at random moments.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.models.supernet import files
from engine.storage.trusted import damaged
from engine.system import crash_points
from engine.system.trouble import DISK, FILES, PROTECTED, is_memory, sentence_for
from tests.bench.drills.small_disk import Disk, disk, possible
from tests.helpers import image_files
from tests.helpers.commands import answered, espalier

SIZE_OF_DISK = 64 << 20
GONE, MEMORY = "is not where it was", "not enough memory"


@pytest.fixture(scope="module")
def images(home: Path) -> Path:
    return image_files.class_folders(home / "images", dict.fromkeys("abc", 8))


@pytest.fixture(scope="module")
def learnt(home: Path, home_weights: Path, images: Path) -> Path:
    path = home / "p.espalier"
    answered(home, "new", path, "--weights", home_weights, "--size", 32)
    answered(home, "learn", path, images / "a", images / "b", "--learner", "ncm")
    return path


@contextmanager
def at(point: str, act: Callable[[], object]) -> Iterator[list[str]]:
    """Does something once, when a point of a write is passed."""
    passed = list[str]()

    def look(name: str) -> None:
        if name == point and not passed:
            passed.append(name)
            act()

    crash_points.watching.append(look)
    try:
        yield passed
    finally:
        crash_points.watching.remove(look)


def failed(home: Path, *words: object) -> str:
    """The one sentence of a command that the system refused something."""
    done = espalier(home, *words)
    assert done.returncode in (1, 2), (done.stdout, done.stderr)
    said = done.stderr.strip()
    assert "defect" not in said
    assert "damaged" not in said
    assert len(said.splitlines()) == 1, said
    return said


@pytest.mark.logs_warnings
@pytest.mark.skipif(sys.platform == "win32", reason="no folder is moved there that is in use")
def test_a_project_that_is_taken_away_while_it_learns_is_written_nowhere_else(
    home, learnt, images, tmp_path
):
    project = Path(shutil.copytree(learnt, tmp_path / "here" / "p.espalier"))
    elsewhere = tmp_path / "elsewhere.espalier"
    before = answered(home, "classes", project)
    with at("after commit", lambda: project.rename(elsewhere)) as passed:
        assert GONE in failed(home, "learn", project, images / "c")
    assert passed
    assert not project.exists(), "something was made where the project had been"
    elsewhere.rename(project)
    assert answered(home, "classes", project) == before
    answered(home, "learn", project, images / "c")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disk]:
    if not possible():
        pytest.skip("mounts a small disk, which takes Linux, root and ext4")
    with disk(tmp_path_factory.mktemp("small") / "disk", SIZE_OF_DISK) as made:
        yield made


@pytest.mark.logs_warnings
@pytest.mark.parametrize(
    ("act", "say"), [(Disk.protect, PROTECTED), (Disk.break_off, DISK), (Disk.pull, GONE)]
)
def test_a_disk_that_goes_in_the_middle_leaves_the_project_as_it_was(
    home, learnt, images, small, act, say
):
    project = Path(shutil.copytree(learnt, small.emptied() / "p.espalier"))
    before = answered(home, "score", project)
    small.sync()
    with at("blob written", lambda: act(small)) as passed:
        assert say in failed(home, "learn", project, images / "c")
    assert passed
    assert small.mended() == [], "something was written where the disk had been"
    assert answered(home, "score", project) == before
    answered(home, "forget", project, "a")


def test_what_the_system_refuses_is_said_by_its_number(tmp_path):
    here = "/images/disk full and damaged/a.jpg"
    for number, say in (
        (errno.EMFILE, FILES),
        (errno.EIO, DISK),
        (errno.EROFS, PROTECTED),
        (errno.ENOMEM, MEMORY),
    ):
        assert say in sentence_for(OSError(number, os.strerror(number), here))
    said = sentence_for(PermissionError(errno.EACCES, os.strerror(errno.EACCES), here))
    assert f"refused “{here}”: permission denied. Mend" in said
    assert GONE in sentence_for(sqlite3.OperationalError("unable to open"), tmp_path / "p.espalier")


def test_what_is_gone_is_not_called_damaged(tmp_path):
    file = tmp_path / "p.espalier" / "project.db"
    assert GONE in damaged(file, "quick_check")
    file.parent.mkdir()
    file.touch()
    assert "is damaged (quick_check)" in damaged(file, "quick_check")


@pytest.mark.logs_warnings
def test_weights_that_there_is_no_memory_for_are_not_called_damaged(home, tmp_path, monkeypatch):
    """What PyTorch and safetensors say then, whose words are all that there is to know it by."""
    told = iter(
        (
            MemoryError("Cannot allocate memory (os error 12)"),
            RuntimeError("unable to mmap 3 bytes from file <a>: Cannot allocate memory (12)"),
        )
    )

    def read(path: Path) -> SimpleNamespace:
        raise next(told)

    monkeypatch.setattr(files, "read", read)
    for _ in range(2):
        said = espalier(home, "new", tmp_path / "q", "--backbone", "embedded", "--size", 32)
        assert MEMORY in said.stderr, said.stderr
        assert not (tmp_path / "q.espalier").exists()


def test_an_image_called_out_of_memory_is_no_lack_of_it():
    assert is_memory(RuntimeError("can't start new thread"))
    assert not is_memory(ValueError("can't start new thread.jpg is no image"))
