"""A person holds a button while a camera shows something, and it is learnt."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.pages.images.camera import CameraDialog
from tests.app.test_accessible import complaints
from tests.helpers.live import Camera, served, sources_below
from tests.helpers.window import Person


@pytest.fixture
def camera() -> Iterator[tuple[Camera, str]]:
    made = Camera()
    with served(made) as address:
        yield made, address


def opened(person: Person, address: str) -> CameraDialog:
    person.page("Images")
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


def test_what_is_shown_while_the_button_is_held_is_learnt(owner, images, camera) -> None:
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
    owner.sees(showing(shown, images / "apple", lambda: len(dialog.frames) >= 4))
    apples = len(dialog.frames)
    owner.waits_for(lambda: QTest.keyRelease(dialog.hold, Qt.Key.Key_Space))
    owner.sees(lambda: owner.classes() == {"apple": apples})
    owner.sees(lambda: f"{apples} images of apple learnt" in dialog.news.text())

    dialog.name.setCurrentText("cherry")
    QTest.mousePress(dialog.hold, Qt.MouseButton.LeftButton)
    owner.sees(showing(shown, images / "cherry", lambda: len(dialog.frames) >= 4))
    cherries = len(dialog.frames)
    ended = owner.waits_for(lambda: QTest.mouseRelease(dialog.hold, Qt.MouseButton.LeftButton))
    assert ended.how == "done", ended.text
    owner.sees(lambda: owner.classes() == {"apple": apples, "cherry": cherries})
    assert all(c.learnt for c in owner.project.classes)
    owner.presses("Esc", dialog)
    owner.sees(lambda: not sources_below(owner.window.bridge.engine.process_id))

    assert asked_first(owner) == (1, 0), "of the first hold nothing could be asked, and no cherry"
    ended = owner.waits_for(lambda: owner.presses("Ctrl+Z"))
    assert ended.how == "done"
    assert owner.classes() == {"apple": apples}, "one hold is one gesture"
    assert asked_first(owner) == (0, 0)


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
