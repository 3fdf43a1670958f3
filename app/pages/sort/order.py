"""The list of what waits, in the order in which it is shown; nothing jumps under the hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from app.pages.sort.rows import of_group, of_one, of_random
from app.widgets.rows import Row
from engine.results.heap import Asked, Suggestion, Suggestions


class Shown:
    """Ids of images in an order, with what is known of each.

    While there are less than two classes they are groups of images that are alike, each shown by
    its most typical one (`members`).
    """

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.known: dict[int, Row] = {}
        self.at: dict[int, int] = {}
        """When an image's suggestion came: after how many acts."""
        self.members: dict[int, list[int]] = {}
        self.anew = False
        """Whether the next order is shown as it is, from its beginning."""
        self.ask: Asked | None = None
        """An image drawn at random, which takes its place in the list with the next act."""

    def at_random(self, number: int) -> bool:
        return "choices" in self.known.get(number, {})

    def images_of(self, ids: Iterable[int]) -> list[int]:
        """All images that these stand for."""
        return [image for number in ids for image in self.members.get(number, [number])]

    # What is known.

    def know(self, rows: Sequence[Suggestion], at: int) -> None:
        for row in rows:
            number = row["id"]
            if self.at_random(number):
                continue
            some = self.members.get(number)
            if some is None and self.members:
                continue
            self.known[number] = of_one(row) if some is None else of_group(row, some)
            self.at[number] = at

    def missing(self, seen: range, at: int) -> list[int]:
        """Those that are seen and of which nothing is known since the last act."""
        return [
            number
            for number in self.ids[seen.start : seen.stop]
            if not self.at_random(number)
            and (number not in self.at if self.members else self.at.get(number, -1) < at)
        ]

    def note(self, ids: Iterable[int], at: int) -> None:
        self.at.update(dict.fromkeys(ids, at))

    # Their order.

    def order(self, found: Suggestions, stay: int) -> None:
        """What the engine says; the first `stay` of the list keep their order."""
        self.ask = found["ask"]
        if found["groups"]:
            self.show_groups(found["groups"])
            return
        if self.members and self.ids and len(found["classes"]) < 2:
            return
        if self.members:
            self.members, self.known, self.ids, self.at = {}, {}, [], {}
        alive = self.alive(found)
        still = [] if self.anew else [number for number in self.ids[:stay] if number in alive]
        self.anew = False
        there = set(still)
        self.ids = [*still, *(number for number in found["order"] if number not in there)]
        if not self.ids:
            self.bring_ask(0)

    def alive(self, found: Suggestions) -> set[int]:
        """All that still wait, as the engine says: those in an order, and the one at random."""
        asked = {found["ask"]["id"]} if found["ask"] is not None else set()
        return {*found["order"], *asked}

    def show_groups(self, groups: Sequence[Sequence[int]]) -> None:
        now = {number for number in self.ids if number in self.members}
        if set(self.images_of(now)) == {image for some in groups for image in some}:
            return
        self.members = {some[0]: list(some) for some in groups}
        self.ids, self.known, self.at = list(self.members), {}, {}

    def take_out(self, gone: set[int]) -> list[tuple[int, int]]:
        """Takes images out, and returns their places. The one that is asked about at random comes
        after the next one: what lies beyond it stays where it is."""
        spots = [(place, number) for place, number in enumerate(self.ids) if number in gone]
        self.ids = [number for number in self.ids if number not in gone]
        if self.ask is not None and self.ask["id"] in gone:
            self.ask = None
        if spots and not self.members:
            self.bring_ask(spots[0][0] + 1)
        return spots

    def put_back(self, spots: Sequence[tuple[int, int]]) -> None:
        """Puts images back where they were; a group whose members are shown now, as these."""
        for place, number in spots:
            for image in [number] if number in self.members else self.was_group(number):
                if image not in self.ids:
                    self.ids.insert(min(place, len(self.ids)), image)

    def was_group(self, number: int) -> list[int]:
        return list(self.known.get(number, {}).get("members", [number]))[::-1]

    def bring_ask(self, place: int) -> None:
        if self.ask is not None and self.ask["id"] not in self.ids:
            self.known[self.ask["id"]] = of_random(self.ask)
            self.ids.insert(min(place, len(self.ids)), self.ask["id"])
