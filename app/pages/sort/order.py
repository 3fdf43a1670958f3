"""The list of what waits, in the order in which it is shown; nothing jumps under the hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from app.pages.sort.rows import blank, of_done, of_group, of_inside, of_one, of_random
from app.widgets.rows import Row
from engine.results.heap import Asked, Suggestion, Suggestions

GROUPS = "groups"


class Shown:
    """Ids of images in an order, with what is known of each.

    While there are less than two classes they are groups of images that are alike, each shown by
    its most typical one (`members`). One of them can be opened: its images are shown then, in
    place of all groups.
    """

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.known: dict[int, Row] = {}
        self.at: dict[int, int] = {}
        """When an image's suggestion came: after how many acts."""
        self.members: dict[int, list[int]] = {}
        self.inside: int | None = None
        """The group that is open."""
        self.outside: list[int] = []
        """All groups meanwhile."""
        self.opened_at = 0
        """The place of the group that is open, or was last."""
        self.visit = 0
        """How many times a group was opened or closed: which images were taken out in this one."""
        self.turns = 0
        """How many times a group was opened, closed or taken apart."""
        self.taken_in: dict[int, int] = {}
        self.apart: set[int] = set()
        """Taken out of groups by a person: each is one of its own."""
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
        if self.inside is not None:
            return list(ids)
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

    # One group, opened.

    def open_group(self, number: int) -> bool:
        """Shows the images of a group in place of all groups; False where it is none."""
        if self.inside is not None or len(self.members.get(number, ())) < 2:
            return False
        self.inside, self.outside, self.opened_at = number, self.ids, self.ids.index(number)
        self.ids = list(self.members[number])
        self.visit, self.turns = self.visit + 1, self.turns + 1
        if number in self.known:
            self.known[number] = of_inside(self.known[number])
        return True

    def close_group(self) -> None:
        """Shows all groups again."""
        if self.inside is not None:
            self.as_group(self.inside)
            self.ids, self.outside, self.inside = self.outside, [], None
            self.visit, self.turns = self.visit + 1, self.turns + 1

    def as_group(self, number: int) -> None:
        if number in self.known:
            self.known[number] = of_group(self.known[number], self.members[number])

    def take_apart(self, ids: Sequence[int]) -> bool:
        """Takes images out of the group that is open, each as a group of its own; False where that
        would leave nothing or change nothing."""
        rest = [number for number in self.ids if number not in ids]
        if self.inside is None or not rest or len(rest) == len(self.ids):
            return False
        self.apart.update(ids)
        self.ids = rest
        self.turns += 1
        self.hold()
        self.outside[self.opened_at + 1 : self.opened_at + 1] = ids
        for number in ids:
            self.members[number] = [number]
            self.as_group(number)
        return True

    def hold(self) -> None:
        """The group that is open is what is shown of it now."""
        if self.inside is not None:
            del self.members[self.inside]
            self.inside = self.outside[self.opened_at] = self.ids[0]
            self.members[self.inside] = list(self.ids)

    # What is known.

    def know(self, rows: Sequence[Suggestion], at: int) -> None:
        """Takes what the engine suggests for some images, as of its answer number `at`."""
        self.timed |= any(row["taken"] for row in rows)
        here = set(self.ids) if self.inside is not None else set()
        for row in rows:
            number = row["id"]
            if self.at_random(number) or number in self.done:
                continue
            some = self.members.get(number)
            if number in here:
                self.known[number] = of_inside(row)
            elif some is not None:
                self.known[number] = of_group(row, some)
            elif self.members:
                continue
            else:
                self.known[number] = of_one(row, number in self.opened)
            self.at[number] = at

    def missing(self, seen: range, at: int) -> list[int]:
        """Those that are seen and of which nothing is known since the last act."""
        grouped = self.members and self.inside is None
        return [
            number
            for number in self.ids[seen.start : seen.stop]
            if not self.at_random(number)
            and number not in self.done
            and (number not in self.at if grouped else self.at.get(number, -1) < at)
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
            self.inside, self.outside = None, []
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
        """What the engine says, but for what a person took apart; while they are groups of the same
        images as before, they stay as they are."""
        now = self.ids if self.inside is None else self.outside
        before = {image for number in now for image in self.members.get(number, ())}
        if not self.anew and before == {image for some in groups for image in some}:
            return
        if self.anew:
            self.apart.clear()
        whole = [[n for n in some if n not in self.apart] for some in groups]
        alone = [[n] for some in groups for n in some if n in self.apart]
        open_ones = set(self.ids) if self.inside is not None and not self.anew else set()
        self.members = {some[0]: some for some in [*whole, *alone] if some}
        self.ids, self.known, self.at = list(self.members), {}, {}
        self.inside, self.outside, self.anew = None, [], False
        if open_ones:
            self.open_group(
                max(self.ids, key=lambda n: len(open_ones.intersection(self.members[n])))
            )

    def take_out(self, gone: Mapping[int, str], seen: range = range(0)) -> list[tuple[int, int]]:
        """Takes images out, and returns their places; those that are `seen` stay as done,
        with the words that are given for each.

        The one that is asked about at random takes the place of one that was done before, or comes
        after the next one: what lies beyond it stays where it is.
        """
        if self.inside is not None and gone.keys() >= set(self.ids):
            gone = {self.inside: ""}  # the whole group, as if it had not been opened
            self.close_group()
        spots = [(place, number) for place, number in enumerate(self.ids) if number in gone]
        stay = [n for place, n in reversed(spots) if place in seen and not self.members]
        for number in stay:
            self.done[number] = self.known.get(number, blank(number))
            self.known[number] = of_done(self.done[number], gone[number])
        self.ids = [number for number in self.ids if number not in gone or number in stay]
        if self.inside is not None:
            self.taken_in.update((number, self.visit) for _, number in spots)
            self.hold()
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
            elif number in self.members:
                self.put_group(place, number)
            elif self.members and self.taken_in.get(number) != self.visit:
                continue  # of a group that is closed: the engine says what it is now
            else:
                self.put_images(place, self.was_group(number))
                self.hold()

    def put_group(self, place: int, number: int) -> None:
        groups = self.ids if self.inside is None else self.outside
        if number not in groups:
            groups.insert(place, number)
            self.opened_at += self.inside is not None and place <= self.opened_at

    def put_images(self, place: int, images: Sequence[int]) -> None:
        for image in images:
            if image not in self.ids:
                self.ids.insert(min(self.back.pop(image, place), len(self.ids)), image)

    def was_group(self, number: int) -> list[int]:
        return list(self.known.get(number, {}).get("members", [number]))[::-1]

    def bring_ask(self, place: int) -> None:
        if self.ask is not None and self.ask["id"] not in self.ids:
            self.known[self.ask["id"]] = of_random(self.ask)
            self.ids.insert(min(place, len(self.ids)), self.ask["id"])
