"""Forty classes with long names in the smallest window: nothing scrolls sideways, no word is cut.

Names are shortened in their middle where there is no room, which is done by who paints them; what
is left must fit its place.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication, QSize, Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QDialog,
    QLabel,
    QToolButton,
    QWidget,
)

from app.pages import PAGES
from tests.helpers.image_files import class_folders
from tests.helpers.sort_page import at_rest, presses
from tests.helpers.window import Person, drop, urls

ICON = Qt.ToolButtonStyle.ToolButtonIconOnly
SMALL = QSize(1024, 700)
SPECIES = (
    "Acherontia atropos (death’s-head hawkmoth)",
    "stamped parts, a scratch on the left edge",
)
NAMES = [f"{SPECIES[number % 2]} {number:02}" for number in range(40)]


@pytest.fixture
def crowded(owner: Person, tmp_path: Path) -> Person:
    """A person with all of them, and images that wait, in the smallest window."""
    owner.window.resize(SMALL)
    folders = class_folders(tmp_path / "many", dict.fromkeys(NAMES, 5))
    ended = owner.waits_for(lambda: drop(owner.page("Images"), urls([folders])))
    assert ended.how == "done", ended.text
    heap = tmp_path / "heap"
    heap.mkdir()
    few = class_folders(tmp_path / "few", dict.fromkeys(NAMES[:3], 8), seed=9)
    for file in few.rglob("*.jpg"):
        shutil.copy(file, heap / f"a file with a long name {file.stem} of {file.parent.name}.jpg")
    ended = owner.waits_for(lambda: owner.window.bridge.submit("add_unsorted", paths=[str(heap)]))
    assert ended.how == "done", ended.text
    owner.sees(lambda: owner.window.size() == SMALL)
    return owner


def seen(inside: QWidget, kind: type[Any]) -> list[Any]:
    return [made for made in inside.findChildren(kind) if made.isVisible()]


def too_wide(made: QLabel | QAbstractButton) -> bool:
    """Whether a line is wider than its place, or lines that are broken are higher."""
    if isinstance(made, QLabel) and made.wordWrap():
        return made.heightForWidth(made.width()) > made.height() + 1
    mnemonics = isinstance(made, QAbstractButton) or made.buddy() is not None
    text = made.text().replace("&&", "\0").replace("&", "") if mnemonics else made.text()
    lines = text.replace("\0", "&").split("\n")
    return max(map(made.fontMetrics().horizontalAdvance, lines)) > made.width() + 1


def cut(inside: QWidget) -> Iterator[str]:
    """What can't be seen whole."""
    QCoreApplication.processEvents()
    for area in seen(inside, QAbstractScrollArea):
        if area.horizontalScrollBar().maximum():
            yield f"{area.accessibleName() or type(area).__name__} scrolls sideways"
    for made in [*seen(inside, QLabel), *seen(inside, QAbstractButton)]:
        icon = isinstance(made, QToolButton) and made.toolButtonStyle() == ICON
        if made.text() and not icon and too_wide(made):
            yield f"“{made.text()}” is cut"


def rests(person: Person) -> None:
    """All that was asked is answered."""
    person.sees(lambda: not (person.window.bridge.jobs or person.window.bridge.asked))


def test_nothing_is_cut_on_any_page(crowded: Person) -> None:
    window = crowded.window
    for name in PAGES:
        crowded.page(name)
        rests(crowded)
        assert list(cut(window)) == [], name
    sort = crowded.page("Sort")
    for order in ("groups", "wrong", "unlike"):
        sort.choose_order(order)
        rests(crowded)
        assert list(cut(window)) == [], order
    sort.choose_order("groups")
    at_rest(crowded)
    presses(crowded, "Return")
    assert sort.bar.groups.isVisible()
    rests(crowded)
    assert list(cut(window)) == [], "an open group"
    learn = crowded.page("Learn")
    learn.details.fold.click()
    assert list(cut(window)) == [], "Details"


def test_no_dialog_is_cut(crowded: Person) -> None:
    window = crowded.window
    ways: tuple[Callable[[], object], ...] = (
        window.show_shortcuts,
        window.choose_backbone,
        crowded.page("Learn").stream_button.click,
        window.show_about,
        window.new_project,
    )
    for way in ways:
        way()
        crowded.sees(lambda: seen(window, QDialog))
        rests(crowded)
        (dialog,) = seen(window, QDialog)
        assert dialog.width() <= SMALL.width(), dialog
        assert dialog.height() <= SMALL.height(), dialog
        assert list(cut(dialog)) == []
        dialog.close()
        crowded.sees(lambda: not seen(window, QDialog))
