"""One pass over images with other computers: shares go out, answers come back in order.

A share is believed when it fits what was asked and, now and then, when another computer gave the
same for one of its images. Whatever does not come, or comes wrong, is asked of others, and in the
end of this computer, so that no worker is needed and none can hold up or spoil the work.
"""

from __future__ import annotations

import queue
import time
import uuid
from collections import Counter
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from engine import __version__
from engine.cluster import work
from engine.cluster.futures import asked, drop, fetched
from engine.cluster.material import Material
from engine.cluster.members import AHEAD, HERE, Flight, Held, Kind, Member
from engine.cluster.network import Network
from engine.cluster.receipt import Tally
from engine.cluster.shares import (
    OtherFiles,
    Result,
    Share,
    Wrong,
    cut,
    distance,
    opened,
    understood,
)
from engine.images.decode import CheckedImage, Opened
from engine.system.cpu import available_cores
from engine.system.progress import Every

TICK = 0.25
"""Seconds after which whoever waits for images is asked whether to go on."""
LOOK_EVERY = 1.0
CHECK_EVERY = 100
"""Of so many images of a worker, one is computed elsewhere, too; and one of each share until the
first of them was found equal."""
FAR = 0.01
"""Answers further apart than this share of the largest feature are of different images, or by
different arithmetic: processors differ by some millionths."""
TRIES = 2
"""So often a share is asked of workers; then it is done here."""
FIRST, LEAST, PACES = 180.0, 30.0, 10
"""Seconds that a worker has before any pace is known, and at least; then PACES times the pace."""
SLOWEST: dict[Kind, float] = {"hello": 60.0, "network": 600.0}


