"""All suggestions that are sure enough, accepted at once: one gesture."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from app.pages.sort.acts import AHEAD, BACK, Act
from engine.events import Ended
from engine.results.heap import Accepted
from engine.system.words import plural

if TYPE_CHECKING:
    from app.pages.sort.sorting import Sorting


class Many:
    """Says what would come of it first."""

    def __init__(self, sorting: Sorting) -> None:
        self.sorting = sorting

    def count_above(self, least: float, tell: Callable[[Accepted], object]) -> None:
        """Asks how many suggestions are so sure, and how many mistakes they would bring."""

        def follow(ended: Ended, latest: bool) -> None:
            if ended.how == "done":
                tell(ended.of(Accepted))

        self.sorting.submit("accept_above", follow, least=least, really=False)

    def accept_above(self, least: float) -> None:
        """Gives all that are so sure their likeliest class."""
        sorting, made = self.sorting, Act()
        sorting.keeping.cancel()
        sorting.acts.append(made)

        def follow(ended: Ended, latest: bool) -> None:
            """Takes out what was accepted, unless something was done since."""
            if ended.how != "done":
                sorting.came_back(made, ended.text)
                return
            done = ended.of(Accepted)
            if (found := done["suggestions"]) is None:
                sorting.acts = [act for act in sorting.acts if act is not made]
                return
            if latest:
                sorting.list.sweep()
                gone = set(sorting.list.ids) - sorting.list.alive(found)
                made.spots = sorting.list.take_out(dict.fromkeys(gone, ""))
            sorting.said.emit(f"{plural(done['images'], 'suggestion')} accepted. {BACK}")
            sorting.take(found, latest)

        settings = {"order": sorting.order, "limit": AHEAD}
        sorting.submit("accept_above", follow, least=least, really=True, **settings)
        sorting.pause.start()
