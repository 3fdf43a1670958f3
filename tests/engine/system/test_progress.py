"""How long a job will still take is said once there is something to judge it by."""

from __future__ import annotations

import pytest

from engine.system import progress
from engine.system.progress import Eta


class Clock:
    """A clock that a test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(progress.time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_nothing_is_estimated_before_two_seconds_of_work(clock: Clock) -> None:
    eta = Eta(300, "Drawing")
    assert eta.at(0).seconds_left is None
    clock.now += 1
    assert eta.at(1).seconds_left is None, "it would say five minutes"
    clock.now += 1.9
    assert eta.at(38).seconds_left is None
    clock.now += 0.1
    assert eta.at(41).seconds_left == pytest.approx(2 / 40 * 259)


def test_a_slow_start_is_not_taken_for_the_pace(clock: Clock) -> None:
    eta = Eta(100, "Drawing")
    clock.now += 30
    assert eta.at(1).seconds_left is None, "one alone has no pace"
    clock.now += 5
    assert eta.at(11).seconds_left == pytest.approx(0.5 * 89)
    clock.now += 5
    assert eta.at(31).seconds_left == pytest.approx(10 / 30 * 69), "from all of the work so far"
