"""Models are timed for a moment only: how fast they are is nothing that these tests look at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def a_moment() -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    patch.setattr("engine.training.study.in_use.SECONDS", 0.01)
    yield
    patch.undo()
