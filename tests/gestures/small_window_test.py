"""A person with a small screen, or a large scale: nothing is cut at a side, on any page."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QSize
from PySide6.QtWidgets import QAbstractScrollArea, QLabel, QScrollArea, QToolButton, QWidget

from app.pages import PAGES
from app.shell.room import Room
from tests.helpers.image_files import class_folders
from tests.helpers.window import Person

HALF = QSize(960, 540)
"""A screen of 1920 × 1080 at 200 %."""


def cut(page: QWidget) -> list[str]:
    """Places on a page, and around it, that are wider than what is seen of them."""
    around, parent = [], page.parentWidget()
    while parent is not None:
        around += [parent] if isinstance(parent, QAbstractScrollArea) else []
        parent = parent.parentWidget()
    places = [*around, *page.findChildren(QAbstractScrollArea)]
    return [
        f"{place.accessibleName() or type(place).__name__}: {most}"
        for place in places
        if place.isVisible() and (most := place.horizontalScrollBar().maximum())
    ]


@pytest.fixture
def small(learnt: Person) -> Person:
    """A person whose window is as large as half a screen."""
    learnt.window.setMinimumSize(HALF)
    learnt.window.resize(HALF)
    learnt.sees(lambda: learnt.window.size() == HALF)
    return learnt


@pytest.mark.parametrize("name", list(PAGES))
def test_no_page_is_cut_at_200_per_cent(small: Person, name: str) -> None:
    page = small.page(name)
    if name == "Export":
        small.sees(lambda: page.form.formats)
    if name == "Tune":
        small.sees(lambda: page.form.first.controls)
    QCoreApplication.processEvents()
    assert cut(page) == []


def test_the_words_of_the_rail_are_whole_in_a_small_window(small: Person) -> None:
    for button in small.window.rail.buttons.values():
        needed = button.iconSize().height() + button.fontMetrics().height()
        assert needed + 6 <= button.height(), button.text()
    rail = small.window.rail
    parts = [*rail.buttons.values()]
    for one, next_one in pairwise(parts):
        assert one.geometry().bottom() < next_one.geometry().top(), "none lies over another"
    for tool in rail.findChildren(QToolButton):
        assert tool.height() >= 24, "theme and keys can be seen"
        assert tool.geometry().bottom() < rail.height()


def test_specialise_is_whole_at_200_per_cent(small: Person, tmp_path: Path) -> None:
    submit = small.window.bridge.submit
    more = class_folders(tmp_path / "more", {"fig": 20, "plum": 20}, seed=5)
    small.waits_for(lambda: submit("learn_folder", paths=[str(more)]))
    ended = small.waits_for(lambda: submit("use_backbone", name="embedded", size=64, learn=True))
    assert ended.how == "done", ended.text
    page = small.page("Specialise")
    small.sees(lambda: page.both.isVisible())
    QCoreApplication.processEvents()
    assert cut(page) == []


def test_a_large_page_leaves_room_to_the_others(small: Person) -> None:
    """Each page needs its own height, not that of the highest."""
    page = small.page("Try")
    page.bars.setMinimumHeight(900)
    area = next(p for p in small.window.findChildren(QScrollArea) if isinstance(p.widget(), Room))
    small.sees(lambda: area.verticalScrollBar().maximum() > 400)
    small.page("Images")
    QCoreApplication.processEvents()
    assert area.verticalScrollBar().maximum() == 0


def test_a_verdict_in_a_narrow_window_has_its_figures_one_below_the_other(small: Person) -> None:
    page = small.page("Tune")
    small.sees(lambda: page.form.way.name == "quick")
    asked = {"preset": "quick", "epochs": 1, "adopt": "never"}
    small.waits_for(lambda: small.window.bridge.submit("tune", **asked))
    small.sees(lambda: page.card.comparison.isVisible())
    QCoreApplication.processEvents()

    labels = [c for c in page.card.comparison.findChildren(QLabel) if c.isVisible() and c.text()]
    assert labels
    assert all(made.height() >= made.fontMetrics().height() for made in labels)


def test_nothing_lies_over_the_captions_in_a_small_window(small: Person) -> None:
    found = small.page("Learn").scores.images
    small.sees(lambda: found.rows.rowCount())
    QCoreApplication.processEvents()
    assert found.gallery.geometry().bottom() < found.bar.geometry().top()
    assert found.gallery.height() >= found.gallery.cell.height()


def test_a_long_name_of_a_project_is_shortened_and_told_in_full(small: Person) -> None:
    long = "Moths and butterflies of the garden and of the woods behind it"
    ended = small.waits_for(lambda: small.window.bridge.submit("rename_project", name=long))
    assert ended.how == "done", ended.text
    made = small.window.header.name
    small.sees(lambda: "…" in made.text())
    assert made.fontMetrics().horizontalAdvance(made.text()) <= made.width()
    assert made.toolTip() == long
