"""A person sorts one heap of images on the Sort page, with keys and with the mouse."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QPushButton

from app.widgets.viewer import Viewer
from tests.gestures.bursts_test import bursts
from tests.helpers.image_files import plain_folders
from tests.helpers.window import Person, drop, urls

CLASSES = ["red", "teal", "violet"]
COUNT = 12
SHIFT = Qt.KeyboardModifier.ShiftModifier
NONE = Qt.KeyboardModifier.NoModifier


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
    return [Path(row["path"]).name for row in rows(person)]


def class_of(row: Any) -> str:
    return Path(row["path"]).stem.split()[1]


def plain(person: Person) -> int:
    """The first place with an image for which a class is suggested."""
    return next(i for i, row in enumerate(rows(person)) if "choices" not in row)


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

    types(sorter, class_of(first))
    at_rest(sorter)

    assert sorter.classes() == {class_of(first): count}
    second = current(sorter)
    assert "members" in second, "with one class there is nothing to choose from yet"
    types(sorter, class_of(second) + " two")
    at_rest(sorter)
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


def test_enter_accepts_and_what_follows_moves_up(begun: Person) -> None:
    found = page(begun)
    found.gallery.go_to(plain(begun) + 1)
    place, row, before = found.gallery.currentIndex().row(), current(begun), files(begun)
    suggested = row["likeliest"][0][0]
    count = begun.classes()[suggested]

    presses(begun, "Return")

    assert found.gallery.currentIndex().row() == place
    assert Path(row["path"]).name not in files(begun), "it leaves at once"
    assert files(begun)[place] == before[place + 1]
    at_rest(begun)
    assert begun.classes()[suggested] == count + 1
    assert found.sorting.standing["accepted"] == 1


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
    begun.sees(lambda: row["id"] not in found.sorting.list.ids)
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
    presses(begun, "X")
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


def test_x_sets_aside(begun: Person) -> None:
    found = page(begun)
    found.gallery.go_to(plain(begun))
    name = Path(current(begun)["path"]).name
    presses(begun, "X")
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
    presses(begun, "X")
    at_rest(begun)
    assert name not in files(begun)
    presses(begun, "Ctrl+Z")
    begun.sees(lambda: name in files(begun))
    at_rest(begun)
    shown = [f for f in files(begun) if f in before]
    assert shown.index(name) == before.index(name)


def test_e_names_the_whole_burst(owner: Person, heap: Path) -> None:
    """Four images that were taken together go with one key, and come back with one."""
    submit = owner.window.bridge.submit
    taken = bursts(heap, "night", [4], hue=0.1)
    owner.waits_for(lambda: submit("add_unsorted", paths=[str(heap)]))
    for name in CLASSES[:2]:
        paths = [str(heap / f"000 {name}.jpg")]
        owner.waits_for(lambda p=paths, n=name: submit("label_images", paths=p, to=n))
    found = owner.page("Sort")
    at_rest(owner)
    waits = owner.project.unsorted
    place = next(i for i, row in enumerate(rows(owner)) if row["path"].startswith(str(taken)))
    found.gallery.go_to(place)
    row = current(owner)
    assert row["badge"] == "burst of 4"
    name = row["likeliest"][0][0]
    wanted = owner.classes()[name] + 4

    presses(owner, "E")

    assert not any(row["path"].startswith(str(taken)) for row in rows(owner)), "all leave at once"
    at_rest(owner)
    assert owner.classes()[name] == wanted
    assert owner.project.unsorted == waits - 4
    presses(owner, "Backspace")
    at_rest(owner)
    assert owner.project.unsorted == waits
    found.gallery.go_to(next(i for i, r in enumerate(rows(owner)) if not r.get("burst")))
    presses(owner, "E")
    assert "no part of a burst" in found.bar.news.full


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
    found.gallery.setFocus()
    presses(begun, "Backspace") if rows(begun) else begun.window.header
    at_rest(begun)
    assert begun.project.unsorted == waits


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

    assert "Return accepts what is suggested" in found.bar.forecast.full


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
