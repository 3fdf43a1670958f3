"""A fifth of each class is kept for testing afterwards, where sorting a heap left none of it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from engine.session import Session
from tests.gestures.bursts_test import bursts
from tests.helpers.commands import answered, espalier, refused
from tests.helpers.image_files import plain_folders
from tests.helpers.projects import done
from tests.helpers.sort_page import at_rest, current, page, rows, types
from tests.helpers.window import Person, texts

NEW = ("--size", 32)


def sides(project: Path, name: str) -> dict[str, str]:
    """The side of each image of a class, by its path."""
    with closing(Session()) as session:
        done(session, "open_project", path=str(project))
        found = done(session, "images", class_name=name, limit=1000)["rows"]
    return {row["path"]: row["split"] for row in found}


def held(found: dict[str, str]) -> list[str]:
    return sorted(path for path, split in found.items() if split == "validation")


def named(home: Path, project: Path, folder: Path, name: str) -> None:
    """All images of a folder as one class, from the heap."""
    answered(home, "add", project, folder)
    files = sorted(str(path) for path in folder.rglob("*.jpg"))
    answered(home, "label", project, *files, name)


@pytest.fixture
def project(home: Path, home_weights: Path, tmp_path: Path) -> Path:
    path = tmp_path / "p.espalier"
    answered(home, "new", path, "--weights", home_weights, *NEW)
    return path


def test_a_fifth_is_kept_learnt_again_and_undone(home: Path, project: Path, tmp_path: Path) -> None:
    folders = plain_folders(tmp_path / "sorted", ["red", "teal"], 40)
    named(home, project, folders / "red", "red")
    named(home, project, folders / "teal", "teal")
    before = {name: held(sides(project, name)) for name in ("red", "teal")}

    said = espalier(home, "hold-out", project)

    assert said.returncode == 0, said.stderr
    after = {name: held(sides(project, name)) for name in ("red", "teal")}
    for name in after:
        assert set(before[name]) < set(after[name])
        assert 3 <= len(after[name]) <= 12, "about a fifth of 40"
    scores = answered(home, "score", project)
    assert sum(row["images"] for row in scores["rows"]) == sum(map(len, after.values()))
    with closing(Session()) as session:
        done(session, "open_project", path=str(project))
        done(session, "undo")
    assert {name: held(sides(project, name)) for name in ("red", "teal")} == before


def test_no_burst_is_cut(home: Path, project: Path, tmp_path: Path) -> None:
    night = bursts(tmp_path, "night", [4] * 10)
    named(home, project, night, "moth")
    day = bursts(tmp_path, "day", [12], seed=1, hue=0.7)
    named(home, project, day, "bird")

    answered(home, "hold-out", project)

    found = sides(project, "moth")
    files = sorted(found)
    groups = [{found[file] for file in files[at : at + 4]} for at in range(0, 40, 4)]
    assert all(len(group) == 1 for group in groups)
    assert {"validation"} in groups
    assert {"train"} in groups
    assert not held(sides(project, "bird")), "one burst is all that there is to learn from"


def test_where_nothing_can_be_kept_it_says_why(home: Path, project: Path, tmp_path: Path) -> None:
    named(home, project, bursts(tmp_path, "day", [12]), "bird")
    assert "each class needs five" in refused(home, "hold-out", project)


def judged_by(person: Person, name: str) -> int:
    return next(known.validation for known in person.project.classes if known.name == name)


@pytest.fixture
def without(sorter: Person) -> Person:
    """A person who sorted a heap by groups: none of it is for testing, but what was drawn."""
    while rows(sorter):
        types(sorter, "drawn" if "choices" in current(sorter) else "alike")
        at_rest(sorter)
    assert not judged_by(sorter, "alike")
    return sorter


def offers(person: Person) -> list[Any]:
    """The buttons that offer it, on both pages."""
    return [page(person).hold_out, person.window.pages["Learn"].scores.summary.hold_out]


@pytest.mark.parametrize("where", [0, 1])
def test_it_is_offered_where_a_class_has_none_and_one_undo_takes_it_back(
    without: Person, where: int
) -> None:
    without.page("Learn" if where else "Sort")
    made = offers(without)[where]
    without.sees(made.isVisible)
    before = without.project.undo

    ended = without.waits_for(lambda: QTest.mouseClick(made, Qt.MouseButton.LeftButton))

    assert ended.how == "done", ended.text
    assert judged_by(without, "alike") >= 3
    assert without.project.undo == (*before, "Keep a fifth of each class for testing")
    without.sees(lambda: not made.isVisible())
    without.page("Learn")
    summary = without.window.pages["Learn"].scores.summary
    without.sees(lambda: "test images are right" in texts(summary))
    assert without.waits_for(lambda: without.window.bridge.submit("undo")).how == "done"
    assert not judged_by(without, "alike")
