"""What the tests of the Sort page use: a heap in a window, and hands that name its images."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from tests.helpers.image_files import plain_folders
from tests.helpers.window import Person, drop, urls

CLASSES = ["red", "teal", "violet"]
COUNT = 12


@pytest.fixture
def heap(tmp_path: Path) -> Path:
    """Images of three classes in one folder."""
    folder = tmp_path / "heap"
    folder.mkdir()
    for file in plain_folders(tmp_path / "sorted", CLASSES, COUNT).rglob("*.jpg"):
        shutil.copy(file, folder / f"{file.stem} {file.parent.name}.jpg")
    return folder


@pytest.fixture
def sorter(owner: Person, heap: Path) -> Person:
    """A person on the Sort page with a heap, of which nothing is named."""
    page = owner.page("Sort")
    ended = owner.waits_for(lambda: drop(page, urls([heap])))
    assert ended.how == "done", ended.text
    at_rest(owner)
    return owner


@pytest.fixture
def begun(owner: Person, heap: Path) -> Person:
    """A person on the Sort page, where an image of each class is named, so that all the others
    have suggestions."""
    submit = owner.window.bridge.submit
    owner.waits_for(lambda: submit("add_unsorted", paths=[str(heap)]))
    for name in CLASSES:
        paths = [str(heap / f"000 {name}.jpg")]
        ended = owner.waits_for(lambda p=paths, n=name: submit("label_images", paths=p, to=n))
        assert ended.how == "done", ended.text
    assert owner.waits_for(lambda: submit("learn_sorted")).how == "done"
    owner.page("Sort")
    at_rest(owner)
    return owner


def page(person: Person) -> Any:
    return person.window.pages["Sort"]


def rows(person: Person) -> list[Any]:
    return page(person).rows.everything()


def files(person: Person) -> list[str]:
    """Those that wait, as they are shown."""
    return [Path(row["path"]).name for row in rows(person) if "done" not in row]


def class_of(row: Any) -> str:
    return Path(row["path"]).stem.split()[1]


def plain(person: Person) -> int:
    """The first place with an image for which a class is suggested."""
    return next(i for i, row in enumerate(rows(person)) if not {"choices", "done"} & row.keys())


def current(person: Person) -> Any:
    found = page(person)
    return found.rows.row(found.gallery.currentIndex().row())


def at_rest(person: Person) -> None:
    """All that was asked is answered, and what was sorted is learnt."""
    sorting = page(person).sorting
    person.sees(
        lambda: (
            not sorting.asking
            and not sorting.stale
            and not sorting.pause.isActive()
            and not person.window.bridge.jobs
        )
    )


def presses(person: Person, key: str) -> None:
    person.presses(key)


def types(person: Person, name: str) -> None:
    """Begins with a letter in the grid, and goes on in the field, which has the focus then."""
    gallery, field = page(person).gallery, page(person).side.field
    gallery.setFocus()
    QTest.keyClicks(gallery, name[0])
    assert field.hasFocus()
    QTest.keyClicks(field, name[1:])
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert gallery.hasFocus(), "the hand is back in the grid"
