"""A page that nobody sees asks the engine for nothing, and shows what is true when it is seen."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers.sort_page import CLASSES, at_rest, files, page, plain, presses, rows
from tests.helpers.window import Person


@pytest.fixture
def asked(begun: Person, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The jobs that the window asks for."""
    bridge, found = begun.window.bridge, list[str]()
    ask = bridge.ask

    def note(job: str, *args: Any, **settings: Any) -> int:
        found.append(job)
        return int(ask(job, *args, **settings))

    monkeypatch.setattr(bridge, "ask", note)
    return found


def test_keys_on_sort_ask_for_no_images_of_the_hidden_page(begun: Person, asked: list[str]) -> None:
    images = begun.page("Images")
    begun.sees(lambda: images.rows.total == len(CLASSES) and images.rows.row(0))
    asked.clear()
    begun.page("Sort")
    at_rest(begun)
    before = sum(begun.classes().values())
    for _ in range(2):
        page(begun).gallery.go_to(plain(begun))
        presses(begun, "Return")
        at_rest(begun)
    now = sum(begun.classes().values())
    assert now > before
    assert "images" not in asked

    begun.page("Images")

    begun.sees(lambda: images.rows.total == now and images.rows.row(now - 1))
    assert asked.count("images") == 1
    assert images.count.text() == f"{now} images"


def test_another_project_shows_nothing_of_the_one_before(begun: Person) -> None:
    images = begun.page("Images")
    begun.sees(lambda: images.rows.row(0))
    begun.page("Sort")
    submit = begun.window.bridge.submit
    other = begun.project.path.replace("mine.", "other.")
    assert begun.waits_for(lambda: submit("new_project", path=other)).how == "done"
    assert images.rows.total == 0
    assert not rows(begun)
    assert not files(begun)
