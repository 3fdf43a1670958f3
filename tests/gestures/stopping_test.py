"""A person cancels, the engine dies, the window closes: nothing hangs and nothing is lost."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from app.shell.window import Window
from tests.helpers.image_files import class_folders
from tests.helpers.window import Person, drop, urls
from tests.helpers.window_fixtures import with_project


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Enough images that learning takes longer than a key press."""
    return class_folders(tmp_path / "many", {"red": 200, "green": 200, "blue": 200})


def seen_running(person: Person, many: Path) -> None:
    """Drops the images, and waits until the job bar shows how far they are."""
    drop(person.page("Images"), urls([many]))
    person.sees(lambda: person.window.job_bar.bar.value() > 0)


def test_esc_cancels_and_the_project_is_whole(owner: Person, many: Path) -> None:
    seen_running(owner, many)
    assert "of 600" in owner.window.job_bar.doing.full

    ended = owner.ends(lambda: owner.presses("Esc"))

    assert ended.how == "cancelled"
    assert owner.project.current_step is None, "nothing was learnt"
    assert owner.window.job_bar.title.text() == "Ready"
    assert owner.waits_for(lambda: drop(owner.page("Images"), urls([many]))).how == "done"
    assert owner.classes() == {"red": 200, "green": 200, "blue": 200}


def test_a_waiting_job_can_be_taken_back(owner: Person, many: Path, images: Path) -> None:
    seen_running(owner, many)
    drop(owner.page("Images"), urls([images]))
    bar = owner.window.job_bar
    assert bar.waiting.text() == "1 waiting"
    bar.show_waiting()
    menu = owner.window.job_bar.findChild(type(owner.window.header.device.menu()))

    ended = owner.ends(menu.actions()[0].trigger)

    menu.close()
    assert ended.how == "cancelled"
    owner.ends(lambda: owner.presses("Esc"))
    assert "apple" not in owner.classes()


@pytest.mark.logs_warnings
def test_a_killed_engine_is_said_and_the_job_done_again(
    own_window: Window, qtbot: object, weights: Path, tmp_path: Path, many: Path
) -> None:
    person = with_project(Person(own_window, qtbot), weights, tmp_path)
    seen_running(person, many)
    number = own_window.bridge.engine.process_id

    ended = person.ends(lambda: os.kill(number, signal.SIGKILL))

    assert ended.how == "lost"
    assert own_window.isVisible()
    said = {card.text: card for card in own_window.notices.cards}
    sentence = next((text for text in said if text.endswith(ended.text) and text != ended.text), "")
    assert sentence, said
    card = said[sentence]
    again = person.waits_for(card.action_button.click)
    assert again.how == "done", again.text
    assert person.classes() == {"red": 200, "green": 200, "blue": 200}
    assert all(view.learnt for view in person.project.classes)


def test_closing_while_learning_leaves_no_process(
    own_window: Window, qtbot: object, weights: Path, tmp_path: Path, many: Path
) -> None:
    person = with_project(Person(own_window, qtbot), weights, tmp_path)
    seen_running(person, many)
    child = psutil.Process(own_window.bridge.engine.process_id)

    own_window.close()

    assert not own_window.isVisible()
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
