"""Garbage is collected while nothing runs, and not in the middle of a job."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from PySide6.QtCore import QObject

from app.bridge import Bridge
from app.shell.garbage import Housekeeping
from engine.worker import Engine


class Ring:
    """Something that only a collection frees: it refers to itself."""

    def __init__(self) -> None:
        self.itself = self


def old_garbage() -> weakref.ref[Ring]:
    """A ring that has lived through the small collections, and that nobody wants any more."""
    ring = Ring()
    gc.collect(1)
    gc.collect(1)
    return weakref.ref(ring)


@pytest.fixture
def bridge(qtbot):
    engine = Engine()
    bridge = Bridge(engine)
    yield bridge
    bridge.close()


@contextmanager
def looking(qtbot, bridge) -> Iterator[list[int]]:
    """Housekeeping that has set aside what is there; the list grows by one with each look."""
    owner, looks = QObject(), []
    housekeeping = Housekeeping(bridge, owner, every=5)
    try:
        housekeeping.timer.timeout.connect(lambda: looks.append(0))
        qtbot.waitUntil(lambda: len(looks) > 0)
        yield looks
    finally:
        housekeeping.stop()


def test_full_collections_wait_for_the_end_of_a_job(qtbot, bridge):
    thresholds = gc.get_threshold()
    with looking(qtbot, bridge) as looks:
        bridge.submitted.emit(7, "learn_folder")
        garbage = old_garbage()
        made = [[number] for number in range(200_000)]  # enough for full collections of its own
        before = len(looks)
        qtbot.waitUntil(lambda: len(looks) > before + 5)
        assert garbage() is not None, made[0]
        bridge.ended.emit(7, None)
        qtbot.waitUntil(lambda: garbage() is None)
    assert gc.get_threshold() == thresholds


def test_a_job_of_hours_does_not_put_collections_off_for_ever(qtbot, bridge):
    with looking(qtbot, bridge):
        bridge.submitted.emit(7, "learn_folder")
        garbage = old_garbage()
        qtbot.waitUntil(lambda: garbage() is None)
