"""The gallery: what it asks for, what it draws, and how its keys move, at any number of rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QTextDocument
from PySide6.QtTest import QTest

from app.widgets.controls import tip
from app.widgets.gallery import Gallery
from app.widgets.rows import ImageRows, words
from app.widgets.thumbs import Thumbnails
from tests.helpers.image_files import image
from tests.helpers.window import Person

MANY = 100_000


def row(number: int) -> dict[str, object]:
    return {"id": number, "class": "cat", "split": "train", "path": f"/{number}.jpg", "thumb": None}


@pytest.fixture
def gallery(person: Person) -> Iterator[Gallery]:
    """A gallery of 100,000 rows, 880 pixels wide."""
    rows, thumbs = ImageRows(person.window.bridge), Thumbnails()
    view = Gallery(rows, thumbs)
    view.resize(880, 600)
    view.show()
    rows.give([row(number) for number in range(MANY)])
    yield view
    thumbs.close()
    view.close()


@pytest.fixture
def asking(learnt: Person) -> Iterator[Gallery]:
    """A gallery of the project's 36 images, asked for 4 at a time, one line of them in view."""
    rows, thumbs = ImageRows(learnt.window.bridge, page=4), Thumbnails()
    view = Gallery(rows, thumbs)
    view.resize(280, 148)
    view.show()
    rows.ask(class_name="", split="")
    learnt.sees(lambda: rows.rowCount() == 36)
    yield view
    thumbs.close()
    view.close()


def test_only_what_comes_into_view_is_asked_for(learnt: Person, asking: Gallery) -> None:
    asking.verticalScrollBar().setValue(asking.verticalScrollBar().maximum())

    learnt.sees(lambda: 8 in asking.rows.pages)

    assert asking.rows.row(35) is not None
    assert not {3, 4, 5} & set(asking.rows.pages), "the middle was never in view"


def test_a_newer_question_makes_older_answers_void(learnt: Person, asking: Gallery) -> None:
    asking.rows.ask(class_name="apple", split="")
    asking.rows.ask(class_name="banana", split="")

    learnt.sees(lambda: asking.rows.rowCount() == 12 and 0 in asking.rows.pages)

    assert asking.rows.row(0)["class"] == "banana"


def test_what_is_selected_stays_when_the_rows_are_read_anew(
    learnt: Person, asking: Gallery
) -> None:
    asking.setCurrentIndex(asking.rows.index(3))
    before = asking.rows.pages[0]

    asking.rows.ask_again()

    learnt.sees(lambda: asking.rows.pages.get(0, before) is not before)
    assert asking.currentIndex().row() == 3


def test_places_and_points_agree(gallery: Gallery) -> None:
    gallery.verticalScrollBar().setValue(1234)
    for number in gallery.in_view():
        index = gallery.rows.index(number)
        assert gallery.indexAt(gallery.visualRect(index).center()) == index


def test_the_last_row_can_be_reached_and_nothing_below_it(gallery: Gallery) -> None:
    gallery.setCurrentIndex(gallery.rows.index(0))
    QTest.keyClick(gallery, Qt.Key.Key_End)
    last = gallery.rows.index(MANY - 1)
    assert gallery.currentIndex() == last
    assert gallery.viewport().rect().contains(gallery.visualRect(last))
    below = gallery.visualRect(last).bottomRight() + QPoint(4, 40)
    assert not gallery.indexAt(below).isValid()


@pytest.mark.parametrize(
    ("key", "start", "goal"),
    [
        (Qt.Key.Key_Right, 0, 1),
        (Qt.Key.Key_Left, 0, 0),
        (Qt.Key.Key_Down, 0, 6),
        (Qt.Key.Key_Up, 3, 3),
        (Qt.Key.Key_Up, 8, 2),
        (Qt.Key.Key_Home, 50_000, 0),
        (Qt.Key.Key_Down, MANY - 1, MANY - 1),
    ],
)
def test_arrow_keys_move_as_in_a_grid(gallery: Gallery, key: Qt.Key, start: int, goal: int) -> None:
    assert gallery.columns == 6
    gallery.setCurrentIndex(gallery.rows.index(start))
    QTest.keyClick(gallery, key)
    assert gallery.currentIndex().row() == goal


def test_all_can_be_selected_at_once(gallery: Gallery) -> None:
    gallery.selectAll()
    assert gallery.selectionModel().isSelected(gallery.rows.index(MANY - 1))


def test_a_thumbnail_is_read_from_its_place_in_a_pack(tmp_path: Path, qtbot: object) -> None:
    content = image(tmp_path / "one.jpg", size=(80, 60)).read_bytes()
    pack = tmp_path / "pack"
    pack.write_bytes(b"something before" + content + b"something after")
    thumbs = Thumbnails()
    place = (str(pack), len(b"something before"), len(content))
    assert thumbs.get(place) is None, "it is read in another thread"

    qtbot.waitUntil(lambda: thumbs.get(place) is not None)

    assert thumbs.get(place).width() == 80
    thumbs.close()


def test_a_thumbnail_that_is_gone_is_an_empty_one(tmp_path: Path, qtbot: object) -> None:
    thumbs = Thumbnails()
    place = (str(tmp_path / "nothing"), 0, 100)
    thumbs.get(place)
    qtbot.waitUntil(lambda: thumbs.get(place) is not None)
    assert thumbs.get(place).isNull()
    thumbs.close()


def test_a_row_in_words_is_complete() -> None:
    told = words({**row(1), "width": 10, "height": 20, "learnt": False, "note": "turned"})
    assert told == "1.jpg, class cat, to learn, 10 × 20 pixels, not learnt yet, turned"


def test_names_in_tooltips_are_text(tmp_path: Path) -> None:
    """Qt takes what looks like markup for markup, and a class may be called so."""
    assert tip("C:\\photos < 3") == "C:\\photos < 3"
    shown = QTextDocument()
    for name in ("<img src='file:///etc/hostname'>", "<b>moth</b>\nsecond line", "a <i>b</i> & c"):
        shown.setHtml(tip(name))
        assert shown.toPlainText() == name
