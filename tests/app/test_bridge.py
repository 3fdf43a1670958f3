"""The bridge hands on all that the engine says, whatever becomes of those who listen."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QObject
from shiboken6 import delete

from app.bridge import Bridge
from engine.events import Ended, Event


class Told:
    """An engine that says what a test puts in."""

    def __init__(self) -> None:
        self.events: list[tuple[int, Event]] = []
        self.tickets = 0

    def submit(self, job: str, **settings: object) -> int:
        self.tickets += 1
        self.events.append((self.tickets, Ended("done", job)))
        return self.tickets

    def take(self) -> list[tuple[int, Event]]:
        events, self.events = self.events, []
        return events


class Dialog(QObject):
    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def take(self, ended: Ended) -> None:
        self.heard.append(ended.text)
        self.setObjectName(ended.text)


def test_an_answer_for_a_dialog_that_is_gone_is_dropped(qtbot) -> None:
    bridge, gone, there = Bridge(Told()), Dialog(), Dialog()
    bridge.ask("first", gone.take)
    bridge.ask("second", there.take)
    delete(gone)
    bridge.drain()
    assert (gone.heard, there.heard) == ([], ["second"])
    bridge.rest.stop()


def test_where_a_listener_fails_the_others_hear_what_is_theirs(qtbot) -> None:
    bridge, there = Bridge(Told()), Dialog()

    def fail(ended: Ended) -> None:
        raise ZeroDivisionError

    bridge.ask("first", fail)
    bridge.ask("second", there.take)
    with pytest.raises(ZeroDivisionError):
        bridge.drain()
    qtbot.waitUntil(lambda: there.heard == ["second"])
    qtbot.waitUntil(lambda: not bridge.rest.isActive())
