"""Putting answers right where they are seen: keys, a bar and a menu for the images of a list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from app.bridge import Bridge
from app.widgets.captions import Caption, Name
from app.widgets.rows import ImageRows, Row, shown
from engine.events import Ended, ProjectView
from engine.results.learn import LearntAgain
from engine.system.words import ENOUGH_TESTED, per_cent, plural, tested_right

PAUSE = 800
"""Milliseconds without a key after which what was mended is learnt."""
MOST = 9


def answer_of(row: Row) -> str:
    """An image's class and the answer to it: “hat, taken for shoes 100 %”, or “hat 83 %”."""
    share = per_cent(row["confidence"], 0)
    if row["predicted"] == row["class"]:
        return f"{shown(row['class'])} {share}"
    return f"{shown(row['class'])}, taken for {shown(row['predicted'])} {share}"


def caption(row: Row) -> Caption:
    """Two lines under an image: “hat, taken for”, “shoes 100 %”."""
    share = (f" {per_cent(row['confidence'], 0)}", *([" · kept"] if row.get("kept") else []))
    name, answer = Name(shown(row["class"])), Name(shown(row["predicted"]))
    if name == answer:
        return Caption.of((name, *share))
    return Caption.of((name, ", taken for"), (answer, *share))


def others(row: Row) -> list[tuple[str, float]]:
    """The likeliest classes that an image is not in, at most nine; the digits mean these."""
    return [(n, share) for n, share in row.get("likeliest", ()) if n != row["class"]][:MOST]


class Mending(QObject):
    """What a person does about images and the answers to them.

    Each act is done at once, and what was mended is learnt when the keys pause. `done` tells which
    rows are dealt with, `back` which came back, `said` what to show, and `learning_ended` that
    answers are new. With `keeps` Enter keeps an image, where it would move it otherwise.
    """

    said = Signal(str)
    learning_ended = Signal()
    done = Signal(list)
    back = Signal(list)

    def __init__(
        self, bridge: Bridge, parent: QObject | None = None, *, keeps: bool = False
    ) -> None:
        super().__init__(parent)
        self.bridge, self.keeps = bridge, keeps
        self.path = ""
        self.acts: list[list[Row]] = []
        self.acting = False
        self.pause = QTimer(self, singleShot=True, interval=PAUSE)
        self.pause.timeout.connect(self.learn)
        bridge.changed.connect(self.on_changed)
        bridge.submitted.connect(self.on_submitted)

    @property
    def ids(self) -> set[int]:
        """The images that were dealt with."""
        return {r["id"] for rows in self.acts for r in rows}

    def on_changed(self, project: ProjectView | None) -> None:
        path = project.path if project is not None else ""
        if path != self.path:
            self.path = path
            self.acts.clear()
            self.pause.stop()
            self.said.emit("")

    def on_submitted(self, ticket: int, job: str) -> None:
        """An undo from anywhere brings our last rows back; other gestures lie on top of ours."""
        if job == "undo" and self.acts:
            self.said.emit("Taken back.")
            self.back.emit(self.acts.pop())
            self.pause.start()
        elif job not in ("undo", "learn_again") and not self.acting:
            self.acts.clear()

    # Acts.

    def agree(self, rows: Sequence[Row]) -> None:
        """Each image goes where the model sees it; one that is there is kept."""
        for name in dict.fromkeys(r["predicted"] for r in rows):
            self.put([r for r in rows if r["predicted"] == name], name)

    def put(self, rows: Sequence[Row], to: str) -> None:
        """Moves images into a class; those that are in it are kept."""
        self.keep([r for r in rows if r["class"] == to])
        going = [r for r in rows if r["class"] != to]
        if going:
            self.act("mend_images", going, f"Moved to {shown(to)}", to=to)

    def keep(self, rows: Sequence[Row]) -> None:
        if rows:
            names = " and ".join(shown(n) for n in dict.fromkeys(r["class"] for r in rows))
            self.act("mend_images", rows, f"Kept in {names}")

    def remove(self, rows: Sequence[Row]) -> None:
        if rows:
            self.act("remove_images", rows, f"Removed {plural(len(rows))}")

    def act(self, job: str, rows: Sequence[Row], words: str, **settings: Any) -> None:
        """Does it; where the engine refuses, the rows come back."""
        acted = list(rows)

        def follow(ended: Ended) -> None:
            if ended.how != "done" and acted in self.acts:
                self.acts.remove(acted)
                self.said.emit(ended.text)
                self.back.emit(acted)

        self.acting = True
        self.bridge.submit(job, follow, images=[r["id"] for r in acted], **settings)
        self.acting = False
        self.acts.append(acted)
        self.said.emit(f"{words}. Z takes it back.")
        self.done.emit(acted)
        self.pause.start()

    def undo(self) -> None:
        """Takes the last gesture back; its images are shown again."""
        self.bridge.submit("undo")

    # Learning.

    def learn(self) -> None:
        self.said.emit("Learning …")
        self.bridge.submit("learn_again", self.learnt)

    def learnt(self, ended: Ended) -> None:
        """Says what learning brought; nothing new is said where there was nothing to learn."""
        self.learning_ended.emit()
        if ended.how != "done":
            self.said.emit(ended.text)
            return
        found = ended.of(LearntAgain)
        if "accuracy" not in found:
            self.said.emit("All of it is learnt.")
        elif (now := found["accuracy"]) is not None:
            before, tested = found.get("accuracy_before"), self.bridge.tested
            if tested < ENOUGH_TESTED:
                self.said.emit(f"Learnt: {tested_right(now, tested)}.")
                return
            was = f" (before: {per_cent(before)})" if before is not None else ""
            self.said.emit(f"Learnt: {per_cent(now)} of the test images are right{was}.")
        else:
            self.said.emit("Learnt.")


def without(rows: ImageRows, gone: Sequence[Row]) -> int:
    """Takes rows out of a list that was given; returns the place of the first of them."""
    ids = {r["id"] for r in gone}
    there = rows.everything()
    first = next((at for at, r in enumerate(there) if r["id"] in ids), 0)
    rows.give([r for r in there if r["id"] not in ids])
    return first


def merged(before: Sequence[Row], now: Sequence[Row]) -> list[Row]:
    """New rows in the order in which the old ones stand, so that nothing moves under the eye."""
    fresh = {r["id"]: r for r in now}
    stay = [fresh.pop(r["id"]) for r in before if r["id"] in fresh]
    return [*stay, *fresh.values()]


def is_wrong(row: Row) -> bool:
    return bool(row["predicted"] != row["class"])


def answered(rows: Iterable[Row]) -> list[Row]:
    return [r for r in rows if "predicted" in r]
