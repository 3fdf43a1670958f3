"""The pages, in the order of the rail; each is imported when it is made, after the first paint."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

if TYPE_CHECKING:
    from app.shell.window import Window


ALONE = "Live"
"""The page that needs no project: an exported file can answer there."""


def images_page(window: Window) -> QWidget:
    from app.pages.images.page import ImagesPage

    page = ImagesPage(window.bridge, window.thumbs, window.preferences, window.take)
    page.rows.refused.connect(lambda text: window.notices.say(text, "warning", topic="images"))
    return page


def sort_page(window: Window) -> QWidget:
    from app.pages.sort.page import SortPage

    page = SortPage(window.bridge, window.thumbs, window.preferences, window.notices.say)
    page.asked.connect(window.go)
    return page


def map_page(window: Window) -> QWidget:
    from app.pages.map.page import MapPage

    page = MapPage(window.bridge, window.thumbs)
    page.asked.connect(window.go)
    return page


def learn_page(window: Window) -> QWidget:
    from app.pages.learn.page import LearnPage

    page = LearnPage(window.bridge, window.thumbs, window.preferences, window.take)
    page.again_asked.connect(lambda order: look_again(window, order))
    return page


def look_again(window: Window, order: str) -> None:
    """Goes to the learnt images that are to be looked at again."""
    from app.pages.sort.page import SortPage

    window.go("Sort")
    sort = window.pages["Sort"]
    assert isinstance(sort, SortPage)
    sort.choose_order(order)


def tune_page(window: Window) -> QWidget:
    from app.pages.tune.page import TunePage

    page = TunePage(window.bridge, window.notices.say)
    page.nothing.asked.connect(window.go)
    return page


def compare_page(window: Window) -> QWidget:
    from app.pages.compare.page import ComparePage

    page = ComparePage(window.bridge, window.thumbs, window.notices.say)
    page.nothing.asked.connect(window.go)
    return page


def specialise_page(window: Window) -> QWidget:
    from app.pages.specialise.page import SpecialisePage

    page = SpecialisePage(window.bridge, window.choose_backbone, window.notices.say)
    page.nothing.asked.connect(window.go)
    return page


def try_page(window: Window) -> QWidget:
    from app.pages.try_it.page import TryPage

    page = TryPage(window.bridge, window.thumbs, window.notices.say)
    page.empty.asked.connect(window.go)
    return page


def live_page(window: Window) -> QWidget:
    from app.pages.live.page import LivePage

    page = LivePage(window.bridge, window.preferences, window.notices.say)
    page.empty.asked.connect(window.go)
    page.left.connect(lambda: window.on_changed(None))
    return page


def watch_with(window: Window, path: str) -> None:
    """Lets an exported file answer on the Live page, with a project or without."""
    from app.pages.live.page import LivePage

    window.go(ALONE)
    live = window.pages[ALONE]
    assert isinstance(live, LivePage)
    live.models.open(path)


def export_page(window: Window) -> QWidget:
    from app.pages.export.page import ExportPage

    page = ExportPage(window.bridge, window.notices.say)
    page.empty.asked.connect(window.go)
    page.form.unfinished.asked.connect(window.go)
    return page


PAGES: dict[str, Callable[[Window], QWidget]] = {
    "Images": images_page,
    "Sort": sort_page,
    "Map": map_page,
    "Learn": learn_page,
    "Compare": compare_page,
    "Tune": tune_page,
    "Specialise": specialise_page,
    "Try": try_page,
    "Live": live_page,
    "Export": export_page,
}
