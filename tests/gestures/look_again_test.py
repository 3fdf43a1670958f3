"""A person looks again at learnt images, on the Sort page, with keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from app.widgets.viewer import Viewer
from tests.helpers.image_files import plain_folders, planted
from tests.helpers.sort_page import at_rest as sort_at_rest
from tests.helpers.window import Person, drop, urls

CLASSES = ["hat", "shoes", "skirt"]
MOVES = [("hat", "shoes", 0), ("shoes", "skirt", 2), ("skirt", "hat", 3)]
COUNT = 15
ODD = "odd.jpg"


@pytest.fixture
def looker(owner: Person, tmp_path: Path) -> Person:
    """A person on the Learn page, whose project has three images in wrong classes and one that is
    like no other."""
    root = plain_folders(tmp_path / "clothes", CLASSES, COUNT)
    planted(root, MOVES)
    stripes = np.array([[[0] * 3] * 8 + [[255] * 3] * 8], np.uint8)
    Image.fromarray(np.tile(stripes, (72, 6, 1))).save(root / "hat" / ODD)
    ended = owner.waits_for(lambda: drop(owner.page("Images"), urls([root])))
    assert ended.how == "done", ended.text
    owner.page("Learn")
    owner.sees(lambda: hint(owner).isVisible())
    return owner


def hint(person: Person) -> Any:
    return person.window.pages["Learn"].again.button


def again(person: Person) -> Any:
    return person.window.pages["Sort"].again


def names(person: Person) -> list[str]:
    return [Path(row["path"]).name for row in again(person).rows.everything()]


def current(person: Person) -> Any:
    found = again(person)
    return found.rows.row(found.gallery.currentIndex().row())


def at_rest(person: Person) -> None:
    """What was done is learnt, and the list is the one of now."""
    found = again(person)
    person.sees(
        lambda: (
            not found.mending.pause.isActive()
            and not person.window.bridge.jobs
            and found.question is None
        )
    )


def goes_there(person: Person) -> None:
    person.presses("Alt+G")
    person.sees(lambda: again(person).isVisible() and names(person))
    person.sees(lambda: again(person).gallery.hasFocus() and current(person))
    at_rest(person)


def go_to(person: Person, name: str) -> Any:
    again(person).gallery.go_to(names(person).index(name))
    return current(person)


def test_where_none_is_left_it_leads_on_and_to_what_is_added(
    looker: Person, tmp_path: Path
) -> None:
    more = plain_folders(tmp_path / "more", ["red", "teal"], 4, seed=7)
    goes_there(looker)
    found, sort = again(looker), looker.window.pages["Sort"]
    while names(looker):
        looker.presses("K")
        at_rest(looker)
    assert found.heading.text() == "Look again"
    assert found.none.findChild(QPushButton).text() == "See how well they are recognised"

    looker.waits_for(lambda: drop(sort, urls([more])))

    looker.sees(sort.work.isVisible)
    assert not found.isVisible(), "what was just added is to be seen"
    sort_at_rest(looker)
    sort.choose_order("wrong")
    looker.sees(found.none.isVisible)
    at_rest(looker)
    looker.presses("Ctrl+Shift+L")
    looker.sees(looker.window.pages["Learn"].isVisible, 20_000)


def test_the_hint_on_the_learn_page_leads_to_the_list(looker: Person) -> None:
    count = int(hint(looker).text().split()[0])
    assert hint(looker).text().endswith("to look at again")

    goes_there(looker)

    found = again(looker)
    assert {f"{of} {number:03}.jpg" for of, _, number in MOVES} <= set(names(looker))
    assert len(names(looker)) <= count
    assert found.heading.text().split()[0] == str(len(names(looker)))
    for row in found.rows.everything():
        assert row["beside"]["class"] == row["predicted"] != row["class"]
    planted_ = go_to(looker, "hat 000.jpg")
    assert found.bar.keep_button.text() == "Keep  ↵ or K", "what Enter does stands on its button"
    assert found.bar.classes.buttons[0].text().startswith("1   hat")
    assert planted_["caption"].startswith("shoes, taken for\nhat")
    for made in found.bar.findChildren(QPushButton):
        cut = made.width() < made.sizeHint().width()
        assert not cut or not made.isVisible(), f"{made.text()} is seen whole"


def test_enter_keeps_and_nobody_is_asked_again_after_a_restart(looker: Person) -> None:
    count = int(hint(looker).text().split()[0])
    goes_there(looker)
    row, before, path = current(looker), looker.classes(), looker.project.path

    looker.waits_for(lambda: looker.presses("Return"))
    assert current(looker) is None or current(looker)["id"] != row["id"]
    at_rest(looker)

    assert looker.classes() == before
    assert looker.project.undo[-1] == "Keep 1 image"
    looker.window.close_project()
    looker.sees(lambda: looker.project is None)
    looker.window.open_project(path)
    looker.sees(lambda: looker.project is not None)
    looker.page("Learn")
    looker.sees(lambda: hint(looker).isVisible())
    looker.sees(lambda: int(hint(looker).text().split()[0]) == count - 1)
    goes_there(looker)
    assert Path(row["path"]).name not in names(looker)
    looker.waits_for(lambda: looker.presses("Backspace"))
    looker.sees(lambda: Path(row["path"]).name in names(looker))


def test_a_digit_moves_is_learnt_at_once_and_backspace_takes_it_back(looker: Person) -> None:
    goes_there(looker)
    row, before = go_to(looker, "shoes 002.jpg"), looker.classes()
    step = looker.project.current_step.id

    looker.waits_for(lambda: looker.presses("1"))
    assert "shoes 002.jpg" not in names(looker), "it leaves at once"
    at_rest(looker)

    assert looker.classes() == {
        **before,
        "shoes": before["shoes"] + 1,
        "skirt": before["skirt"] - 1,
    }
    assert looker.project.current_step.id != step
    assert all(view.learnt for view in looker.project.classes)
    looker.waits_for(lambda: looker.presses("Backspace"))
    assert looker.classes() == before
    assert current(looker)["id"] == row["id"], "it is shown again, as the current one"


def test_k_keeps_and_a_class_can_be_clicked(looker: Person) -> None:
    goes_there(looker)
    kept, before = Path(current(looker)["path"]).name, looker.classes()
    looker.waits_for(lambda: looker.presses("K"))
    assert looker.project.undo[-1] == "Keep 1 image"
    assert kept not in names(looker)
    row = current(looker)
    second = [name for name, _ in row["likeliest"] if name != row["class"]][1]
    made = again(looker).bar.classes.buttons[1]
    assert second in made.text()

    looker.waits_for(lambda: QTest.mouseClick(made, Qt.MouseButton.LeftButton))

    assert Path(row["path"]).name not in names(looker)
    assert looker.classes()[second] == before[second] + 1
    assert again(looker).gallery.hasFocus(), "keys are about the next image"


def test_when_all_is_mended_the_list_says_so_and_the_hint_is_gone(looker: Person) -> None:
    goes_there(looker)
    while names(looker):
        place = current(looker)
        file = Path(place["path"]).name
        looker.presses("1" if file.split()[0] == place["predicted"] else "Return")
        looker.sees(lambda f=file: f not in names(looker))
    at_rest(looker)
    found = again(looker)
    looker.sees(lambda: found.none.isVisible())
    assert found.none.text.text() == "No image looks as if it were in the wrong class."
    found.choose("unlike")
    looker.sees(lambda: found.heading.text() != "One moment …")
    while names(looker):
        file = names(looker)[0]
        looker.presses("K")
        looker.sees(lambda f=file: f not in names(looker))
    at_rest(looker)
    looker.page("Learn")
    looker.sees(lambda: not looker.window.bridge.asked)
    assert not hint(looker).isVisible()


def test_orders_lead_to_either_list_and_back_to_what_waits(looker: Person) -> None:
    page, found = looker.page("Sort"), again(looker)
    button = page.agains[0]
    looker.sees(button.isVisible)
    button.click()
    looker.sees(lambda: found.isVisible() and names(looker))
    order = found.order
    looker.presses("Alt+O")
    assert order.hasFocus()
    QTest.keyClick(order, Qt.Key.Key_End)
    order.activated.emit(order.currentIndex())
    looker.sees(lambda: names(looker) and names(looker)[0] == ODD)
    assert "lie far from all" in found.about.full
    QTest.keyClick(order, Qt.Key.Key_Home)
    order.activated.emit(order.currentIndex())
    looker.sees(lambda: page.pages.currentWidget() is page.empty)


def test_the_viewer_keeps_with_enter_and_shows_both(looker: Person) -> None:
    goes_there(looker)
    row = go_to(looker, "hat 000.jpg")
    looker.presses("Space", again(looker).gallery)
    viewer: Viewer = looker.window.findChild(Viewer)
    looker.sees(viewer.isVisible)
    assert viewer.beside.path == row["beside"]["file"]
    looker.waits_for(lambda: looker.presses("Return", viewer))
    assert looker.project.undo[-1] == "Keep 1 image"
    viewer.close()


def test_h_shows_what_speaks_for_the_answer_that_it_was_taken_for(looker: Person) -> None:
    goes_there(looker)
    row = go_to(looker, "hat 000.jpg")
    looker.presses("Space", again(looker).gallery)
    viewer: Viewer = looker.window.findChild(Viewer)
    looker.sees(viewer.isVisible)
    looker.presses("H", viewer)
    looker.sees(lambda: viewer.reason.found)
    assert viewer.reason.found["answer"] == row["predicted"] != row["class"]
    assert viewer.reason.speaks.text() == f"speaks for {row['predicted']}"
    assert "has learnt this image since, and answers" in viewer.reason.where.text()
    looker.will_choose_file(target := Path(looker.project.path).with_name("why.png"))
    looker.presses("Shift+H", viewer)
    looker.sees(lambda: "Saved" in viewer.reason.how.text())
    assert target.exists()
    viewer.close()


def test_an_undo_from_elsewhere_brings_the_image_back(looker: Person) -> None:
    goes_there(looker)
    name = names(looker)[0]
    looker.waits_for(lambda: looker.presses("Delete"))
    at_rest(looker)
    assert name not in names(looker)
    looker.presses("Ctrl+Z")
    looker.sees(lambda: name in names(looker))
