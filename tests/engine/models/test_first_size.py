"""A new project's input size: the network's own, or less where the computer is slow."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from engine.events import Notice
from engine.jobs import run
from engine.models import first_size
from engine.session import Session


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESPALIER_HOME", str(tmp_path / "home"))


def new(path: Path, **settings: object) -> tuple[int, list[str]]:
    """The input size of a new project, and what was said."""
    with closing(Session()) as session:
        events = list(run(session, "new_project", {"path": str(path), **settings}))
        return session.view().input_size, [e.text for e in events if isinstance(e, Notice)]


def takes(monkeypatch: pytest.MonkeyPatch, seconds: float) -> list[str]:
    asked = []
    monkeypatch.setattr(first_size, "seconds_of", lambda net: asked.append(net.name) or seconds)
    return asked


def test_a_slow_computer_gets_a_smaller_size_and_is_told(tmp_path, monkeypatch):
    asked = takes(monkeypatch, 0.4)
    size, said = new(tmp_path / "p.espalier")
    assert size == 160
    assert said == [
        "This computer takes 400 ms for an image of 224 pixels, so the network looks at 160. "
        "Under Network you can choose another size."
    ]
    assert new(tmp_path / "q.espalier")[0] == 160
    assert asked == ["efficientnet_lite0"]  # measured once


def test_any_other_gets_the_networks_own(tmp_path, monkeypatch):
    takes(monkeypatch, 0.02)
    assert new(tmp_path / "p.espalier") == (224, [])


def test_a_size_or_network_that_was_chosen_is_kept(tmp_path, monkeypatch):
    asked = takes(monkeypatch, 0.4)
    assert new(tmp_path / "p.espalier", size=192) == (192, [])
    assert new(tmp_path / "q.espalier", backbone="efficientnet_lite0") == (224, [])
    assert asked == []


def test_what_is_kept_may_be_damaged(tmp_path, monkeypatch):
    takes(monkeypatch, 0.4)
    (tmp_path / "home" / "cache").mkdir(parents=True)
    (tmp_path / "home" / "cache" / "speeds.json").write_text("[1, 2")
    assert new(tmp_path / "p.espalier")[0] == 160
