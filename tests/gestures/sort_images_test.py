"""A person sorts: renames, merges, moves and removes, and takes each of it back."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QMimeData, Qt
from PySide6.QtGui import QDrag
from PySide6.QtWidgets import QApplication, QMenu

from app.widgets import rows
from app.widgets.rows import MIME
from engine.events import ClassView
from tests.helpers.window import Person, drop


def test_f2_renames_a_class_and_undo_brings_the_old_name_back(learnt: Person) -> None:
    page = learnt.page("Images")
    page.classes.choose("apple")
    learnt.will_answer("pear", "OK")

    learnt.waits_for(lambda: learnt.presses("F2"))

    assert set(learnt.classes()) == {"pear", "banana", "cherry"}
    assert page.classes.name == "pear", "the renamed class stays chosen"
    assert all(view.learnt for view in learnt.project.classes), "a name teaches nothing"
    learnt.waits_for(lambda: learnt.presses("Ctrl+Z"))
    assert set(learnt.classes()) == {"apple", "banana", "cherry"}


def test_a_name_that_is_taken_offers_to_merge(learnt: Person) -> None:
    page = learnt.page("Images")
    page.classes.choose("apple")
    learnt.will_answer("banana", "OK")

    def answer_both() -> None:
        # The second question comes while the first is being answered.
        learnt.later(lambda: is_merge() and learnt.answer_dialog("", "Merge"))
        page.rename()

    def is_merge() -> bool:
        dialog = QApplication.activeModalWidget()
        return dialog is not None and "already" in dialog.windowTitle()

    learnt.waits_for(answer_both)

    assert learnt.classes() == {"banana": 24, "cherry": 12}


def test_images_dragged_onto_a_class_move_there(learnt: Person) -> None:
    page = learnt.page("Images")
    page.classes.choose("apple")
    learnt.sees(lambda: page.rows.rowCount() == 12 and page.rows.row(0))
    page.gallery.selectionModel().select(
        page.rows.index(0), page.gallery.selectionModel().SelectionFlag.Select
    )
    mime: QMimeData = page.rows.mimeData(page.gallery.selectionModel().selectedIndexes())
    assert mime.hasFormat(MIME)
    place = page.classes.visualRect(page.classes.rows.index(page.classes.rows.row_of("cherry")))

    learnt.waits_for(lambda: drop(page.classes.viewport(), mime, place.center()))

    assert learnt.classes() == {"apple": 11, "banana": 12, "cherry": 13}


def test_delete_removes_the_chosen_images(learnt: Person) -> None:
    page = learnt.page("Images")
    page.classes.choose("apple")
    learnt.sees(lambda: page.rows.rowCount() == 12 and page.rows.row(0))
    page.gallery.selectAll()

    learnt.waits_for(lambda: page.remove_button.click())

    assert learnt.classes().get("apple", 0) == 0
    learnt.waits_for(lambda: learnt.presses("Ctrl+Z"))
    assert learnt.classes()["apple"] == 12


def test_all_that_are_said_to_be_chosen_are_moved_and_removed(
    learnt: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The window holds the rows of 18 images at most here, as of 10,000 where there are more."""
    monkeypatch.setattr(rows, "PAGES_KEPT", 1)
    page = learnt.page("Images")
    page.rows.page = 18
    page.gallery.zoom(4)  # no more of them are seen at once
    classes, place = page.classes, page.classes.rows.row_of("cherry")

    def choose_all() -> None:
        classes.choose("")
        page.rows.ask_again()
        learnt.sees(lambda: page.rows.rowCount() == 36 and len(list(page.rows.numbered())) == 18)
        page.gallery.selectAll()
        assert "36 chosen" in page.count.text()
        assert len(page.gallery.selected_rows()) == 18

    def let_go(drag: QDrag, actions: Qt.DropAction) -> Qt.DropAction:
        """A drag ends over a class: offscreen there is no mouse that could."""
        spot = classes.visualRect(classes.rows.index(place)).center()
        drop(classes.viewport(), drag.mimeData(), spot)
        return actions

    choose_all()
    page.rows.total = 35  # as where one came meanwhile, which the engine knows of already
    page.remove()
    learnt.sees(lambda: any("changed while they were chosen" in m for m in learnt.messages()))

    choose_all()
    monkeypatch.setattr(QDrag, "exec", let_go)
    learnt.waits_for(lambda: page.gallery.startDrag(Qt.DropAction.CopyAction))
    assert learnt.classes() == {"apple": 0, "banana": 0, "cherry": 36}

    choose_all()
    learnt.waits_for(lambda: learnt.presses("Delete"))
    assert learnt.classes() == {"apple": 0, "banana": 0, "cherry": 0}


def test_a_removed_class_is_unlearnt_and_comes_back_with_undo(learnt: Person) -> None:
    page = learnt.page("Images")
    page.classes.choose("cherry")

    learnt.waits_for(page.remove_class)

    assert set(learnt.classes()) == {"apple", "banana"}
    assert set(learnt.project.current_step.classes) == {"apple", "banana"}
    learnt.waits_for(lambda: learnt.presses("Ctrl+Z"))
    assert set(learnt.project.current_step.classes) == {"apple", "banana", "cherry"}


def test_an_image_is_used_for_testing_and_what_is_learnt_follows(learnt: Person) -> None:
    page = learnt.page("Images")
    page.classes.choose("apple")
    learnt.sees(lambda: page.rows.rowCount() == 12 and page.rows.row(0))
    row = next(n for n in range(12) if page.rows.row(n)["split"] == "train")
    page.gallery.selectionModel().select(
        page.rows.index(row), page.gallery.selectionModel().SelectionFlag.Select
    )
    before = next(c for c in learnt.project.classes if c.name == "apple")

    where = page.gallery.visualRect(page.rows.index(row)).center()
    page.gallery.customContextMenuRequested.emit(where)
    menu = next(w for w in QApplication.topLevelWidgets() if isinstance(w, QMenu) and w.isVisible())
    choice = next(a for a in menu.actions() if a.text() == "Use for &testing")
    learnt.waits_for(choice.trigger)
    menu.close()

    def apple() -> ClassView:
        return next(c for c in learnt.project.classes if c.name == "apple")

    learnt.sees(lambda: apple().validation == before.validation + 1 and apple().learnt)
    assert apple().train == before.train - 1
    learnt.waits_for(lambda: learnt.presses("Ctrl+Z"))
    assert (apple().train, apple().validation) == (before.train, before.validation)
    assert apple().learnt
