"""What is written waits for the disk: files before their names, and folders after their entries."""

from __future__ import annotations

import os
import sys
from contextlib import closing
from pathlib import Path

import pytest

from app.shell.preferences import Preferences
from engine.search.latency.files import write_text
from engine.session import Session
from engine.storage.blobs import Blobs
from engine.training.checkpoints import write_state
from tests.helpers import image_files, projects

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")

Told = list[tuple[str, Path]]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """What the system was told to do with files, in order."""
    said: Told = []
    fsync, replace, unlink = os.fsync, os.replace, os.unlink

    def synced(handle: int) -> None:
        said.append(("sync", Path(os.readlink(f"/proc/self/fd/{handle}"))))
        fsync(handle)

    def replaced(source: str, to: str) -> None:
        said.append(("replace", Path(to)))
        replace(source, to)

    def unlinked(path: str, **more: object) -> None:
        said.append(("unlink", Path(path)))
        unlink(path, **more)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    monkeypatch.setattr(os, "unlink", unlinked)
    return said


def after(told: Told, what: tuple[str, Path], *wanted: tuple[str, Path]) -> bool:
    """Whether all that is wanted comes after the last time that `what` was done."""
    last = max(at for at, done in enumerate(told) if done == what)
    return set(wanted) <= set(told[last + 1 :])


def test_a_blob_in_a_new_folder_and_the_next_one_in_it(told, tmp_path):
    blobs = Blobs(tmp_path / "blobs")
    blobs.folder.mkdir()
    path = blobs.path(blobs.put(b"first"))
    assert ("sync", blobs.folder) in told
    assert after(told, ("replace", path), ("sync", path.parent))
    told.clear()
    path.unlink()
    blobs.put(b"first")
    assert ("sync", blobs.folder) not in told
    assert after(told, ("replace", path), ("sync", path.parent))


@pytest.mark.parametrize("name", ["window.json", "table.json", "checkpoint.pt"])
def test_a_file_that_is_replaced_and_its_folder(told, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"{}")
    told.clear()
    if name == "window.json":
        Preferences(path).put("theme", "dark")
    elif name == "table.json":
        write_text(path, "new")
    else:
        write_state({"position": 1}, path)
    half = told[0]
    assert half[0] == "sync"
    assert half[1].suffix == ".half"
    assert told[1:] == [("replace", path), ("sync", tmp_path)]
    assert path.read_bytes() != b"{}"
    assert list(tmp_path.iterdir()) == [path]


def test_an_export_and_what_it_moves(told, tmp_path):
    there = tmp_path / "there"
    there.mkdir()
    with closing(projects.opened(tmp_path)) as session:
        projects.done(session, "export", path=str(there / "m.onnx"))
        for path in there.iterdir():
            assert after(told, ("replace", path), ("sync", there)), path
        source, target = tmp_path / "source", tmp_path / "target"
        images = [image_files.image(source / f"{n}.jpg", n) for n in range(3)]
        told.clear()
        moved(session, there / "m.onnx", source, target)
    folders = {path.parent for path in target.rglob("*.jpg")}
    (table,) = target.glob("*.csv")
    first = min(told.index(("unlink", path)) for path in images)
    before = told[:first]
    assert {("sync", folder) for folder in folders} <= set(before)
    assert ("sync", table) in before
    assert after(told, ("unlink", images[-1]), ("sync", source))


def moved(session: Session, model: Path, source: Path, target: Path) -> None:
    """Sorts the images of a folder into one other, whatever they show."""
    projects.done(
        session, "sort_images", paths=[str(source)], to=str(target), model=str(model), move=True
    )
