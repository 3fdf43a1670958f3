"""A person looks what the program runs on: only what this computer has is offered."""

from __future__ import annotations

import pytest
import torch

from app.shell.header import DEVICES
from engine.jobs import run
from engine.session import Session
from tests.helpers.window import Person


def found() -> list[str]:
    *_, ended = run(Session(), "list_devices", {})
    return ended.result["devices"]


def test_only_devices_that_are_there_are_offered(learnt: Person) -> None:
    header = learnt.window.header
    assert header.device.accessibleName() == "Runs on"
    assert "1 thread" in header.device.toolTip(), "it is said what that is"
    wanted = [DEVICES[name] for name in found()]
    menu = header.device.menu()

    learnt.sees(lambda: [a.text() for a in menu.actions() if a.isVisible()] == wanted)

    chosen = next(a for a in menu.actions() if a.text() == DEVICES["cpu"])
    ended = learnt.waits_for(chosen.trigger)
    assert ended.how == "done", ended.text
    assert "Processor" in header.device.text()


@pytest.mark.parametrize("cuda", [False, True])
def test_a_graphics_card_is_found_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, cuda: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: not cuda)
    assert found() == ["auto", "cpu", "cuda" if cuda else "mps"]
