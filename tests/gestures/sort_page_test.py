"""A person sorts one heap of images on the Sort page, with keys and with the mouse."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QDrag
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QPushButton

from app.widgets.rows import MIME
from app.widgets.viewer import Viewer
from tests.gestures.bursts_test import bursts
from tests.helpers.image_files import class_folders, plain_folders
from tests.helpers.sort_page import (
    CLASSES,
    COUNT,
    at_rest,
    class_of,
    current,
    files,
    page,
    plain,
    presses,
    rows,
    types,
)
from tests.helpers.window import Person, drop, urls

SHIFT = Qt.KeyboardModifier.ShiftModifier
NONE = Qt.KeyboardModifier.NoModifier


def test_the_page_is_reached_and_says_what_to_do_first(owner: Person, heap: Path) -> None:
    presses(owner, "Ctrl+7")
    found = page(owner)
    owner.sees(lambda: owner.window.stack.currentWidget() is found)
    assert found.pages.currentWidget() is found.empty
    (button,) = [b for b in found.empty.findChildren(QPushButton) if b.isVisible()]
    assert button.hasFocus()
    owner.will_choose_file(heap)

    button.click()

    owner.sees(lambda: found.pages.currentWidget() is found.work)
    at_rest(owner)
    assert owner.project.unsorted == 3 * COUNT
    assert "36 images wait for their class on the Sort page." in owner.messages()
    presses(owner, "Ctrl+2")
    owner.sees(lambda: owner.window.stack.currentWidget() is owner.window.pages["Learn"])


def test_single_files_can_be_dropped_and_images_takes_drops_as_ever(
    owner: Person, heap: Path
) -> None:
    some = sorted(heap.iterdir())[:4]
    owner.waits_for(lambda: drop(owner.page("Sort"), urls(some)))
    at_rest(owner)
    assert owner.project.unsorted == 4
    ended = owner.waits_for(lambda: drop(owner.page("Images"), urls([heap.parent / "sorted"])))
    assert ended.how == "done", ended.text
    assert set(owner.classes()) == set(CLASSES)


def test_images_that_are_here_already_are_said_to_be(sorter: Person, heap: Path) -> None:
    sorter.waits_for(lambda: drop(page(sorter), urls([heap])))
    at_rest(sorter)
    assert any("in the project already" in text for text in sorter.messages())
    assert sorter.project.unsorted == 3 * COUNT


def test_a_project_with_nothing_but_a_heap_opens_where_it_is_sorted(sorter: Person) -> None:
    path = sorter.project.path
    sorter.window.close_project()
    sorter.sees(lambda: sorter.project is None)
    sorter.window.open_project(path)
    sorter.sees(lambda: sorter.project is not None)
    at_rest(sorter)
    assert sorter.window.stack.currentWidget() is page(sorter)
    assert rows(sorter)
    assert sorter.page("Images").empty.title.text() == "No classes yet"


def test_groups_come_first_and_a_name_is_for_all_of_a_group(sorter: Person) -> None:
    """The most typical image stands for each group; what is named is named as a whole."""
    found = page(sorter)
    members = found.sorting.list.members
    assert members
    assert len(rows(sorter)) == len(members) < 3 * COUNT
    first = current(sorter)
    count = len(first["members"])
    assert first["caption"] == f"{count} alike"
    assert found.side.title.full == f"{count} images"
    assert found.bar.order.currentText() == "Groups"

    types(sorter, class_of(first))
    at_rest(sorter)

    assert sorter.classes() == {class_of(first): count}
    second = current(sorter)
    assert "members" in second, "with one class there is nothing to choose from yet"
    types(sorter, class_of(second) + " two")
    at_rest(sorter)
    assert found.bar.order.currentText() == "Groups"
    assert found.bar.forecast.full.startswith("Name groups that are of one class")
    third, left = current(sorter), sorter.project.unsorted
    assert "members" in third, "other classes wait in groups, too"
    likely = third["likeliest"][0][0]
    had = sorter.classes()[likely]
    presses(sorter, "Return")
    presses(sorter, "1")
    at_rest(sorter)
    assert sorter.project.unsorted == left - len(third["members"])
    assert sorter.classes()[likely] == had + len(third["members"])
    assert found.sorting.standing["recent"] == 0, "nothing was suggested for a group"

    presses(sorter, "Ctrl+Shift+G")
    sorter.sees(lambda: found.sorting.order == "likeness")
    at_rest(sorter)

    assert found.bar.order.currentText() == "Likeness"
    assert not found.bar.one_by_one.isVisible()
    assert not found.sorting.list.members
    assert all(len(row["likeliest"]) == 2 for row in rows(sorter) if "choices" not in row)


def test_each_image_shows_its_suggestion_how_sure_and_the_runner_up(begun: Person) -> None:
    found = page(begun)
    found.gallery.go_to(plain(begun))
    row = current(begun)
    (first, share), (second, other) = row["likeliest"][:2]
    assert row["caption"] == f"{first} {100 * share:.0f} %\nor {second} {100 * other:.0f} %"
    said = found.rows.data(found.gallery.currentIndex(), Qt.ItemDataRole.AccessibleTextRole)
    assert row["caption"].replace("\n", ", ") in said
    assert f"1   {first}" in found.side.choices[0].text()


def test_enter_accepts_and_goes_on_while_nothing_else_moves(begun: Person) -> None:
    found = page(begun)
    found.gallery.go_to(plain(begun) + 1)
    place, row, before = found.gallery.currentIndex().row(), current(begun), found.rows.ids[:]
    suggested = row["likeliest"][0][0]
    count = begun.classes()[suggested]

    presses(begun, "Return")

    assert found.gallery.currentIndex().row() == place + 1
    assert Path(row["path"]).name not in files(begun), "it is done at once"
    assert found.rows.ids == before
    assert found.rows.row(place)["caption"].startswith(f"✓ {suggested}")
    at_rest(begun)
    assert begun.classes()[suggested] == count + 1
    assert found.sorting.standing["accepted"] == 1
    assert found.rows.ids[: found.gallery.whole().stop] == before[: found.gallery.whole().stop]


def few_shown(person: Person) -> Any:
    """The Sort page in a small window, with more images than are seen."""
    found = page(person)
    person.window.resize(1024, 700)
    person.sees(lambda: 5 < found.gallery.whole().stop < len(rows(person)) - 6)
    found.gallery.go_to(plain(person))
    found.gallery.setFocus()
    return found


def test_what_is_shown_is_accepted_by_one_key_after_the_wrong_ones_were_mended(
    begun: Person,
) -> None:
    found = few_shown(begun)
    whole, left = found.gallery.whole(), Qt.MouseButton.LeftButton
    before, wanted, gestures = found.rows.ids[:], dict(begun.classes()), len(begun.project.undo)
    for place in (0, 2):  # with the second one an image at random takes the first one's place
        spot = found.gallery.visualRect(found.rows.index(place)).center()
        QTest.mouseClick(found.gallery.viewport(), left, NONE, spot)
        wanted[current(begun)["likeliest"][1][0]] += 1
        presses(begun, "2")
        at_rest(begun)
    now = found.rows.ids[: whole.stop]
    assert now[1:] == before[1 : whole.stop], "others stay where they are"
    assert "choices" in found.rows.row(0)
    shown = [found.rows.row(place) for place in range(1, whole.stop) if place != 2]
    for row in shown:
        wanted[row["likeliest"][0][0]] += 1
    assert found.side.shown.text().startswith(f"Accept the {len(shown)} shown")

    presses(begun, "Ctrl+Return")
    at_rest(begun)

    assert begun.classes() == wanted
    assert begun.project.undo[gestures + 2 :] == (f"Accept {len(shown)} suggestions",)
    assert found.rows.ids[0] == now[0], "nothing was suggested for it, so it waits"
    assert found.rows.ids[1:3] == before[whole.stop : whole.stop + 2], "the next ones follow"
    presses(begun, "Backspace")
    at_rest(begun)
    assert sum(begun.classes().values()) == sum(wanted.values()) - len(shown)
    assert {row["id"] for row in shown} <= set(found.rows.ids[: whole.stop])
    assert len(begun.project.undo) == gestures + 2, "one undo takes all of them back"


def test_only_what_is_seen_whole_counts_as_shown(begun: Person) -> None:
    found = few_shown(begun)
    bar = found.gallery.verticalScrollBar()
    bar.setValue(found.gallery.cell.height() // 2)
    hidden = found.rows.ids[: found.gallery.columns]
    found.side.shown.click()
    at_rest(begun)
    assert hidden == found.rows.ids[: len(hidden)]


def test_the_last_key_of_a_screenful_brings_the_next(begun: Person) -> None:
    found = few_shown(begun)
    whole = found.gallery.whole()
    following = found.rows.ids[whole.stop : whole.stop + 3]
    first = found.rows.ids[: whole.stop]
    for _ in range(whole.stop):
        presses(begun, "2" if "choices" not in current(begun) else "1")
    if "choices" in current(begun):  # it took the place of one that was named
        presses(begun, "1")
    at_rest(begun)
    assert not set(first) & set(found.rows.ids)
    assert following[0] == found.rows.ids[0] == current(begun)["id"]


def test_no_key_is_swallowed_while_the_engine_works(begun: Person) -> None:
    """Six keys without a wait between them are six acts, in their order."""
    found = page(begun)
    found.gallery.go_to(plain(begun))
    before = [row for row in rows(begun) if "choices" not in row][:6]
    wanted = dict(begun.classes())
    for row in before:
        found.gallery.go_to([r["id"] for r in rows(begun)].index(row["id"]))
        name = current(begun)["likeliest"][1][0]
        wanted[name] += 1
        presses(begun, "2")
    assert len(begun.window.bridge.jobs) >= 5, "the engine has not answered yet"
    at_rest(begun)

    assert begun.classes() == wanted
    assert begun.project.undo[-6:] == tuple(t for t in begun.project.undo[-6:] if "Name 1" in t)


def test_the_order_of_what_is_seen_stays_while_what_lies_beyond_changes(begun: Person) -> None:
    found = page(begun)
    begun.window.resize(1024, 640)
    found.gallery.zoom(2.0)
    begun.sees(lambda: found.gallery.in_view().stop < len(rows(begun)) - 6)
    found.gallery.go_to(plain(begun))
    seen = [files(begun)[i] for i in found.gallery.in_view()]
    named = [Path(current(begun)["path"]).name]
    found.bar.order.setCurrentIndex(found.bar.order.findData("uncertain"))
    found.sorting.order = "uncertain"

    presses(begun, "Return")
    at_rest(begun)

    still = [name for name in files(begun) if name in seen]
    assert still == [name for name in seen if name not in named]
    beyond = [row for row in rows(begun)[len(seen) + 1 :] if row.get("likeliest")]
    shares = [row["likeliest"][0][1] for row in beyond]
    assert shares == sorted(shares), "what nobody sees is in the new order"


def test_a_run_is_selected_with_shift_and_named_by_one_key(begun: Person) -> None:
    found = page(begun)
    start = plain(begun)
    found.gallery.go_to(start)
    found.gallery.setFocus()
    for _ in range(3):
        QTest.keyClick(found.gallery, Qt.Key.Key_Right, SHIFT)
    chosen = found.chosen()
    assert len(chosen) == 4
    ids = {row["id"] for row in chosen}
    assert ids == {row["id"] for row in rows(begun)[start : start + 4]}
    third = found.side.offered[2][0]
    wanted = begun.classes()[third] + 4

    presses(begun, "3")
    at_rest(begun)

    assert begun.classes()[third] == wanted
    assert begun.project.undo[-1] == f"Name 4 images {third}", "it is one gesture"


def test_enter_gives_each_of_many_its_own_and_one_undo_takes_all_back(begun: Person) -> None:
    found = page(begun)
    found.gallery.setFocus()
    QTest.keyClick(found.gallery, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    wanted = dict(begun.classes())
    for row in found.chosen():
        if "choices" not in row:
            wanted[row["likeliest"][0][0]] += 1
    waits = begun.project.unsorted
    presses(begun, "Return")
    at_rest(begun)
    assert begun.classes() == wanted
    assert sum(wanted.values()) > 30
    found.side.undo.click()
    at_rest(begun)
    assert begun.project.unsorted == waits


def test_enter_before_a_suggestion_is_here_waits_for_it(begun: Person) -> None:
    """It is about the image that was current then, and not lost."""
    found = page(begun)
    place = plain(begun)
    row = rows(begun)[place]
    del found.sorting.list.known[row["id"]]
    found.sorting.list.at.clear()
    found.gallery.go_to(place)
    assert current(begun)["path"] == ""
    presses(begun, "Return")
    assert row["id"] in found.sorting.list.ids
    found.gallery.go_to(place + 2)
    found.sorting.want()
    begun.sees(lambda: row["id"] in found.sorting.list.done)
    at_rest(begun)
    assert begun.classes()[row["likeliest"][0][0]] == 2


def test_a_run_goes_on_over_the_end_of_a_line(begun: Person) -> None:
    found = page(begun)
    columns = found.gallery.columns
    found.gallery.go_to(columns - 1)
    found.gallery.setFocus()
    QTest.keyClick(found.gallery, Qt.Key.Key_Right, SHIFT)
    numbers = sorted(i.row() for i in found.gallery.selectionModel().selectedIndexes())
    assert numbers == [columns - 1, columns]
    QTest.keyClick(found.gallery, Qt.Key.Key_End)
    assert found.gallery.currentIndex().row() == len(rows(begun)) - 1
    QTest.keyClick(found.gallery, Qt.Key.Key_Home)
    assert found.gallery.currentIndex().row() == 0
    assert len(found.chosen()) == 1


def test_backspace_takes_everything_back_act_by_act(begun: Person) -> None:
    found = page(begun)
    found.gallery.go_to(plain(begun))
    before, classes = files(begun), begun.classes()
    presses(begun, "Return")
    presses(begun, "Delete")
    at_rest(begun)
    assert begun.project.unsorted == 3 * COUNT - 5

    presses(begun, "Backspace")
    presses(begun, "Backspace")

    def without_random(names: list[str]) -> list[str]:
        drawn = {Path(row["path"]).name for row in rows(begun) if "choices" in row}
        return [name for name in names if name not in drawn]

    assert without_random(files(begun)) == without_random(before), "they are back in their places"
    at_rest(begun)
    assert begun.classes() == classes
    for _ in CLASSES:
        presses(begun, "Backspace")
    at_rest(begun)
    assert (begun.classes(), begun.project.unsorted) == ({}, 3 * COUNT)
    assert found.sorting.list.members, "groups"
    presses(begun, "Backspace")
    at_rest(begun)
    assert begun.project.unsorted == 3 * COUNT, "what was not done here is not taken back"
    assert found.bar.news.full == "Nothing was sorted before this."


def test_delete_sets_aside(begun: Person) -> None:
    found = page(begun)
    found.gallery.go_to(plain(begun))
    name = Path(current(begun)["path"]).name
    presses(begun, "Delete")
    at_rest(begun)
    assert name not in files(begun)
    assert begun.project.undo[-1] == "Set 1 image aside"
    assert found.backs[0].text() == "Take back 1 set aside"
    found.backs[0].click()
    begun.sees(lambda: name in files(begun))
    at_rest(begun)
    assert not found.backs[0].isVisible()


def test_the_undo_of_the_window_brings_an_image_back_to_its_place(begun: Person) -> None:
    found = page(begun)
    found.gallery.go_to(plain(begun) + 2)
    name, before = Path(current(begun)["path"]).name, files(begun)
    presses(begun, "Delete")
    at_rest(begun)
    assert name not in files(begun)
    presses(begun, "Ctrl+Z")
    begun.sees(lambda: name in files(begun))
    at_rest(begun)
    shown = [f for f in files(begun) if f in before]
    assert shown.index(name) == before.index(name)


@pytest.fixture
def burst(owner: Person, heap: Path) -> Person:
    """A person at a heap with a burst of four, which is chosen, and two classes."""
    submit = owner.window.bridge.submit
    taken = bursts(heap, "night", [4], hue=0.1)
    owner.waits_for(lambda: submit("add_unsorted", paths=[str(heap)]))
    for name in CLASSES[:2]:
        paths = [str(heap / f"000 {name}.jpg")]
        owner.waits_for(lambda p=paths, n=name: submit("label_images", paths=p, to=n))
    found = owner.page("Sort")
    at_rest(owner)
    found.gallery.go_to(places_in(owner, taken)[0])
    found.gallery.setFocus()
    return owner


def places_in(person: Person, folder: Path) -> list[int]:
    return [i for i, row in enumerate(rows(person)) if row["path"].startswith(str(folder))]


def test_a_key_names_the_whole_burst(burst: Person, heap: Path) -> None:
    """Four images that were taken together go with one key, and come back with one."""
    found, taken = page(burst), heap / "night"
    waits = burst.project.unsorted
    row = current(burst)
    assert found.side.about.text().endswith("A burst of 4, named as one.")
    assert sum(r["path"].startswith(str(taken)) for r in rows(burst)) == 1, "it is one tile"
    name = row["likeliest"][0][0]
    wanted = burst.classes()[name] + 4

    presses(burst, "Shift+Return")

    left = [row for row in rows(burst) if "done" not in row]
    assert not any(row["path"].startswith(str(taken)) for row in left), "all leave at once"
    at_rest(burst)
    assert burst.classes()[name] == wanted
    assert burst.project.unsorted == waits - 4
    presses(burst, "Backspace")
    at_rest(burst)
    assert burst.project.unsorted == waits
    found.gallery.go_to(next(i for i, r in enumerate(rows(burst)) if not r.get("burst")))
    presses(burst, "Shift+Return")
    assert "no part of a burst" in found.bar.news.full


def test_a_burst_is_one_tile_that_opens_by_a_key_and_by_a_click_on_its_count(
    burst: Person, heap: Path
) -> None:
    found, count, as_one = page(burst), len(rows(burst)), dict(current(burst)["likeliest"])
    presses(burst, "+")
    assert len(rows(burst)) == count + 3
    burst.sees(lambda: len(places_in(burst, heap / "night")) == 4)
    at_rest(burst)
    each = [dict(rows(burst)[place]["likeliest"]) for place in places_in(burst, heap / "night")]
    usual = {name: math.prod(shares[name] for shares in each) ** 0.25 for name in as_one}
    for name, share in as_one.items():  # as a tile it said what all four say together
        assert share == pytest.approx(usual[name] / sum(usual.values()), abs=1e-4)
    assert places_in(burst, heap / "night")[0] == found.gallery.currentIndex().row()
    presses(burst, "2")
    at_rest(burst)
    assert len([r for r in rows(burst) if len(r.get("burst", ())) == 3]) == 3, "one of it went"
    place = places_in(burst, heap / "night")[1]
    tile = found.gallery.visualRect(found.rows.index(place))
    spot = found.gallery.tile.count_place(tile).center()
    QTest.mouseClick(found.gallery.viewport(), Qt.MouseButton.LeftButton, NONE, spot)
    left = [r for r in rows(burst) if "done" not in r and len(r.get("burst", ())) == 3]
    assert len(left) == 1, "it is one tile again"
    found.gallery.go_to(plain(burst) if len(current(burst).get("burst", ())) else 0)


def test_no_words_on_a_button_are_cut_in_a_small_window(burst: Person) -> None:
    burst.window.resize(1024, 700)
    side = page(burst).side
    burst.sees(lambda: burst.window.width() == 1024)
    for made in side.findChildren(QPushButton):
        if made.isVisible():
            words = made.fontMetrics().horizontalAdvance(made.text())
            assert words + 24 <= made.width(), made.text()


def test_a_burst_closes_over_those_of_it_that_wait(burst: Person, heap: Path) -> None:
    """One of an opened burst is named; before the engine has answered, the others are one tile."""
    found = page(burst)
    presses(burst, "+")
    burst.sees(lambda: len(places_in(burst, heap / "night")) == 4)
    presses(burst, "2")
    presses(burst, "+")
    presses(burst, "Delete")
    at_rest(burst)
    assert found.sorting.standing["aside"] == 3


@pytest.mark.parametrize("name", ["oak", "emperor", "xestia"])
def test_any_letter_begins_a_name_where_a_burst_is_chosen(burst: Person, name: str) -> None:
    types(burst, name)
    at_rest(burst)
    assert burst.classes()[name] == 4


def test_all_of_a_burst_gets_what_is_shown_for_it(burst: Person, heap: Path) -> None:
    found, waits = page(burst), burst.project.unsorted
    name = current(burst)["likeliest"][0][0]
    wanted = burst.classes()[name] + 4
    presses(burst, "Return")
    at_rest(burst)
    assert burst.classes()[name] == wanted
    assert burst.project.undo[-1] == "Accept 4 suggestions"
    presses(burst, "Backspace")
    at_rest(burst)
    assert burst.project.unsorted == waits
    assert len(current(burst)["burst"]) == 4, "it is one tile in its place again, and chosen"
    presses(burst, "Delete")
    at_rest(burst)
    assert found.sorting.standing["aside"] == 4


def test_what_is_one_burst_is_set_beside_the_grid(burst: Person, heap: Path) -> None:
    found = page(burst)
    field = found.side.gap
    assert field.isVisible()
    assert field.value() == 60
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, "5")
    burst.waits_for(lambda: QTest.keyClick(field, Qt.Key.Key_Return))
    at_rest(burst)
    assert len(places_in(burst, heap / "night")) == 4
    assert not any(len(row.get("burst", ())) > 1 for row in rows(burst))
    assert (burst.project.burst_gap, field.value()) == (5, 5)
    burst.waits_for(lambda: presses(burst, "Ctrl+Z"))
    at_rest(burst)
    assert len(places_in(burst, heap / "night")) == 1
    assert field.value() == 60


def test_a_heap_without_times_says_nothing_of_bursts(begun: Person) -> None:
    found = page(begun)
    assert not found.side.gap.isVisible()
    found.gallery.setFocus()
    QTest.keyClick(found.gallery, Qt.Key.Key_O)
    assert found.side.field.text() == "o", "there it is a letter like others"


def test_names_are_completed_and_esc_leaves_the_field(begun: Person) -> None:
    found = page(begun)
    found.gallery.go_to(plain(begun))
    found.gallery.setFocus()
    QTest.keyClicks(found.gallery, "v")
    assert found.side.field.text() == "violet"
    QTest.keyClick(found.side.field, Qt.Key.Key_Escape)
    assert found.gallery.hasFocus()
    assert found.side.field.text() == ""
    classes = begun.classes()
    QTest.keyClicks(found.gallery, "T")
    QTest.keyClick(found.side.field, Qt.Key.Key_Return)
    at_rest(begun)
    assert begun.classes() == {**classes, "teal": classes["teal"] + 1}


def test_letters_that_are_keys_begin_a_name_with_shift(begun: Person) -> None:
    found = page(begun)
    found.gallery.go_to(plain(begun))
    found.gallery.setFocus()
    QTest.keyClick(found.gallery, Qt.Key.Key_X, SHIFT)
    QTest.keyClicks(found.side.field, "ylophone")
    QTest.keyClick(found.side.field, Qt.Key.Key_Return)
    at_rest(begun)
    assert "xylophone" in {name.casefold() for name in begun.classes()}


def test_space_looks_large(begun: Person) -> None:
    found = page(begun)
    found.gallery.go_to(plain(begun))
    presses(begun, "Space")
    viewer = begun.window.findChild(Viewer)
    assert viewer.image.path == current(begun)["file"]
    viewer.close()


def test_the_mouse_does_all_of_it(begun: Person) -> None:
    found = page(begun)
    start = plain(begun)
    view, left = found.gallery.viewport(), Qt.MouseButton.LeftButton

    def middle(number: int) -> QPoint:
        return found.gallery.visualRect(found.rows.index(number)).center()

    QTest.mouseClick(view, left, NONE, middle(start))
    QTest.mouseClick(view, left, SHIFT, middle(start + 2))
    assert len(found.chosen()) == 3
    QTest.mouseClick(view, left, Qt.KeyboardModifier.ControlModifier, middle(start + 1))
    assert len(found.chosen()) == 2
    name = found.side.offered[1][0]
    wanted = begun.classes()[name] + 2
    found.side.choices[1].click()
    at_rest(begun)
    assert begun.classes()[name] == wanted
    QTest.mouseClick(view, left, NONE, middle(plain(begun)))
    found.side.accept.click()
    found.side.aside.click()
    at_rest(begun)
    waits = begun.project.unsorted
    found.side.undo.click()
    at_rest(begun)
    assert begun.project.unsorted == waits + 1


def test_a_frame_pulled_with_the_mouse_selects_what_it_touches(begun: Person) -> None:
    found = page(begun)
    view, left = found.gallery.viewport(), Qt.MouseButton.LeftButton
    first, last = (found.gallery.visualRect(found.rows.index(i)).center() for i in (1, 3))
    QTest.mousePress(view, left, NONE, first)
    for step in (QPoint(20, 0), last - first):
        QTest.mouseMove(view, first + step)
    QTest.mouseRelease(view, left, NONE, last)
    assert sorted(i.row() for i in found.gallery.selectionModel().selectedIndexes()) == [1, 2, 3]


def test_a_frame_can_begin_where_there_is_no_image(begun: Person) -> None:
    found = page(begun)
    found.gallery.zoom(0.5)
    last = len(rows(begun)) - 1
    tile = found.gallery.visualRect(found.rows.index(last))
    free = tile.translated(0, tile.height()).center()
    assert not found.gallery.indexAt(free).isValid()
    view, left = found.gallery.viewport(), Qt.MouseButton.LeftButton
    end = found.gallery.visualRect(found.rows.index(last - 1)).center()
    QTest.mousePress(view, left, NONE, free)
    for spot in (free - QPoint(0, 20), end):
        QTest.mouseMove(view, spot)
    assert found.gallery.frame.intersects(tile), "it is seen"
    QTest.mouseRelease(view, left, NONE, end)
    assert found.gallery.frame.isEmpty()
    assert {row["id"] for row in found.chosen()} == set(found.rows.ids[last - 1 :])


def test_chosen_images_are_dropped_on_a_class(
    begun: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = page(begun)
    start, targets = plain(begun), found.side.targets
    found.gallery.go_to(start)
    found.gallery.setFocus()
    QTest.keyClick(found.gallery, Qt.Key.Key_Right, SHIFT)
    ids = {row["id"] for row in found.chosen()}
    wanted = {**begun.classes(), "violet": begun.classes()["violet"] + 2}

    def let_go(drag: QDrag, actions: Qt.DropAction) -> Qt.DropAction:
        """A drag ends over a class: offscreen there is no mouse that could."""
        assert targets.isVisible()
        assert [targets.item(i).text() for i in range(4)] == [*CLASSES, "A new class …"]
        mime = found.rows.mimeData(found.gallery.selectedIndexes())
        assert mime.data(MIME) == drag.mimeData().data(MIME)
        drop(targets.viewport(), mime, targets.visualItemRect(targets.item(2)).center())
        return Qt.DropAction.CopyAction

    monkeypatch.setattr(QDrag, "exec", let_go)
    view, left = found.gallery.viewport(), Qt.MouseButton.LeftButton
    spot = found.gallery.visualRect(found.rows.index(start)).center()
    QTest.mousePress(view, left, NONE, spot)
    for _ in range(3):
        spot += QPoint(30, 0)
        QTest.mouseMove(view, spot)
    QTest.mouseRelease(view, left, NONE, spot)
    at_rest(begun)

    assert begun.classes() == wanted
    assert begun.project.undo[-1] == "Name 2 images violet"
    assert not ids & {row["id"] for row in rows(begun) if "done" not in row}
    assert not targets.isVisible()


def test_an_image_at_random_is_asked_without_a_suggestion(begun: Person) -> None:
    found = page(begun)
    begun.sees(lambda: rows(begun))
    for _ in range(8):
        if any("choices" in row for row in rows(begun)):
            break
        found.gallery.go_to(plain(begun))
        presses(begun, "Return")
        at_rest(begun)
    place = next(i for i, row in enumerate(rows(begun)) if "choices" in row)
    found.gallery.go_to(place)
    row = current(begun)
    assert row["caption"] == "Drawn at random:\ntype its class"
    assert found.side.about.text() == "Drawn at random to judge by: type its class"
    assert not found.side.accept.isEnabled()
    assert [name for name, _ in found.side.offered] == sorted(CLASSES)
    classes = begun.classes()
    presses(begun, "Return")
    at_rest(begun)
    assert begun.classes() == classes, "there is nothing to accept"
    judged = found.sorting.standing["judged"]
    presses(begun, str(sorted(CLASSES).index(class_of(row)) + 1))
    at_rest(begun)
    assert found.sorting.standing["judged"] == judged + 1
    assert Path(row["path"]).name not in files(begun)


def test_digits_are_about_the_images_after_a_class_was_clicked(begun: Person) -> None:
    """Also at an image that was drawn at random, where clicking is what one does first."""
    found = page(begun)
    found.gallery.go_to(plain(begun))
    QTest.mouseClick(found.side.choices[0], Qt.MouseButton.LeftButton)
    at_rest(begun)
    for act in ("field", "digit"):
        place = next((i for i, row in enumerate(rows(begun)) if "choices" in row), plain(begun))
        found.gallery.go_to(place)
        row, waits = current(begun), begun.project.unsorted
        if act == "field":
            found.side.field.setFocus()
            QTest.mouseClick(found.side.choices[1], Qt.MouseButton.LeftButton)
        else:
            QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_1)
        at_rest(begun)
        assert begun.project.unsorted == waits - 1
        assert Path(row["path"]).name not in files(begun)


def test_many_are_accepted_after_the_mistakes_were_said_and_with_one_undo(begun: Person) -> None:
    found = page(begun)
    found.bar.least.setValue(50)
    waits, gestures = begun.project.unsorted, len(begun.project.undo)
    found.bar.accept.click()
    begun.sees(lambda: isinstance(QApplication.activeModalWidget(), QDialog))
    dialog = QApplication.activeModalWidget()
    said = "\n".join(label.text() for label in dialog.findChildren(type(found.side.about)))
    assert "to be expected" in said
    assert begun.project.unsorted == waits, "nothing was done yet"
    button = next(b for b in dialog.findChildren(QPushButton) if b.text().startswith("Accept"))
    count = int(button.text().split()[1])
    assert count > 5

    button.click()
    at_rest(begun)

    assert begun.project.unsorted == waits - count
    assert len(begun.project.undo) == gestures + 1
    (card,) = begun.window.notices.cards
    assert re.fullmatch(rf"{count} suggestions accepted; .* may be wrong\.", card.text)
    (undo,) = (made for made in card.findChildren(QPushButton) if made.text() == "Undo")
    begun.waits_for(undo.click)
    at_rest(begun)
    assert begun.project.unsorted == waits
    assert begun.messages() == [], "what it could undo is undone"


def test_the_bar_says_how_far_it_is(begun: Person) -> None:
    found = page(begun)
    assert found.bar.heading.text().startswith("3 sorted, 33 left")
    found.gallery.go_to(plain(begun))
    right = current(begun)["likeliest"][0][0]
    presses(begun, "Return")
    at_rest(begun)
    now = found.sorting.standing
    assert right
    words = f"{now['recent_right']} of the last {now['recent']} suggestion"
    assert found.bar.forecast.full.startswith(words)
    keys = now["keys_left"]
    assert (f"about {keys} more key" in found.bar.forecast.full) == bool(keys)


def test_the_first_hint_fits_what_is_known(sorter: Person, tmp_path: Path) -> None:
    found = page(sorter)
    assert found.bar.forecast.full.startswith("Begin to type the class of an image.")
    others = str(plain_folders(tmp_path / "others", CLASSES, 6, seed=1))

    ended = sorter.waits_for(lambda: sorter.window.bridge.submit("learn_folder", paths=[others]))
    assert ended.how == "done", ended.text
    at_rest(sorter)

    assert "Enter accepts what is suggested" in found.bar.forecast.full


def test_another_order_is_shown_from_its_beginning(begun: Person) -> None:
    found = page(begun)
    found.bar.order.setCurrentIndex(found.bar.order.findData("uncertain"))
    found.bar.order.activated.emit(found.bar.order.currentIndex())
    at_rest(begun)
    shares = [row["likeliest"][0][1] for row in rows(begun) if "choices" not in row]
    assert shares == sorted(shares)
    assert found.gallery.currentIndex().row() == 0


def test_what_was_sorted_is_learnt_when_the_keys_pause(begun: Person) -> None:
    step = begun.project.current_step
    assert {c.name for c in begun.project.classes if c.learnt} == set(CLASSES)
    found = page(begun)
    found.gallery.go_to(plain(begun))
    presses(begun, "Return")
    at_rest(begun)
    assert begun.project.current_step.id != step.id
    assert all(view.learnt for view in begun.project.classes)
    assert not any("Done" in text for text in begun.messages())


def test_the_heap_is_there_again_after_the_project_was_closed(begun: Person) -> None:
    path, waits = begun.project.path, sorted(files(begun))
    begun.window.close_project()
    begun.sees(lambda: begun.project is None)
    assert rows(begun) == []
    begun.window.open_project(path)
    begun.sees(lambda: begun.project is not None)
    begun.page("Sort")
    at_rest(begun)
    assert sorted(files(begun)) == waits
    assert page(begun).bar.heading.text().startswith("3 sorted, 33 left")


@pytest.mark.parametrize(("each", "said"), [(4, "Backspace undoes that."), (20, "test images are")])
def test_how_well_it_went_is_said_where_enough_images_tell(
    owner: Person, heap: Path, tmp_path: Path, each: int, said: str
) -> None:
    folders = class_folders(tmp_path / "known", dict.fromkeys(["apple", "banana", "fig"], each))
    submit = owner.window.bridge.submit
    owner.waits_for(lambda: submit("learn_folder", paths=[str(folders)]))
    owner.waits_for(lambda: submit("add_unsorted", paths=[str(heap)]))
    tested = sum(known.validation for known in owner.project.classes)
    assert (tested >= 10) == (each == 20)
    found = owner.page("Sort")
    at_rest(owner)
    found.gallery.go_to(plain(owner))
    found.gallery.setFocus()
    presses(owner, "Return")
    at_rest(owner)
    assert said in found.bar.news.full
