"""Putting answers right where they are seen: keys, a bar and a menu for the images of a list."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from PySide6.QtCore import QObject, QRect, Qt, QTimer, Signal
from PySide6.QtGui import QFontMetrics, QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QMenu, QPushButton, QSizePolicy, QWidget

from app.bridge import Bridge
from app.widgets.acts import sign_of
from app.widgets.captions import Caption, Name, fitted
from app.widgets.controls import button, calling, column, keeps_place, label, named, row
from app.widgets.rows import ImageRows, Row, shown
from engine.events import Ended, ProjectView
from engine.results.learn import LearntAgain
from engine.system.words import ENOUGH_TESTED, per_cent, plural, tested_right

PAUSE = 800
"""Milliseconds without a key after which what was mended is learnt."""
MOST = 9
LINES = 2
"""Of text above the keys, whatever it says, so that nothing moves."""
EDGES = 26
"""Pixels of a button beside its words."""


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


class MendBar(QWidget):
    """Says what the chosen images may be, with a digit for each class, and does what is asked.

    `where` is the widget in which the keys work, `chosen` gives the images that they are about.
    """

    def __init__(
        self, mending: Mending, where: QWidget, chosen: Callable[[], Sequence[Row]]
    ) -> None:
        super().__init__()
        self.mending, self.chosen = mending, chosen
        self.choices = label("", "caption", wrap=True)
        self.news = label("", "caption", wrap=True)
        self.choices.setAccessibleName("Classes to choose from")
        self.choices.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        for words in (self.choices, self.news):
            words.setFixedHeight(LINES * words.fontMetrics().lineSpacing())
        self.news.hide()
        self.mover_key = "1" if mending.keeps else "Return"
        help = "Moves it to the class that was answered"
        self.mover = self.made("Move", help, self.mover_key, self.move_first)
        self.mover.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        keeps_place(self.mover)
        key = "Return" if mending.keeps else "K"
        self.buttons = [
            self.act("Keep", "Keeps it where it is, and never asks again", key, mending.keep),
            self.act("Remove", "Takes it out; the file stays", "Delete", mending.remove),
        ]
        undo = self.made("Undo", "Takes the last change back", "Z", mending.undo)
        # Where it keeps, the bar stands in a column that is too narrow for three.
        below = (
            row(*self.buttons, 0, gap=4) if mending.keeps else row(*self.buttons, undo, 0, gap=4)
        )
        last = [row(undo, 0)] if mending.keeps else []
        self.setLayout(column(self.news, self.mover, self.choices, below, *last, gap=4))
        enter = mending.keep if mending.keeps else mending.agree
        keys = {"Return": enter, "Enter": enter, "K": mending.keep, "Delete": mending.remove}
        for key, act in keys.items():
            self.key(where, key, calling(self.do, act))
        for digit in range(1, MOST + 1):
            self.key(where, str(digit), calling(self.choose, digit))
        for key in ("Z", "Backspace"):
            self.key(where, key, mending.undo)
        mending.said.connect(self.tell)

    def act(
        self, text: str, help: str, key: str, act: Callable[[Sequence[Row]], None]
    ) -> QPushButton:
        return self.made(text, help, key, lambda: self.do(act))

    def made(self, text: str, help: str, key: str, act: Callable[[], object]) -> QPushButton:
        made = button(f"{text}  {sign_of(key)}", help, act, kind="quiet")
        made.setAutoDefault(False)  # Return belongs to the image, also in a dialog
        return named(made, text, help, key)

    def key(self, where: QWidget, key: str, act: Callable[[], object]) -> None:
        made = QShortcut(QKeySequence(key), where, act)
        made.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)

    def do(self, act: Callable[[Sequence[Row]], None]) -> None:
        rows = answered(self.chosen())
        if rows:
            act(rows)

    def move_first(self) -> None:
        """What the first button does: as Enter, or where that keeps an image, as 1."""
        if self.mending.keeps:
            self.choose(1)
        else:
            self.do(self.mending.agree)

    def choose(self, digit: int) -> None:
        """Moves the images to the class of a digit: one of the first image's likeliest."""
        rows = answered(self.chosen())
        names = [name for name, _ in others(rows[0])] if rows else []
        if digit <= len(names):
            self.mending.put(rows, names[digit - 1])

    def refresh(self) -> None:
        """Shows the digits of the images that are chosen now."""
        rows = answered(self.chosen())
        for made in self.buttons:
            made.setEnabled(bool(rows))
        offered = others(rows[0]) if rows else []
        self.choices.setText(self.fitting(offered) if rows else "Choose an image to put it right.")
        about = rows[:1] if self.mending.keeps else rows
        self.say_where(list(dict.fromkeys(r["predicted"] for r in about if is_wrong(r))))

    def say_where(self, names: Sequence[str]) -> None:
        """The button says where Return moves the images; where nowhere, it is not there."""
        self.mover.setVisible(bool(names))
        if not names:
            return
        sign = sign_of(self.mover_key)
        words: list[str] = ["Move to ", Name(shown(names[0]))]
        if len(names) > 1:
            words = ["Move each to its answer"]
        room = self.width() - EDGES
        told = fitted([*words, f"  {sign}"], self.mover.fontMetrics(), room)
        self.mover.setText(told.replace("&", "&&"))
        said = "".join(words)
        named(self.mover, said, f"{said}: what the model answered", self.mover_key)

    def tell(self, text: str) -> None:
        """Says it above the keys, which stay where they are; with nothing to say, takes no room."""
        self.news.setText(text)
        self.news.setVisible(bool(text))

    def fitting(self, offered: list[tuple[str, float]]) -> str:
        """The digits and what they mean, as much as has room: nothing is cut, and nothing moves."""
        metrics, width = self.choices.fontMetrics(), self.choices.width()
        for count in range(len(offered), 0, -1):
            for shares in (True, False):
                words = choices(offered[:count], metrics, width, shares)
                needed = metrics.boundingRect(
                    QRect(0, 0, width, 10_000), Qt.TextFlag.TextWordWrap, words
                )
                if needed.height() <= self.choices.height():
                    return words
        return ""

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.refresh()


