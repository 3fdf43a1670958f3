"""A person has a folder of images sorted by class, on the Try page."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest
from PySide6.QtTest import QTest

from app.pages.try_it.sort_dialog import SortDialog
from tests.app.test_accessible import complaints, controls
from tests.helpers.image_files import class_folders
from tests.helpers.window import Person, drop, urls


def opened(person: Person) -> SortDialog:
    """The dialog, opened by its key."""
    person.page("Try")
    person.presses("Ctrl+Shift+S")
    person.sees(lambda: person.window.findChild(SortDialog))
    return person.window.findChild(SortDialog)


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Images of all classes in one folder, as from a camera."""
    root = class_folders(tmp_path / "new", {"apple": 6, "banana": 6, "cherry": 6}, seed=9)
    for path in sorted(root.glob("*/*.jpg")):
        path.rename(root / f"{path.parent.name}-{path.name}")
    for folder in [path for path in root.iterdir() if path.is_dir()]:
        folder.rmdir()
    (root / "broken.jpg").write_bytes(b"")
    return root


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*.jpg"))


def test_a_dropped_folder_is_copied_beside_itself(learnt: Person, mixed: Path) -> None:
    before = files(mixed)
    dialog = opened(learnt)
    assert complaints(dialog) == []
    keys = [w.property("key") for w in controls(dialog) if w.property("key")]
    assert len(keys) == len(set(keys))
    assert not dialog.move_them.isChecked(), "moving must be asked for"
    learnt.presses("Return", dialog)
    learnt.sees(lambda: "Name the folder" in dialog.news.text())
    drop(dialog, urls([mixed]))
    target = mixed.with_name("new sorted")
    assert (dialog.source.text(), dialog.target.text()) == (str(mixed), str(target))

    ended = learnt.waits_for(lambda: learnt.presses("Return", dialog))

    assert ended.how == "done", ended.text
    assert files(mixed) == before
    assert files(target) == [name for name in before if name != "broken.jpg"]
    assert set(ended.result["folders"]) <= {"apple", "banana", "cherry", "none of these"}
    said = next(text for text in learnt.messages() if "into folders" in text)
    assert "18 images were copied" in said
    assert "1 left out" in said


def test_moving_what_is_known_is_listed(learnt: Person, mixed: Path, tmp_path: Path) -> None:
    before = files(mixed)
    dialog = opened(learnt)
    drop(dialog, urls([mixed / "broken.jpg"]))
    learnt.presses("Alt+M", dialog)
    learnt.presses("Alt+L", dialog)
    dialog.target.clear()
    dialog.target.setFocus()
    QTest.keyClicks(dialog.target, str(tmp_path / "by class"))

    ended = learnt.waits_for(lambda: learnt.presses("Return", dialog))

    assert ended.how == "done", ended.text
    moved, left = files(tmp_path / "by class"), files(mixed)
    assert moved
    assert sorted(moved + left) == before
    with open(ended.result["list"], encoding="utf-8", newline="") as file:
        listed = {row["from"]: row["to"] for row in csv.DictReader(file)}
    assert {Path(path).name for path, to in listed.items() if to} == set(moved)
    assert not (tmp_path / "by class" / "none of these").exists()


def test_esc_keeps_what_is_done_and_says_so(learnt: Person, tmp_path: Path) -> None:
    many = class_folders(tmp_path / "many", {"a": 200, "b": 200, "c": 200})
    for file in sorted(many.rglob("*.*")):  # so many that no computer is done before the key
        for number in range(9):
            os.link(file, file.with_name(f"{number} {file.name}"))
    dialog = opened(learnt)
    drop(dialog, urls([many]))
    target = Path(dialog.target.text())
    dialog.sort_button.click()
    learnt.sees(lambda: "of 6,000" in learnt.window.job_bar.doing.full)

    ended = learnt.ends(lambda: learnt.presses("Esc"))

    assert ended.how == "cancelled"
    learnt.sees(lambda: any("stays in" in text for text in learnt.messages()))
    assert len(files(many)) == 6000
    done = files(target)
    assert 0 < len(done) < 6000
    assert not list(target.rglob(".espalier-*"))
    with next(target.glob("sorted *.csv")).open(encoding="utf-8", newline="") as file:
        assert sum(bool(row["to"]) for row in csv.DictReader(file)) == len(done)
