"""The list of what waits, in the order in which it is shown; nothing jumps under the hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from app.pages.sort.rows import blank, of_done, of_group, of_one, of_random
from app.widgets.rows import Row
from engine.results.heap import Asked, Suggestion, Suggestions

GROUPS = "groups"


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
        self.mates: dict[int, list[int]] = {}
        """The burst of each image that waits and was taken together with others."""
        self.opened: set[int] = set()
        """Images of bursts that are shown one by one; a burst is one tile otherwise."""
        self.timed = False
        """Whether files say when images were taken, so that there may be bursts."""
        self.anew = False
        """Whether the next order is shown as it is, from its beginning."""
        self.ask: Asked | None = None
        """An image drawn at random, which takes its place in the list with the next act."""
        self.done: dict[int, Row] = {}
        """Images that were named where they are seen, with what was known of them: they stay in
        the list until the next screenful, so that nothing moves under the hand."""
        self.back: dict[int, int] = {}
        """The places of those that were swept out, for the way back."""

    def at_random(self, number: int) -> bool:
        return "choices" in self.known.get(number, {})

    def images_of(self, ids: Iterable[int]) -> list[int]:
        """All images that these stand for."""
        return [image for n in ids for image in self.members.get(n) or self.stack_of(n) or [n]]

    def stack_of(self, number: int) -> list[int]:
        """The burst that one tile stands for; empty where it stands for one image."""
        return [] if number in self.opened else self.mates.get(number, [])

    def toggle(self, number: int) -> bool:
        """Shows a burst one by one, or as one tile again; False where it is none."""
        mates = [mate for mate in self.mates.get(number, ()) if mate not in self.done]
        if number not in mates or number not in self.ids:
            return False
        if number in self.opened:
            self.opened -= set(mates)
            self.ids = [n for n in self.ids if n == number or n not in mates]
        else:
            self.opened |= set(mates)
            place = self.ids.index(number)
            self.ids[place : place + 1] = mates
        for mate in mates:
            self.at.pop(mate, None)
            if mate in self.known:
                self.known[mate] = {**self.known[mate], "opened": mate in self.opened}
        return True

    def stacked(self, ids: Iterable[int]) -> list[int]:
        """Of each burst the one that comes first, or all of them side by side."""
        found, there = list[int](), set[int]()
        for number in ids:
            if number not in there:
                mates = [] if number in self.done else self.mates.get(number, [])
                one_by_one = number in self.opened
                found += [n for n in mates if n not in there] if one_by_one else [number]
                there.update(mates, [number])
        return found

    # What is known.

    def know(self, rows: Sequence[Suggestion], at: int) -> None:
        self.timed |= any(row["taken"] for row in rows)
        for row in rows:
            number = row["id"]
            if self.at_random(number) or number in self.done:
                continue
            some = self.members.get(number)
            if some is None and self.members:
                continue
            opened = number in self.opened
            self.known[number] = of_one(row, opened) if some is None else of_group(row, some)
            self.at[number] = at

    def missing(self, seen: range, at: int) -> list[int]:
        """Those that are seen and of which nothing is known since the last act."""
        return [
            number
            for number in self.ids[seen.start : seen.stop]
            if not self.at_random(number)
            and number not in self.done
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
        for number in [number for number in self.done if number in alive]:
            self.known[number] = self.done.pop(number)
        there = {*alive, *self.done}
        still = [] if self.anew else [number for number in self.ids[:stay] if number in there]
        self.anew, there = False, set(still)
        self.done = {number: row for number, row in self.done.items() if number in there}
        self.mates = {number: some for some in found["bursts"] for number in some}
        self.opened &= self.mates.keys()
        self.ids = self.stacked([*still, *(n for n in found["order"] if n not in there)])
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

    def take_out(self, gone: Mapping[int, str], seen: range = range(0)) -> list[tuple[int, int]]:
        """Takes images out, and returns their places; those that are `seen` stay as done,
        with the words that are given for each.

        The one that is asked about at random takes the place of one that was done before, or comes
        after the next one: what lies beyond it stays where it is.
        """
        spots = [(place, number) for place, number in enumerate(self.ids) if number in gone]
        stay = [n for place, n in reversed(spots) if place in seen and not self.members]
        for number in stay:
            self.done[number] = self.known.get(number, blank(number))
            self.known[number] = of_done(self.done[number], gone[number])
        self.ids = [number for number in self.ids if number not in gone or number in stay]
        if self.ask is not None and self.ask["id"] in gone:
            self.ask = None
        if stay:
            self.fill_with_ask(
                [n for n in self.done if n not in stay and self.ids.index(n) in seen]
            )
        elif spots and not self.members:
            self.bring_ask(spots[0][0] + 1)
        return spots

    def fill_with_ask(self, places: Sequence[int]) -> None:
        if places and self.ask is not None and self.ask["id"] not in self.ids:
            self.drop(places[0])
            self.bring_ask(self.back[places[0]])

    def sweep(self) -> None:
        """Takes out all that are done. Those of the last act come back first."""
        for number in list(self.done):
            self.drop(number)

    def drop(self, number: int) -> None:
        self.back[number] = self.ids.index(number)
        self.ids.remove(number)
        self.known[number] = self.done.pop(number)

    def put_back(self, spots: Sequence[tuple[int, int]]) -> None:
        """Puts images back where they were; a group whose members are shown now, as these."""
        for place, number in spots:
            if number in self.done:
                self.known[number] = self.done.pop(number)
                continue
            for image in [number] if number in self.members else self.was_group(number):
                if image not in self.ids:
                    self.ids.insert(min(self.back.pop(image, place), len(self.ids)), image)

    def was_group(self, number: int) -> list[int]:
        return list(self.known.get(number, {}).get("members", [number]))[::-1]

    def bring_ask(self, place: int) -> None:
        if self.ask is not None and self.ask["id"] not in self.ids:
            self.known[self.ask["id"]] = of_random(self.ask)
            self.ids.insert(min(place, len(self.ids)), self.ask["id"])