def is_wrong(row: Row) -> bool:
    return bool(row["predicted"] != row["class"])


def answered(rows: Iterable[Row]) -> list[Row]:
    return [r for r in rows if "predicted" in r]


def choices(
    offered: list[tuple[str, float]], metrics: QFontMetrics, room: int, shares: bool = True
) -> str:
    """The digits and what they mean: “1 shoes 98 %   2 pants 1 %”; a line ends between two."""
    whole = str.maketrans({" ": "\u00a0", "-": "\u2011"})
    texts = []
    for digit, (name, share) in enumerate(offered, 1):
        name = Name(shown(name).translate(whole))
        parts = (f"{digit} ", name, f" {per_cent(share, 0)}" if shares else "")
        texts.append(fitted(parts, metrics, room).translate(whole).replace("…", "…\u2060"))
    return "   ".join(texts)


def mend_menu(mending: Mending, rows: Sequence[Row], parent: QWidget) -> QMenu:
    """The same acts as a menu, for the mouse."""
    menu = QMenu(parent)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    if found := answered(rows):

        def move(name: str) -> None:
            mending.put(found, name)

        for digit, (name, share) in enumerate(others(found[0]), 1):
            words = f"Move to {shown(name)} ({per_cent(share, 0)})".replace("&", "&&")
            menu.addAction(f"{words}\t{digit}", calling(move, name))
        menu.addSeparator()
        kept = f"Keep in {shown(found[0]['class'])}".replace("&", "&&")
        key = "Return" if mending.keeps else "K"
        menu.addAction(f"{kept}\t{key}", lambda: mending.keep(found))
        menu.addAction("Remove\tDelete", lambda: mending.remove(found))
        menu.addSeparator()
    menu.addAction("Undo\tZ", mending.undo)
    return menu


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
