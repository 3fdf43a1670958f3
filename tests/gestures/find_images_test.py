"""A person finds images: by words, by side and in an order, enlarges them, and moves several."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QDialog, QWidget

from tests.helpers.image_files import plain_folders, planted
from tests.helpers.window import SIZE, Person, drop, urls

CLASSES = ["hat", "shoes", "skirt"]


@pytest.fixture
def finder(owner: Person, tmp_path: Path) -> Person:
    """A person on the Images page: three classes of 20, two hats among the shoes."""
    root = plain_folders(tmp_path / "clothes", CLASSES, 20)
    planted(root, [("hat", "shoes", 0), ("hat", "shoes", 1)])
    page = owner.page("Images")
    ended = owner.waits_for(lambda: drop(page, urls([root])))
    assert ended.how == "done", ended.text
    owner.sees(lambda: page.rows.rowCount() == 60 and page.rows.row(0))
    return owner


def page_of(person: Person) -> QWidget:
    return person.window.pages["Images"]


def rows(person: Person) -> list[dict]:
    found = page_of(person).rows
    return [row for i in range(found.rowCount()) if (row := found.row(i))]


def names(person: Person) -> list[str]:
    return [Path(row["path"]).name for row in rows(person)]


def test_words_find_files_and_classes(finder: Person) -> None:
    finder.presses("Ctrl+F")
    page = page_of(finder)
    finder.sees(page.search.words.hasFocus)

    QTest.keyClicks(page.search.words, "HAT 00")
    finder.sees(lambda: page.rows.rowCount() == 10)
    assert all("hat" in row["class"] or "hat" in row["path"] for row in rows(finder))
    assert "10 images" in page.count.text()

    page.search.words.clear()
    QTest.keyClicks(page.search.words, "skirt")
    finder.sees(lambda: page.rows.rowCount() == 20)
    page.search.words.clear()
    QTest.keyClicks(page.search.words, "nothing like it")
    finder.sees(lambda: page.rows.rowCount() == 0)


def test_orders_by_name_by_date_and_by_how_certain_the_answer_is(finder: Person) -> None:
    page = page_of(finder)
    by_class = names(finder)
    for order in ("name", "date", "confidence"):
        page.search.order.setCurrentIndex(page.search.order.findData(order))
        finder.sees(lambda: not page.rows.asked and len(rows(finder)) == 60)
        if order == "name":
            assert names(finder) == sorted(by_class)
        elif order == "date":
            ids = [row["id"] for row in rows(finder)]
            assert ids == sorted(ids, reverse=True)
        else:
            sure = [row["confidence"] for row in rows(finder)]
            assert sure == sorted(sure)
            assert sure[0] < sure[-1]


def test_a_side_is_shown_alone_in_words_that_people_know(finder: Person) -> None:
    page = page_of(finder)
    words = [page.search.side.itemText(i) for i in range(page.search.side.count())]
    assert words == ["All", "To learn", "To test"]
    total = sum(view.validation for view in finder.project.classes)

    page.search.side.setCurrentIndex(2)

    finder.sees(lambda: page.rows.rowCount() == total)
    assert {row["split"] for row in rows(finder)} == {"validation"}


def test_another_project_is_shown_whole(finder: Person, weights: Path, tmp_path: Path) -> None:
    page, submit = page_of(finder), finder.window.bridge.submit
    first = finder.project.path
    QTest.keyClicks(page.search.words, "skirt")
    page.search.side.setCurrentIndex(1)
    page.search.order.setCurrentIndex(2)
    finder.sees(lambda: 0 < page.rows.rowCount() < 20)

    other = str(tmp_path / "other.espalier")
    finder.waits_for(lambda: submit("new_project", path=other, weights=str(weights), size=SIZE))
    finder.waits_for(lambda: submit("open_project", path=first))

    assert page.search.query == {"search": "", "split": "", "sort": ""}
    finder.sees(lambda: page.rows.rowCount() == 60)


def test_how_many_are_chosen_is_said(finder: Person) -> None:
    page = page_of(finder)
    assert page.count.text() == "60 images"
    page.gallery.setFocus()

    page.gallery.selectAll()

    assert page.count.text() == "60 images · 60 chosen"
    page.gallery.clearSelection()
    assert page.count.text() == "60 images"


def test_several_images_are_moved_where_they_most_likely_belong(finder: Person) -> None:
    page = page_of(finder)
    page.classes.choose("shoes")
    QTest.keyClicks(page.search.words, "hat")
    finder.sees(lambda: page.rows.rowCount() == 2 and page.rows.row(1))
    page.gallery.selectAll()
    proposed: list[str] = []

    def agree() -> bool:
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, QDialog):
            return False
        proposed.append(dialog.findChild(QComboBox).currentText())
        QTest.keyClick(dialog, Qt.Key.Key_Return)
        return True

    finder.later(agree)
    finder.waits_for(lambda: finder.presses("Ctrl+Shift+M"))

    assert proposed == ["hat"]
    assert finder.classes() == {"hat": 20, "shoes": 20, "skirt": 20}


def turned(gallery: QWidget, up: bool) -> QWheelEvent:
    middle = QPointF(gallery.viewport().rect().center())
    return QWheelEvent(
        middle,
        QPointF(gallery.viewport().mapToGlobal(middle.toPoint())),
        QPoint(0, 0),
        QPoint(0, 120 if up else -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.ControlModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )


def test_the_gallery_is_enlarged_by_ctrl_with_the_wheel_and_with_keys(finder: Person) -> None:
    gallery = page_of(finder).gallery
    side, columns = gallery.tile.side, gallery.columns

    QApplication.sendEvent(gallery.viewport(), turned(gallery, up=True))
    QApplication.sendEvent(gallery.viewport(), turned(gallery, up=True))
    assert gallery.tile.side > side
    assert gallery.columns < columns
    QApplication.sendEvent(gallery.viewport(), turned(gallery, up=False))
    QApplication.sendEvent(gallery.viewport(), turned(gallery, up=False))
    assert gallery.tile.side == side

    gallery.setFocus()
    for _ in range(3):
        QTest.keyClick(gallery, Qt.Key.Key_Plus, Qt.KeyboardModifier.ControlModifier)
    assert gallery.tile.side > side
    for _ in range(20):
        QTest.keyClick(gallery, Qt.Key.Key_Minus, Qt.KeyboardModifier.ControlModifier)
    assert 0 < gallery.tile.side < side
    QTest.keyClick(gallery, Qt.Key.Key_0, Qt.KeyboardModifier.ControlModifier)
    assert gallery.tile.side == side


def test_all_images_leaves_the_review_also_where_it_is_current(finder: Person) -> None:
    page = page_of(finder)
    assert page.classes.name == ""
    page.review_button.click()
    assert page.stack.currentWidget() is page.review
    place = page.classes.visualRect(page.classes.rows.index(0))

    QTest.mouseClick(page.classes.viewport(), Qt.MouseButton.LeftButton, pos=place.center())

    assert page.stack.currentWidget() is page.gallery
    page.review_button.click()
    QTest.keyClick(page.classes, Qt.Key.Key_Return)
    assert page.stack.currentWidget() is page.gallery


def test_tab_reaches_every_control_of_the_page(finder: Person) -> None:
    page = page_of(finder)
    wanted = {"Classes", "Images", "Search", "Side", "Order", "Review", "Add images"}
    wanted |= {"Rename class", "Merge class", "Remove class"}
    finder.page("Images")
    finder.sees(page.gallery.hasFocus)

    seen = set()
    for _ in range(60):
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        seen.add(QApplication.focusWidget().accessibleName())

    assert wanted <= seen, wanted - seen
