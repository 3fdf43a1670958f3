"""A person has an exported file answer on the Live page, with a project or without one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.pages.live.page import LivePage
from app.shell.window import Window
from tests.helpers.live import Camera, colour_model, served
from tests.helpers.window import Person, drop, texts, urls
from tests.helpers.window_fixtures import gone, opened

SOME = 30
"""Frames after which OpenCV knows what a camera sends."""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return colour_model(tmp_path / "colours.onnx")


@pytest.fixture
def camera() -> Iterator[tuple[Camera, str]]:
    made = Camera()
    with served(made) as address:
        yield made, address


def live(person: Person) -> LivePage:
    page = person.window.pages["Live"]
    assert isinstance(page, LivePage)
    return page


def watches(person: Person, address: str) -> None:
    live(person).field.setText(address)
    person.presses("Ctrl+Return")
    person.sees(lambda: live(person).watching.running)


def sees_answer(person: Person, name: str) -> None:
    person.sees(lambda: live(person).verdict.full.startswith(name))


def test_without_a_project_a_dropped_model_answers(person, model, camera) -> None:
    window, page = person.window, live(person)
    assert window.stack.currentWidget() is window.welcome
    drop(window.welcome, urls([model]))
    person.sees(lambda: page.models.ready)
    assert window.stack.currentWidget() is page
    assert page.models.said.full == "3 classes"
    assert page.rules.names == ["red", "green", "blue"]
    shown, address = camera
    shown.shows("green", SOME)
    watches(person, address)
    sees_answer(person, "green")

    person.presses("Alt+Left")
    person.sees(lambda: window.stack.currentWidget() is window.welcome)
    assert not page.watching.running, "a camera looks only while its page is seen"


def test_by_keys_alone(person, model) -> None:
    page = live(person)
    person.presses("Ctrl+Shift+V")
    person.sees(page.isVisible)
    assert page.models.list.currentText() == "No model yet"
    person.presses("Ctrl+Return")
    person.sees(lambda: "Choose a model first" in texts(page))
    person.will_choose_file(model)
    person.presses("Ctrl+Shift+L")
    person.sees(lambda: page.models.ready)
    assert page.models.list.currentText() == "colours.onnx"
    assert page.models.list.accessibleName() == "Model"


def test_what_is_no_model_is_said_and_the_one_before_stays(person, model, tmp_path) -> None:
    page = live(person)
    drop(person.window.welcome, urls([model]))
    person.sees(lambda: page.models.ready)
    bad = tmp_path / "bad.zip"
    bad.write_bytes(bytes(range(256)) * 50)
    drop(page, urls([bad]))
    person.sees(lambda: any("bad.zip is no zip" in text for text in person.messages()))
    assert page.models.file == str(model)
    assert page.models.ready
    assert page.models.list.currentText() == "colours.onnx"


def test_it_is_remembered_until_it_is_gone(shared_engine, qtbot, model) -> None:
    first = opened(shared_engine, qtbot)
    drop(first.welcome, urls([model]))
    person = Person(first, qtbot)
    person.sees(lambda: live(person).models.ready)
    gone(first)

    again = Person(opened(shared_engine, qtbot), qtbot)
    again.presses("Ctrl+Shift+V")
    again.sees(lambda: live(again).models.ready)
    assert live(again).models.file == str(model)
    gone(again.window)

    model.unlink()
    last = Person(opened(shared_engine, qtbot), qtbot)
    last.presses("Ctrl+Shift+V")
    last.sees(lambda: any("is not there any more" in text for text in last.messages()))
    assert not live(last).models.file
    assert not live(last).models.ready
    gone(last.window)


def test_beside_a_project_the_file_answers_until_the_project_is_chosen(
    learnt, images, model, camera
) -> None:
    page = learnt.page("Live")
    assert page.models.list.currentText() == "This project"
    assert not page.back.isVisible()
    assert page.models.said.full == "3 classes", "those of the project"
    assert page.files.unsure.isEnabled()
    drop(page, urls([model]))
    learnt.sees(lambda: page.models.file)
    assert "gives answers alone" in page.why.switch.toolTip()
    assert "no place for images" in page.files.unsure.toolTip()
    assert not page.files.unsure.isEnabled()
    shown, address = camera
    shown.shows("blue", SOME)
    watches(learnt, address)
    sees_answer(learnt, "blue")
    assert "apple" not in page.bars.accessibleDescription()

    page.models.list.setFocus()
    QTest.keyClick(page.models.list, Qt.Key.Key_Up)
    learnt.sees(lambda: not page.models.file)
    assert not page.watching.running
    assert "apple" in page.rules.names
    for path in sorted((images / "apple").glob("*.jpg"))[:3]:
        shown.sends(path.read_bytes(), SOME)
    watches(learnt, address)
    learnt.sees(lambda: "apple" in page.bars.accessibleDescription())


def test_a_project_that_is_opened_shows_its_images(own_project: Path, person, model) -> None:
    window: Window = person.window
    drop(window.welcome, urls([model]))
    person.sees(lambda: live(person).models.ready)
    person.waits_for(lambda: window.open_project(str(own_project)))
    person.sees(lambda: window.stack.currentWidget() is window.pages["Images"])
    assert window.rail.isVisible()


@pytest.fixture
def own_project(person, tmp_path: Path) -> Path:
    """An empty project that was closed."""
    submit, path = person.window.bridge.submit, tmp_path / "own.espalier"
    person.waits_for(lambda: submit("new_project", path=str(path), name="own"))
    person.waits_for(lambda: submit("close_project"))
    return path