class Dispatch:
    """Features of images, in the order of `paths`. `submit(work, *arguments, worker, first)` starts
    something on a worker and gives a future; `look` gives the workers that are there."""

    def __init__(
        self,
        network: Network,
        paths: Iterable[Path],
        submit: Callable[..., Any],
        look: Callable[[], Iterable[str]],
        tally: Tally,
    ) -> None:
        self.network, self.submit, self.look, self.tally = network, submit, look, tally
        self.shares, self.over = cut(paths), False
        self.material = Material(network)
        self.here = Member(HERE, HERE, ready=True)
        self.members: dict[str, Member] = tally.members
        self.flights: dict[str, Flight] = {}
        self.heard: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.pending: dict[int, Share] = {}
        """Shares that are to be done again."""
        self.tries: Counter[int] = Counter()
        self.finished: dict[int, tuple[Share, list[Result]]] = {}
        self.handed = self.next = 0
        self.looking, self.waiting = Every(LOOK_EVERY, at_once=True), Every(LOOK_EVERY)
        self.cores = available_cores()
        self.pool = ThreadPoolExecutor(self.cores, thread_name_prefix="espalier-share")

    def results(self) -> Generator[Opened | None, None, None]:
        """Each image; None now and then while none is there. To be closed."""
        work.session(self.network.digest, self.network.content)
        try:
            while True:
                if self.looking.due():
                    self.meet()
                self.hand_out()
                while self.next in self.finished:
                    share, results = self.finished.pop(self.next)
                    self.next += 1
                    yield from zip(share.paths, results, strict=True)
                if self.over and self.next == self.handed:
                    return
                if not self.hear():
                    yield None
        finally:
            self.close()

    def close(self) -> None:
        for flight in self.flights.values():
            drop(flight.future)
        self.flights.clear()
        self.pool.shutdown(wait=True, cancel_futures=True)

    # Workers come and go.

    def meet(self) -> None:
        """Greets workers that are new or there again, as after the scheduler did not answer once,
        and does again what those that went had."""
        there = set(self.look())
        for address in there:
            member = self.members.setdefault(address, Member(address, here=False))
            if not member.here:
                member.here, member.ready = True, False
                self.start(member, "hello", work.hello, self.network.digest)
        for member in self.members.values():
            if member.here and member.address not in there:
                member.here = False
                self.forget_flights(member)

    def aside(self, member: Member, why: str, lied: bool = True) -> None:
        """Gives a worker nothing more, and has done again what it had; where it `lied`, what nobody
        looked at again is doubtful."""
        if member.aside or member is self.here:
            return
        if lied:
            self.tally.doubtful += member.given
            member.given.clear()
        member.aside = f"{why[0].upper()}{why[1:]}."
        self.forget_flights(member)

    def forget_flights(self, member: Member) -> None:
        for key in [k for k, flight in self.flights.items() if flight.member is member]:
            flight = self.flights.pop(key)
            drop(flight.future)
            self.lost(flight)

    def lost(self, flight: Flight) -> None:
        """What no answer came to, and never will."""
        if flight.share is None:
            return
        flight.member.holds -= 1
        if flight.held is not None:
            self.send(self.here, flight.share, flight.kind, flight.held)
        else:
            self.again(flight.share)

    def again(self, share: Share, blamed: bool = True) -> None:
        if blamed:
            self.tries[share.index] += 1
            self.tally.again += len(share.paths)
        self.pending[share.index] = share

    # What goes out.

    def hand_out(self) -> None:
        """Gives each worker as much as it may hold; this computer does what workers could not."""
        members = [member for member in self.members.values() if member.usable]
        for most in range(1, AHEAD + 1):
            for member in members:
                if member.holds < most and (share := self.share_for(len(members))):
                    self.send(member, share)
        greeted = any(flight.kind in ("hello", "network") for flight in self.flights.values())
        alone = not members and not greeted
        while self.here.holds < (self.cores if alone else 1):
            share = self.share_for(self.cores) if alone else self.share_for_here()
            if share is None:
                return
            self.send(self.here, share)

    def share_for(self, hands: int) -> Share | None:
        """What is to be done next, again or for the first time; no more than memory allows."""
        for index in sorted(self.pending):
            if self.tries[index] < TRIES or not any(m.usable for m in self.members.values()):
                return self.pending.pop(index)
        if self.over or self.handed - self.next >= 2 * AHEAD * hands + 2:
            return None
        share = next(self.shares, None)
        if share is None:
            self.over = True
            return None
        self.handed += 1
        return share

    def share_for_here(self) -> Share | None:
        given_up = (index for index in sorted(self.pending) if self.tries[index] >= TRIES)
        index = next(given_up, None)
        return None if index is None else self.pending.pop(index)

    def send(
        self, member: Member, share: Share, kind: Kind = "share", held: Held | None = None
    ) -> None:
        """Asks for a share, by paths where the worker reads the same files, otherwise with them."""
        parcel = self.material.parcel(share, member.seen, by_path=member is self.here)
        if not member.holds:
            member.last = time.monotonic()
        member.holds += 1
        flight = self.start(member, kind, work.share, parcel.asked, parcel.contents)
        flight.share, flight.held = share, held
        flight.digests, flight.unread, flight.probed = (
            parcel.digests,
            parcel.unread,
            parcel.probed,
        )

    def start(self, member: Member, kind: Kind, what: Callable[..., bytes], *given: Any) -> Flight:
        key = f"espalier-{kind}-{uuid.uuid4().hex}"
        future: Any
        if member is self.here:
            future = self.pool.submit(what, *given)
        else:
            # What is looked at twice goes first: others wait for it.
            first = kind != "share"
            future = asked(self.submit, what, *given, worker=member.address, key=key, first=first)
        flight = self.flights[key] = Flight(kind, member, future)
        future.add_done_callback(lambda _: self.heard.put(key))
        return flight

    # What comes back.

    def hear(self) -> bool:
        """Takes one answer; False where none came for a while."""
        if self.heard.empty() and self.waiting.due():
            self.expire()
        try:
            key = self.heard.get(timeout=TICK)
        except queue.Empty:
            return False
        flight = self.flights.pop(key, None)
        if flight is not None:
            self.take(flight, fetched(flight.future))
        return True

    def expire(self) -> None:
        """Sets aside workers that took much longer than workers do."""
        now = time.monotonic()
        paces = [m.pace for m in (*self.members.values(), self.here) if m.pace]
        for flight in list(self.flights.values()):
            member = flight.member
            if member is self.here:
                continue
            images = sum(f.images for f in self.flights.values() if f.member is member)
            limit = max(LEAST, PACES * max(paces) * images) if paces else FIRST
            limit = SLOWEST.get(flight.kind, limit)
            if now - max(flight.began, member.last) > limit:
                self.aside(member, f"it did not answer for {limit:.0f} s", lied=False)

    def take(self, flight: Flight, answer: bytes | None) -> None:
        """What came back: images, or a greeting; None where it was lost. Who answers wrongly is set
        aside, and what it had is done elsewhere."""
        member = flight.member
        if answer is None:
            self.lost(flight)
            if flight.share is None:
                self.aside(member, "it was lost before it began")
            return
        try:
            head = opened(answer)[0]
            if flight.share is None:
                self.greeted(member, head)
                return
            if self.prepared(flight, head):
                self.took(flight, self.understood(flight, answer))
        except OtherFiles:
            for path in flight.share.paths if flight.share else ():
                member.seen[path.parent] = False
            self.lost(flight)
        except Wrong as why:
            if member is self.here:
                raise RuntimeError(f"This computer could not do a share: {why}") from why
            self.aside(member, str(why))
            self.lost(flight)

    def understood(self, flight: Flight, answer: bytes) -> list[Result]:
        """Raises Wrong, or OtherFiles."""
        network, share, own = self.network, flight.share, flight.member is self.here
        assert share is not None
        found = understood(answer, share, network.views, network.width, flight.digests, own)
        return [flight.unread.get(place, one) for place, one in enumerate(found)]

    def greeted(self, member: Member, head: dict[str, Any]) -> None:
        """A worker said who it is, or that it has the network. Raises Wrong."""
        if "failed" in head:
            raise Wrong(f"it can't run the network ({head['failed']})")
        if "versions" in head:
            versions, process = head["versions"], head.get("process", 0)
            if not (isinstance(versions, dict) and isinstance(process, int)):
                raise Wrong("it gave bytes that can't be read")
            other = str(versions.get("espalier", ""))
            if other != __version__:
                raise Wrong(f"it has Espalier {other[:20]}, this computer {__version__}")
            member.host = str(head.get("host", ""))[:100]
            member.name = f"{member.host}, process {process}"
            if not head.get("has"):
                network = self.network
                self.start(member, "network", work.keep_network, network.digest, network.content)
                return
        member.ready = True

    def prepared(self, flight: Flight, head: dict[str, Any]) -> bool:
        """Whether the worker could do what was asked; what it lacks is sent. Raises Wrong."""
        member, share = flight.member, flight.share
        assert share is not None
        if "failed" in head:
            raise Wrong(f"it failed ({str(head['failed'])[:200]})")
        folders = head.get("unseen", [])
        if not (isinstance(folders, list) and all(isinstance(one, str) for one in folders)):
            raise Wrong("it gave bytes that can't be read")
        unseen = {Path(folder) for folder in folders}
        for folder in flight.probed:
            member.seen[folder] = folder not in unseen
        if not unseen and not head.get("lacks"):
            return True
        if not unseen:  # it was started anew
            member.ready = False
            self.start(member, "hello", work.hello, self.network.digest)
        member.holds -= 1
        if flight.held is not None:
            self.send(self.here, share, flight.kind, flight.held)
        else:
            self.again(share, blamed=False)
        return False

    def took(self, flight: Flight, results: list[Result]) -> None:
        member, share = flight.member, flight.share
        assert share is not None
        member.holds -= 1
        member.took(len(results))
        if flight.kind == "check":
            self.compared(flight, results[0])
        elif flight.kind == "third":
            self.settled(flight, results[0])
        else:
            self.arrived(member, share, results)

    # What is computed twice.

    def arrived(self, member: Member, share: Share, results: list[Result]) -> None:
        """A share is believed, or held until one of its images was computed elsewhere."""
        usable = [n for n, one in enumerate(results) if isinstance(one, CheckedImage)]
        member.unchecked += len(usable)
        if member is self.here:
            self.tally.here += len(results)
        if member is self.here or not usable or (member.checked and member.unchecked < CHECK_EVERY):
            member.given += share.paths
            self.believe(share, results)
            return
        member.unchecked = max(0, member.unchecked - CHECK_EVERY) if member.checked else 0
        place = min(usable, key=lambda n: digest(results[n]))
        held = Held(share, results, member, place)
        self.send(self.another(member), share.only(place), "check", held)

    def another(self, member: Member) -> Member:
        """Who computes it a second time: a worker of another computer, another worker, or this."""
        others = [m for m in self.members.values() if m.usable and m is not member]
        return min(others, key=lambda m: (m.host == member.host, m.holds), default=self.here)

    def believe(self, share: Share, results: list[Result]) -> None:
        self.tally.images += len(results)
        self.finished[share.index] = share, results

    def compared(self, flight: Flight, result: Result) -> None:
        """Whether two computers agree; where they don't, this one decides."""
        held = flight.held
        assert held is not None
        apart = distance(held.results[held.place], result)
        if apart > FAR:
            held.second, held.by = result, flight.member
            if flight.member is self.here:
                self.settled(flight, result)
            else:
                self.send(self.here, held.share.only(held.place), "third", held)
            return
        self.agreed(held, apart)

    def settled(self, flight: Flight, truth: Result) -> None:
        """Sets aside whoever is far from what this computer found."""
        held = flight.held
        assert held is not None
        why = "it gave other features than this computer finds"
        if held.second is not None and held.by is not None and distance(truth, held.second) > FAR:
            self.aside(held.by, why)
        if distance(truth, held.results[held.place]) > FAR:
            self.aside(held.of, why)
            self.again(held.share)
        else:
            self.agreed(held, distance(truth, held.results[held.place]))

    def agreed(self, held: Held, apart: float) -> None:
        held.of.checked = True
        held.of.given.clear()
        self.tally.agreed(apart)
        if held.of.aside:  # of one image it was right
            self.again(held.share)
        else:
            self.believe(held.share, held.results)


def digest(one: Result) -> str:
    return one.sha256 if isinstance(one, CheckedImage) else ""
