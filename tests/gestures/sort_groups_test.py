"""A person opens a group of images that are alike, and takes out what does not belong to it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.widgets.viewer import Viewer
from tests.helpers.image_files import plain_folders
from tests.helpers.sort_page import at_rest, class_of, current, page, presses, rows, types
from tests.helpers.window import Person

CTRL = Qt.KeyboardModifier.ControlModifier
NONE = Qt.KeyboardModifier.NoModifier
LEFT = Qt.MouseButton.LeftButton


def clicks(person: Person, place: int, keys: Qt.KeyboardModifier = NONE) -> None:
    gallery = page(person).gallery
    spot = gallery.visualRect(gallery.rows.index(place)).center()
    QTest.mouseClick(gallery.viewport(), LEFT, keys, spot)


def open_by_double_click(person: Person) -> None:
    gallery = page(person).gallery
    spot = gallery.visualRect(gallery.currentIndex()).center()
    QTest.mouseClick(gallery.viewport(), LEFT, NONE, spot)
    QTest.mouseDClick(gallery.viewport(), LEFT, NONE, spot)


def open_by_count(person: Person) -> None:
    gallery = page(person).gallery
    spot = gallery.tile.count_place(gallery.visualRect(gallery.currentIndex())).center()
    QTest.mouseClick(gallery.viewport(), LEFT, NONE, spot)


def leaves(person: Person) -> None:
    """Escape belongs to the gallery here, and comes as from a keyboard."""
    assert page(person).gallery.hasFocus()
    QTest.keyClick(page(person).gallery, Qt.Key.Key_Escape)


WAYS = {
    "Space": lambda person: presses(person, "Space"),
    "Enter": lambda person: presses(person, "Return"),
    "plus": lambda person: presses(person, "+"),
    "count": open_by_count,
    "double click": open_by_double_click,
}


@pytest.mark.parametrize("way", list(WAYS))
def test_a_group_opens_as_a_grid_of_its_images(sorter: Person, way: str) -> None:
    found, groups, first = page(sorter), len(rows(sorter)), current(sorter)
    assert found.side.accept.text() == "Open the group  ↵"
    assert found.side.accept.isEnabled()

    WAYS[way](sorter)

    assert [row["id"] for row in rows(sorter)] == first["members"]
    assert len(found.chosen()) == len(first["members"]), "a name would be for all of them"
    sorter.sees(lambda: all(row["path"] for row in rows(sorter)))
    assert found.bar.groups.isVisible()
    presses(sorter, "Space")
    viewer = sorter.window.findChild(Viewer)
    assert viewer is not None, "an image of the group is seen large"
    viewer.close()

    leaves(sorter)

    assert len(rows(sorter)) == groups
    assert current(sorter)["members"] == first["members"]
    assert not found.bar.groups.isVisible()


def test_enter_accepts_all_of_a_group_also_what_is_not_seen(owner: Person, tmp_path: Path) -> None:
    """Of images further down nothing is known yet; Enter was kept for them, until something else
    was done."""
    submit = owner.window.bridge.submit
    root = plain_folders(tmp_path / "many", ["red", "teal"], 50)
    for name in ("red", "teal"):
        (root / name / "000.jpg").rename(root / f"{name}.jpg")
    owner.waits_for(lambda: submit("add_unsorted", paths=[str(root)]))
    for name in ("red", "teal"):
        owner.waits_for(lambda n=name: submit("label_images", paths=[str(root / f"{n}.jpg")], to=n))
    owner.waits_for(lambda: submit("learn_sorted"))
    owner.window.resize(1024, 700)
    found = owner.page("Sort")
    at_rest(owner)
    found.choose_order("groups")
    at_rest(owner)
    count = len(current(owner)["members"])
    presses(owner, "Return")
    at_rest(owner)
    assert found.side.open.text() == "Close  +"
    assert not all(row["path"] for row in rows(owner)), "some are not looked at yet"
    assert found.side.accept.text() == "Accept each  ↵"

    presses(owner, "Return")

    owner.sees(lambda: found.sorting.standing["accepted"] == count)
    at_rest(owner)


def test_what_is_taken_out_of_a_group_is_not_named_with_it(sorter: Person) -> None:
    found, groups, first = page(sorter), len(rows(sorter)), current(sorter)
    count, odd = len(first["members"]), first["members"][0]
    waits = {n for row in rows(sorter) for n in row["members"]}
    presses(sorter, "+")
    sorter.sees(lambda: all(row["path"] for row in rows(sorter)))
    presses(sorter, "-")
    assert len(rows(sorter)) == count, "nothing would be left of it"
    clicks(sorter, 0)
    assert [row["id"] for row in found.chosen()] == [odd]

    presses(sorter, "-")

    assert odd not in [row["id"] for row in rows(sorter)]
    assert len(found.chosen()) == count - 1, "the rest is chosen, to be named"
    types(sorter, class_of(first))
    at_rest(sorter)
    assert sorter.classes() == {class_of(first): count - 1}
    assert len(rows(sorter)) == groups, "one group went, and one image is alone now"
    alone = next(row for row in rows(sorter) if row["members"] == [odd])
    assert alone["caption"] == "1 image"
    presses(sorter, "Backspace")
    at_rest(sorter)
    assert not sorter.classes()
    assert [odd] in [row["members"] for row in rows(sorter)], "it stays taken out"
    assert {n for row in rows(sorter) for n in row["members"]} == waits


def test_one_image_of_an_open_group_is_named_and_comes_back(sorter: Person) -> None:
    members = current(sorter)["members"]
    presses(sorter, "+")
    sorter.sees(lambda: all(row["path"] for row in rows(sorter)))
    clicks(sorter, 1)
    name = class_of(current(sorter))

    types(sorter, name)
    at_rest(sorter)

    assert sorter.classes() == {name: 1}
    assert [row["id"] for row in rows(sorter)] == [members[0], *members[2:]]
    presses(sorter, "Backspace")
    at_rest(sorter)
    assert [row["id"] for row in rows(sorter)] == members, "it is where it was"
    leaves(sorter)
    assert current(sorter)["members"] == members


def test_an_undo_after_a_group_was_closed_brings_its_image_back(sorter: Person) -> None:
    waits = {n for row in rows(sorter) for n in row["members"]}
    presses(sorter, "+")
    sorter.sees(lambda: all(row["path"] for row in rows(sorter)))
    clicks(sorter, 1)
    types(sorter, "odd one")
    leaves(sorter)
    at_rest(sorter)
    assert len({n for row in rows(sorter) for n in row["members"]}) == len(waits) - 1

    presses(sorter, "Backspace")
    at_rest(sorter)

    assert {n for row in rows(sorter) for n in row["members"]} == waits


def test_a_click_on_all_groups_leaves_the_keys_with_the_images(sorter: Person) -> None:
    found = page(sorter)
    presses(sorter, "Space")
    sorter.sees(lambda: found.bar.groups.isVisible())
    QTest.mouseClick(found.bar.groups, LEFT)
    assert "members" in rows(sorter)[0]
    presses(sorter, "Space")
    assert "members" not in rows(sorter)[0]
    leaves(sorter)
    assert "members" in rows(sorter)[0]
