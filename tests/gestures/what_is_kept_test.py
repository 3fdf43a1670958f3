"""A person sees what the project keeps, caps it, and chooses which images are learnt."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QProgressBar

from app.shell.memory_dialog import MemoryDialog
from tests.app.test_accessible import complaints
from tests.helpers.window import Person


def opened(person: Person) -> MemoryDialog:
    person.presses("Ctrl+Shift+H")
    person.sees(lambda: person.window.findChild(MemoryDialog))
    dialog = person.window.findChild(MemoryDialog)
    person.sees(lambda: dialog.total.text())
    return dialog


def bars(dialog: MemoryDialog) -> dict[str, int]:
    """The parts that are shown, and how long their bars are."""
    found = dialog.findChildren(QProgressBar)
    return {bar.accessibleName(): bar.value() for bar in found if not bar.isHidden()}


def closed(person: Person, dialog: MemoryDialog) -> None:
    person.presses("Escape", dialog)
    person.sees(lambda: person.window.findChild(MemoryDialog) is None)


def test_the_meter_and_a_cap_that_can_be_undone(learnt: Person) -> None:
    dialog = opened(learnt)
    learnt.sees(
        lambda: {"Features", "Thumbnails", "Steps of learning", "Tables"} <= set(bars(dialog))
    )
    assert max(bars(dialog).values()) == 1000, "the largest fills its line"
    assert "1. features of networks that are not in use" in dialog.order.text()
    assert "everything is learnt again" in dialog.stays.text()
    assert dialog.cap.text() == "all"
    assert complaints(dialog) == []

    dialog.cap.setValue(3)
    ended = learnt.waits_for(lambda: learnt.presses("Ctrl+Return", dialog))

    assert ended.how == "done", ended.text
    assert ended.result["cap"] == 3_000_000
    learnt.sees(lambda: dialog.news.text().startswith("Features of"))
    assert dialog.cap.text() == "3 MB"
    assert learnt.project.undo[-1] == "Cap features and thumbnails"
    closed(learnt, dialog)
    learnt.waits_for(lambda: learnt.presses("Ctrl+Z"))
    dialog = opened(learnt)
    assert dialog.cap.text() == "all"
    closed(learnt, dialog)


def test_only_the_last_images_are_learnt_and_undo_brings_the_others_back(learnt: Person) -> None:
    page = learnt.page("Learn")
    learnt.presses("Ctrl+Shift+L")
    choice = page.details.recent
    assert choice.which.currentText() == "all images"
    assert choice.number.isHidden()
    assert complaints(choice) == []

    def choose() -> None:
        choice.which.setCurrentIndex(1)
        choice.which.activated.emit(1)

    ended = learnt.waits_for(choose)
    assert ended.result["images"] == 100
    assert ended.result["old"] == 0
    assert choice.formula.text().startswith("An image is learnt where fewer than 100")
    field = choice.number.lineEdit()
    field.selectAll()
    QTest.keyClicks(field, "4")
    ended = learnt.waits_for(lambda: QTest.keyClick(field, Qt.Key.Key_Return))
    classes = len(learnt.project.classes)
    assert ended.result["learnt"] == 4 * classes
    assert ended.result["old"] == sum(c.train for c in learnt.project.classes) - 4 * classes > 0
    assert (learnt.project.recent_images, learnt.project.undo[-1]) == (
        4,
        "Learn only recent images",
    )
    assert all(c.learnt for c in learnt.project.classes)
    assert complaints(choice) == []

    learnt.waits_for(lambda: learnt.presses("Ctrl+Z"))
    learnt.waits_for(lambda: learnt.presses("Ctrl+Z"))
    assert learnt.project.recent_images == 0
    learnt.sees(lambda: choice.which.currentText() == "all images")
