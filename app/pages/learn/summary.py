"""How well it went, in sentences: what is right, the worst confusion, what is not tested."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QFrame

from app.bridge import Bridge
from app.widgets.controls import column, label, row
from app.widgets.hold_out import HoldOutButton
from engine.events import StepView
from engine.results.learn import BurstEffect, ScoreTable
from engine.system.words import (
    ENOUGH_TESTED,
    TOO_FEW,
    listed,
    per_cent,
    plural,
    right_of,
    tested_right,
    whole,
)

MEANING = (
    "An image to test is never learnt from. In brackets: where the share would lie with other "
    "images of the same kind, 95 times of 100."
)
BURSTS = (
    "Images of a burst are nearly the same. Each image of the project was judged once beside "
    "others of its burst, and once without them, by heads that learnt four fifths of the images."
)
NONE_TESTED = (
    "Nothing is tested yet: there is no image to test. Keep some of each class for testing, or add "
    "more."
)


def tested(step: StepView | None) -> str:
    """In short, as the header: “83 % of 179”, “3 of 4 right”."""
    if step is None:
        return ""
    if step.accuracy is None:
        return "not tested"
    few = " right" if step.tested < ENOUGH_TESTED else ""
    return right_of(step.accuracy, step.tested) + few


def accuracy(scores: ScoreTable) -> str:
    """“83 % of 179 test images are right (likely between 77 and 88 %).” Of few images it is said
    that they are too few."""
    images = sum(row["images"] for row in scores["rows"])
    interval = scores["interval"]
    if scores["accuracy"] is None or interval is None:
        return NONE_TESTED
    low, high = interval
    between = f"(likely between {100 * low:.0f} and {100 * high:.0f}\u00a0%)"
    if images < ENOUGH_TESTED:
        told = tested_right(scores["accuracy"], images)
        return f"{told[0].upper()}{told[1:]}: {TOO_FEW}."
    share = "All" if scores["accuracy"] == 1 else f"{whole(scores['accuracy'])} of"
    return f"{share} {plural(images, 'test image')} are right {between}."


def confusion(scores: ScoreTable) -> str:
    """“Most often shirt is taken for longsleeve (5 of 22).” Nothing where nothing is wrong."""
    names, counts = scores["classes"], scores["confusion"]
    wrong = [
        (n, n / sum(counts[r]), r, c)
        for r, row in enumerate(counts)
        for c, n in enumerate(row)
        if n and r != c
    ]
    if not wrong:
        return ""
    n, _, r, c = max(wrong, key=lambda w: (w[0], w[1], -w[2], -w[3]))
    if n == 1 and len(wrong) > 1:
        return "No class is taken for another one more than once."
    often = "Most often" if len(wrong) > 1 else "Only"
    return f"{often} {names[r]} is taken for {names[c]} ({n} of {sum(counts[r])})."


def untested(scores: ScoreTable) -> str:
    """Which classes have no image to test, where others have some."""
    names = [row["name"] for row in scores["rows"] if not row["images"]]
    if not names or len(names) == len(scores["rows"]):
        return ""
    verb = "is" if len(names) == 1 else "are"
    told = f"{plural(len(names), 'class')} {verb} not tested"
    return f"{told}, for want of test images: {listed(names)}."


def bursts(effect: BurstEffect) -> str:
    """What a split that cuts bursts would have made of the score; nothing where there are none."""
    if not effect:
        return ""
    low, high = effect["more"]
    between = " and ".join(f"{round(100 * share, 1) + 0:.1f}" for share in (low, high))
    between = f"between {between} points".replace("-", "−")
    if low <= 0:
        return (
            "Images of a burst are never on both sides of the test. If they were, the score would "
            f"hardly be better ({between})."
        )
    cut, kept = per_cent(effect["cut"]), per_cent(effect["whole"])
    return (
        "Images of a burst are never on both sides of the test: that would have feigned "
        f"{cut} instead of {kept} (likely {between} more)."
    )


class Summary(QFrame):
    """The sentences above the plots."""

    def __init__(self, bridge: Bridge) -> None:
        super().__init__()
        self.setObjectName("card")
        self.first, self.second = label("", "heading", wrap=True), label("", "muted", wrap=True)
        self.first.setToolTip(MEANING)
        self.first.setAccessibleDescription(MEANING)
        self.third = label("", "muted", wrap=True)
        self.third.setToolTip(BURSTS)
        self.third.setAccessibleDescription(BURSTS)
        self.third.hide()
        self.hold_out = HoldOutButton(bridge)
        lines = self.first, self.second, self.third, row(self.hold_out, 0)
        self.setLayout(column(*lines, gap=4, edge=16))

    def say(self, first: str, rest: Sequence[str] = ()) -> None:
        told = [words for words in rest if words]
        self.first.setText(first)
        self.second.setText(" ".join(told))
        self.second.setVisible(bool(told))

    def show_bursts(self, effect: BurstEffect) -> None:
        """A sentence more, where images were taken in bursts."""
        self.third.setText(bursts(effect))
        self.third.setVisible(bool(effect))

    def show_scores(self, scores: ScoreTable) -> None:
        """The sentences of what the job `scores` read."""
        self.say(accuracy(scores), [confusion(scores), untested(scores)])
