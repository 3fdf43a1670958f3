"""What is on its way, or waits, is said where a person looks: on Sort, and before an export."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from tests.helpers.image_files import class_folders, plain_folders
from tests.helpers.sort_page import CLASSES, COUNT, at_rest, page
from tests.helpers.window import Person, drop, urls


def test_while_images_are_added_the_page_says_so_and_how_far(owner: Person, tmp_path: Path) -> None:
    """Also when the first of them are in the project already."""
    many = plain_folders(tmp_path / "many", CLASSES, 24)
    found, told, parts = owner.page("Sort"), list[str](), list[QWidget]()
    arriving = found.arriving

    def note(*_: object) -> None:
        if arriving.comes:
            told.append(arriving.text.text())
            parts.append(found.pages.currentWidget())

    owner.window.bridge.progress.connect(note)
    owner.window.bridge.changed.connect(note)

    drop(found, urls([many]))

    assert found.pages.currentWidget() is arriving
    assert arriving.title.text() == "Adding images …"
    owner.sees(lambda: page(owner).pages.currentWidget() is found.work)
    assert any(" of 72" in words for words in told), told
    assert set(parts) == {arriving}
    at_rest(owner)
    assert not arriving.comes


def test_where_adding_was_stopped_the_page_asks_for_images_again(owner: Person, heap: Path) -> None:
    found = owner.page("Sort")
    drop(found, urls([heap]))
    assert found.pages.currentWidget() is found.arriving
    owner.presses("Esc")
    owner.sees(lambda: not owner.window.bridge.jobs)
    assert found.pages.currentWidget() is (found.work if owner.project.unsorted else found.empty)


def test_export_says_what_is_not_in_the_file_and_leads_there(
    learnt: Person, heap: Path, tmp_path: Path
) -> None:
    submit = learnt.window.bridge.submit
    line = learnt.page("Export").form.unfinished
    assert not line.isVisible(), "all is learnt, and nothing waits"
    learnt.waits_for(lambda: submit("add_unsorted", paths=[str(heap)]))
    more = class_folders(tmp_path / "more", {"fig": 6, "plum": 6}, seed=5)
    learnt.waits_for(lambda: submit("add_images", paths=[str(more)]))
    assert line.isVisible()
    assert line.words.text() == "2 classes are not learnt yet."

    ended = learnt.waits_for(lambda: QTest.mouseClick(line.act, Qt.MouseButton.LeftButton))

    assert ended.how == "done", ended.text
    assert all(known.learnt for known in learnt.project.classes)
    assert line.words.text() == f"{3 * COUNT} images still wait without a class."
    learnt.presses("Ctrl+Return")
    learnt.sees(lambda: learnt.window.stack.currentWidget() is learnt.window.pages["Sort"])
