"""Fixtures for tests of the window: the window itself, a person at it, and a small project."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent

from app import theme
from app.pages import PAGES
from app.shell.preferences import Preferences
from app.shell.window import Window, make_application
from engine.worker import Engine
from tests.helpers.image_files import class_folders
from tests.helpers.window import LONG, SIZE, Person, drop, random_weights, urls


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of the smallest network, made once."""
    return random_weights(tmp_path_factory.mktemp("weights") / "small.safetensors")


class SharedEngine(Engine):
    """The real engine, which goes on when a window closes: its process takes seconds to start."""

    def close(self, patience: float = 0.0) -> None:
        """Closing a window ends nothing here; the fixture ends it after the last test."""


@pytest.fixture(scope="session")
def shared_engine() -> Iterator[Engine]:
    engine = SharedEngine()
    while engine.process_id is None:
        threading.Event().wait(0.01)
    yield engine
    Engine.close(engine)


def opened(engine: Engine, qtbot: object) -> Window:
    """A window that was painted, with all its pages."""
    make_application()
    theme.use("light")
    window = Window(engine, Preferences())
    window.show()
    window.activateWindow()
    qtbot.waitUntil(
        lambda: len(window.pages) == len(PAGES) and window.isActiveWindow(), timeout=LONG
    )
    return window


def gone(window: Window) -> None:
    window.close()
    window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QCoreApplication.processEvents()


@pytest.fixture
def window(shared_engine: Engine, qtbot: object, tmp_path: Path) -> Iterator[Window]:
    """The real window on the real engine; `tmp_path` and the projects in it go after it."""
    made = opened(shared_engine, qtbot)
    yield made
    ended: list[int] = []
    made.bridge.ended.connect(lambda ticket, event: ended.append(ticket))
    for ticket in list(made.bridge.jobs):
        made.bridge.cancel(ticket)
    last = made.bridge.submit("close_project")
    # Questions that are still open would be answered to the next window.
    qtbot.waitUntil(lambda: last in ended and not made.bridge.asked, timeout=60_000)
    gone(made)


@pytest.fixture
def own_window(qtbot: object, tmp_path: Path) -> Iterator[Window]:
    """A window with an engine of its own, for tests that end it."""
    made = opened(Engine(), qtbot)
    yield made
    gone(made)


@pytest.fixture
def person(window: Window, qtbot: object) -> Person:
    return Person(window, qtbot)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder of three class folders whose colours differ."""
    return class_folders(tmp_path / "fruit", {"apple": 12, "banana": 12, "cherry": 12})


@pytest.fixture
def owner(person: Person, weights: Path, tmp_path: Path) -> Person:
    """A person with an empty project open."""
    return with_project(person, weights, tmp_path)


@pytest.fixture
def learnt(owner: Person, images: Path) -> Person:
    """A person whose project has learnt three classes."""
    ended = owner.waits_for(lambda: drop(owner.page("Images"), urls([images])))
    assert ended.how == "done", ended.text
    return owner


def with_project(person: Person, weights: Path, folder: Path) -> Person:
    path = str(folder / "mine.espalier")
    submit = person.window.bridge.submit
    ended = person.waits_for(
        lambda: submit("new_project", path=path, weights=str(weights), size=SIZE)
    )
    assert ended.how == "done", ended.text
    return person
