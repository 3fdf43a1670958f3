"""Rules at work: each in a thread of its own, so that a slow one holds no frame up."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

from engine.live.actions import Failed, Moment, act
from engine.live.rules import ANY, Rule
from engine.results.live import RuleKept

WAITING = 4
"""So much of one rule waits at most; beyond that the oldest is left out, and counted."""
FIRST, LONGEST = 0.5, 60.0
"""Seconds until what failed is tried again: at first, and at most."""

rested: dict[Rule, float] = {}
"""When each rule of the latest watching was done last, for another that goes on with it."""


class RuleThread:
    """One rule. What failed is tried again until it is done, or newer ones push it out."""

    def __init__(self, rule: Rule, fired: dict[Rule, float]) -> None:
        self.rule, self.fired = rule, fired
        self.done = self.left_out = 0
        self.failing = self.busy = False
        self.waiting: deque[Moment] = deque()
        self.words: deque[tuple[str, bool]] = deque(maxlen=2)
        """What a person has not read yet, and whether it is bad."""
        self.changed = threading.Condition()
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.work, name="espalier-rule", daemon=True)
        self.thread.start()

    def applies(self, moment: Moment, now: float) -> bool:
        rule = self.rule
        if rule.name not in (ANY, moment.name) or moment.probability < rule.least:
            return False
        return rule not in self.fired or now - self.fired[rule] >= rule.rest

    def offer(self, moment: Moment, now: float, patient: bool) -> None:
        """Takes what applies. `patient`: waits for room, unless what is done fails."""
        if not self.applies(moment, now):
            return
        self.fired[self.rule] = now
        with self.changed:
            if patient:
                self.changed.wait_for(lambda: len(self.waiting) < WAITING or self.failing)
            if len(self.waiting) == WAITING:
                self.waiting.popleft()
                self.left_out += 1
            self.waiting.append(moment)
            self.changed.notify_all()

    def work(self) -> None:
        """Does the rule for what waits; after a failure it rests, twice as long each time."""
        rest = FIRST
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.waiting or self.stopped.is_set())
                if self.stopped.is_set():
                    return
                moment, self.busy = self.waiting.popleft(), True
            try:
                act(self.rule, moment, self.stopped)
            except Failed as why:
                self.failed(moment, str(why))
                self.stopped.wait(rest)
                rest = min(2 * rest, LONGEST)
            else:
                self.succeeded()
                rest = FIRST

    def failed(self, moment: Moment, why: str) -> None:
        with self.changed:
            if not self.failing and not self.stopped.is_set():
                self.words.append((f"“{self.rule.title}” failed: {why}. It is tried again.", True))
            self.failing, self.busy = True, False
            if len(self.waiting) < WAITING:
                self.waiting.appendleft(moment)
            else:
                self.left_out += 1
            self.changed.notify_all()

    def succeeded(self) -> None:
        with self.changed:
            if self.failing:
                self.words.append((f"“{self.rule.title}” works again.", False))
            self.failing, self.busy = False, False
            self.done += 1
            self.changed.notify_all()

    def drain(self, seconds: float) -> None:
        """Waits until all is done, or fails."""
        with self.changed:
            self.changed.wait_for(lambda: self.failing or not (self.waiting or self.busy), seconds)

    def close(self) -> None:
        self.stopped.set()
        with self.changed:
            self.changed.notify_all()
        self.thread.join()


class Rules:
    """All rules of one watching. They rest by `now`, a clock that never begins anew, as the
    source's own does when it is lost and back. `go_on`: those that were done in the watching
    before rest on."""

    def __init__(self, rules: Sequence[Rule], go_on: bool = False) -> None:
        global rested
        rested = dict(rested) if go_on else {}
        self.threads = [RuleThread(rule, rested) for rule in rules]

    def offer(self, moment: Moment, now: float, patient: bool) -> None:
        for thread in self.threads:
            thread.offer(moment, now, patient)

    def words(self) -> list[tuple[str, bool]]:
        """What a person is to read, each once: at most two of each rule between two calls."""
        found: list[tuple[str, bool]] = []
        for thread in self.threads:
            with thread.changed:
                found += thread.words
                thread.words.clear()
        return found

    def kept(self) -> list[RuleKept]:
        return [
            {"rule": t.rule.title, "done": t.done, "left_out": t.left_out + len(t.waiting)}
            for t in self.threads
        ]

    def drain(self, seconds: float) -> None:
        for thread in self.threads:
            thread.drain(seconds)

    def close(self) -> None:
        for thread in self.threads:
            thread.stopped.set()
        for thread in self.threads:
            thread.close()
