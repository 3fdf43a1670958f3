"""A person holds a button while a camera shows something, and it is learnt meanwhile."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from shiboken6 import isValid

from app.pages.images.camera import CameraDialog
from tests.app.test_accessible import complaints
from tests.helpers.live import Camera, served, sources_below
from tests.helpers.window import Person


@pytest.fixture
def camera() -> Iterator[tuple[Camera, str]]:
    made = Camera()
    with served(made) as address:
        yield made, address


def opened(person: Person, address: str, page: str = "Images") -> CameraDialog:
    person.page(page)
    person.presses("Ctrl+Shift+K")
    person.sees(lambda: isinstance(QApplication.activeModalWidget(), CameraDialog))
    dialog = QApplication.activeModalWidget()
    assert isinstance(dialog, CameraDialog)
    dialog.source.setText(address)
    dialog.show_button.click()
    return dialog


def showing(camera: Camera, folder: Path, until: Callable[[], object]) -> Callable[[], object]:
    """Shows one image after the other, a frame each time that the person looks."""
    images = itertools.cycle([path.read_bytes() for path in sorted(folder.glob("*.jpg"))])

    def look() -> object:
        camera.sends(next(images))
        return until()

    return look


def taken(dialog: CameraDialog) -> int:
    """Images of the hold that goes on."""
    return len(dialog.holds.now.frames) if dialog.holds.now is not None else 0


def answered(dialog: CameraDialog, name: str) -> bool:
    """Whether the likeliest class now is this one."""
    return dialog.bars.accessibleDescription().startswith(f"{name} ")


def test_what_is_shown_is_learnt_and_answered_while_the_button_is_held(
    owner, images, camera
) -> None:
    shown, address = camera
    dialog = opened(owner, address)
    assert complaints(dialog) == []
    owner.sees(showing(shown, images / "apple", lambda: not dialog.image.image.isNull()))
    QTest.keyPress(dialog.hold, Qt.Key.Key_Space)
    QTest.keyRelease(dialog.hold, Qt.Key.Key_Space)
    shown.sends(next(images.rglob("*.jpg")).read_bytes())
    assert "which class" in dialog.news.text()
    assert not owner.classes()

    dialog.name.setCurrentText("apple")
    QTest.keyPress(dialog.hold, Qt.Key.Key_Space)
    held = showing(shown, images / "apple", lambda: taken(dialog) > 4 and answered(dialog, "apple"))
    owner.sees(held)
    assert not owner.classes(), "nothing is stored while it is held"
    assert "apple  " in dialog.counts.text()
    ended = owner.waits_for(lambda: QTest.keyRelease(dialog.hold, Qt.Key.Key_Space))
    assert ended.how == "done", ended.text
    apples = owner.classes()["apple"]
    owner.sees(lambda: f"{apples} images of apple learnt" in dialog.news.text())

    dialog.name.setCurrentText("cherry")
    QTest.mousePress(dialog.hold, Qt.MouseButton.LeftButton)
    held = showing(shown, images / "cherry", lambda: answered(dialog, "cherry"))
    owner.sees(held)
    assert taken(dialog)
    assert f"apple  {apples}\ncherry  " in dialog.counts.text()
    ended = owner.waits_for(lambda: QTest.mouseRelease(dialog.hold, Qt.MouseButton.LeftButton))
    assert ended.how == "done", ended.text
    assert owner.classes().keys() == {"apple", "cherry"}
    assert all(c.learnt for c in owner.project.classes)
    owner.sees(showing(shown, images / "apple", lambda: answered(dialog, "apple")))
    owner.presses("Esc", dialog)
    owner.sees(lambda: not sources_below(owner.window.bridge.engine.process_id))

    assert asked_first(owner) == (1, 0), "of the first hold nothing could be asked, and no cherry"
    ended = owner.waits_for(lambda: owner.presses("Ctrl+Z"))
    assert ended.how == "done"
    assert owner.classes() == {"apple": apples}, "one hold is one gesture"
    assert len(owner.project.steps) == 1
    assert asked_first(owner) == (0, 0)


def test_on_the_learn_page_five_a_second_are_taken_of_what_moves(owner, images, camera) -> None:
    shown, address = camera
    dialog = opened(owner, address, "Learn")
    ticks = itertools.count(1_700_000_000, 0.1)
    dialog.clock, heard = lambda: next(ticks), []
    owner.window.bridge.watched.connect(lambda ticket, event: heard.append(event.small))
    dialog.name.setCurrentText("apple")
    QTest.keyPress(dialog.hold, Qt.Key.Key_Space)
    still = (images / "apple" / "000.jpg").read_bytes()

    def for_a_second() -> bool:
        shown.sends(still)
        return len(heard) > 10

    owner.sees(for_a_second)
    assert taken(dialog) == 1, "nothing moves"
    heard.clear()
    moving = sorted((images / "apple").glob("*.jpg"))
    owner.sees(showing(shown, images / "apple", lambda: len(set(heard)) == len(moving)))
    most = 1 + len(heard) // 2
    assert 1 < taken(dialog) <= most + 1
    count = taken(dialog)
    ended = owner.waits_for(lambda: QTest.keyRelease(dialog.hold, Qt.Key.Key_Space))
    assert ended.how == "done", ended.text
    owner.sees(lambda: owner.classes() == {"apple": count})
    owner.presses("Esc", dialog)


def test_closed_while_a_hold_is_stored_it_is_stored_all_the_same(owner, images, camera) -> None:
    shown, address = camera
    dialog = opened(owner, address)
    dialog.name.setCurrentText("apple")
    owner.sees(showing(shown, images / "apple", lambda: not dialog.image.image.isNull()))
    QTest.keyPress(dialog.hold, Qt.Key.Key_Space)
    owner.sees(showing(shown, images / "apple", lambda: taken(dialog) > 2))

    def let_go_and_leave() -> None:
        QTest.keyRelease(dialog.hold, Qt.Key.Key_Space)
        dialog.close_button.click()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)

    ended = owner.waits_for(let_go_and_leave)
    assert ended.how == "done", ended.text
    owner.sees(lambda: owner.classes().get("apple", 0) > 2)
    assert not isValid(dialog)


def test_what_is_said_of_a_camera_that_was_gone_goes_when_it_is_back(owner, images, camera) -> None:
    shown, address = camera
    dialog = opened(owner, address)
    frame = showing(shown, images / "apple", lambda: not dialog.image.image.isNull())
    owner.sees(frame)
    shown.pull()
    owner.sees(lambda: "goes on when it is back" in dialog.news.text())
    shown.give_back()
    owner.sees(showing(shown, images / "apple", lambda: not dialog.news.text()))
    owner.presses("Esc", dialog)


def test_the_camera_of_last_time_is_shown_again_unless_it_has_a_password(
    owner, images, camera
) -> None:
    shown, address = camera
    secret = address.replace("//", "//me:secret@")
    for source, kept in ((secret, "0"), (address, address)):
        dialog = opened(owner, source)
        owner.sees(showing(shown, images / "apple", lambda d=dialog: not d.image.image.isNull()))
        dialog.close_button.click()
        owner.presses("Ctrl+Shift+K")
        owner.sees(lambda: isinstance(QApplication.activeModalWidget(), CameraDialog))
        again = QApplication.activeModalWidget()
        assert again.source.text() == kept
        again.close_button.click()


def asked_first(person: Person) -> tuple[int, int]:
    """Of how many holds the first image was asked before it was learnt, and how many were right."""
    found: list[Any] = []
    person.window.bridge.ask("own_stream", found.append)
    person.sees(lambda: found)
    return found[0].result["images"], found[0].result["right"]


def test_a_camera_that_is_not_there_is_said(owner) -> None:
    dialog = opened(owner, "77")
    owner.sees(lambda: "no camera 77" in dialog.news.text())
    owner.presses("Esc", dialog)
