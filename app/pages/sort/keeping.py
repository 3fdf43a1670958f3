"""When the keys pause, what was sorted is learnt and kept in the project."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.events import Ended
from engine.results.learn import LearntAgain
from engine.system.words import ENOUGH_TESTED, tested_right

if TYPE_CHECKING:
    from app.pages.sort.sorting import Sorting


class Keeping:
    """Learns what was sorted, and says how well it went; the next key comes first."""

    def __init__(self, sorting: Sorting) -> None:
        self.sorting = sorting
        self.ticket = 0

    def learn(self) -> None:
        """Keeps in the project what was learnt from sorting."""
        if self.sorting.asking:
            self.sorting.pause.start()
        else:
            self.ticket = self.sorting.submit("learn_sorted", self.follow)

    def cancel(self) -> None:
        """A key comes first: learning begins again at the next pause."""
        if self.ticket:
            self.sorting.bridge.cancel(self.ticket)
            self.ticket = 0

    def follow(self, ended: Ended, latest: bool) -> None:
        """Says how well it went; what still waits is suggested for with all that was learnt."""
        if ended.how == "cancelled":
            return
        self.ticket, sorting = 0, self.sorting
        if ended.how != "done":
            sorting.said.emit(ended.text)
            return
        found = ended.of(LearntAgain)
        now, tested = found.get("accuracy"), sorting.bridge.tested
        if now is not None and tested >= ENOUGH_TESTED:
            sorting.said.emit(f"Learnt: {tested_right(now, tested)}.")
        if sorting.watched and sorting.list.ids and "accuracy" in found:
            sorting.refresh(settle=True)
