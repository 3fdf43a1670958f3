"""What waits for a class as a person sees it, and what they do to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from app.bridge import Bridge
from app.pages.sort.acts import AHEAD, BACK, Act, are_in
from app.pages.sort.keeping import Keeping
from app.pages.sort.many import Many
from app.pages.sort.order import GROUPS, Shown
from app.widgets.rows import Row, shown
from engine.events import Ended, ProjectView
from engine.results.heap import (
    ImagesNamed,
    SetAside,
    ShownAccepted,
    Standing,
    Suggestions,
    UnsortedPage,
)
from engine.system.words import plural

PAUSE = 800
"""Milliseconds without a key after which what was sorted is learnt."""
READS = ("suggestions", "learn_sorted")
OURS = ("Name ", "Set ", "Accept ", "Take back ")
"""How the titles of the gestures begin that were made here."""

Follow = Callable[[Ended, bool], object]


class Sorting(QObject):
    """Asks the engine, in the order of the keys, and shows at once what will come of it.

    `changed`: the list or what is suggested. `acted`: something was done. `brought_back`: ids of
    images that are to be chosen again. `said`: a sentence. An answer brings new suggestions for
    all; it brings a new order only where nothing was done since, and only beyond what is seen.
    """

    changed = Signal()
    acted = Signal()
    brought_back = Signal(list)
    reordered = Signal()
    said = Signal(str)

    def __init__(self, bridge: Bridge, seen: Callable[[], range], parent: QObject) -> None:
        """`seen` are the places in the list that a person looks at; none while they don't."""
        super().__init__(parent)
        self.bridge, self.seen = bridge, seen
        self.pause = QTimer(self, singleShot=True, interval=PAUSE)
        self.keeping, self.many = Keeping(self), Many(self)
        self.pause.timeout.connect(self.keeping.learn)
        self.path, self.watched = "", False
        self.own: set[int] = set()
        self.acting = False
        self.begin_anew()
        bridge.changed.connect(self.on_changed)
        bridge.submitted.connect(self.on_submitted)
        bridge.ended.connect(self.on_ended)

    def begin_anew(self) -> None:
        """Nothing is known of what waits."""
        self.life = object()
        self.list = Shown()
        self.standing: Standing | None = None
        self.classes: list[str] = []
        self.acts: list[Act] = []
        self.serial, self.asking, self.undoing, self.keeping.ticket = 0, 0, 0, 0
        self.order = "likeness"
        self.stale, self.waiting, self.aside = True, 0, 0
        self.pause.stop()

    # Hearing what others do.

    def on_changed(self, project: ProjectView | None) -> None:
        path = project.path if project is not None else ""
        if path != self.path:
            self.path = path
            self.begin_anew()
            self.said.emit("")
            self.changed.emit()
        self.waiting = project.unsorted if project is not None else 0

    def on_submitted(self, ticket: int, job: str) -> None:
        """An undo, whoever asks for it, brings our last images back to their places."""
        asks = job in READS or (job == "accept_above" and not self.bridge.jobs[ticket][1]["really"])
        self.serial += not asks
        if job == "undo":
            self.undoing += 1
            self.keeping.cancel()
            if self.acts:
                self.bring_back(self.acts.pop())
        elif not self.acting:
            self.acts.clear()

    def on_ended(self, ticket: int, event: Ended) -> None:
        """After anything else that was done, what waits may be another."""
        job = self.bridge.jobs.get(ticket, ("", {}))[0]
        if job == "undo":
            self.undoing = max(0, self.undoing - 1)
            self.pause.start()
        if job and ticket not in self.own:
            self.stale = True
            self.refresh_if_seen()
        self.own.discard(ticket)

    def refresh_if_seen(self) -> None:
        """Asks nothing of the network where nothing waits, but how many were set aside."""
        if not (self.stale and self.path and self.watched):
            return
        if self.waiting or self.list.ids:
            self.refresh()
        else:
            self.stale = False
            self.bridge.ask("unsorted_images", self.follow_aside, aside=True, limit=0)

    def follow_aside(self, ended: Ended) -> None:
        if ended.how == "done":
            self.aside = ended.of(UnsortedPage)["aside"]
            self.changed.emit()

    # Asking.

    def submit(self, job: str, follow: Follow, **settings: Any) -> int:
        """Asks for a job; `follow` hears as well whether nothing was done since."""
        life, mark = self.life, [0]

        def answer(ended: Ended) -> None:
            if life is self.life:
                self.asking -= 1
                follow(ended, mark[0] == self.serial)

        self.asking += 1
        self.acting = True
        ticket = self.bridge.submit(job, answer, **settings)
        self.acting = False
        self.own.add(ticket)
        mark[0] = self.serial
        return ticket

    def looking(self) -> dict[str, Any]:
        """The settings of each job that answers with suggestions."""
        ids = [self.list.ids[i] for i in self.seen() if i < len(self.list.ids)]
        visible = [n for n in ids if not self.list.at_random(n)]
        return {"order": self.order, "visible": visible, "limit": len(visible) + AHEAD}

    def refresh(self, settle: bool = False) -> None:
        """Asks what waits; with `settle` how sure the suggestions are is fitted on all, too."""
        self.stale = False
        self.submit("suggestions", self.follow_look, settle=settle, **self.looking())

    def follow_look(self, ended: Ended, latest: bool) -> None:
        if ended.how == "done":
            self.take(ended.of(Suggestions), latest)
        else:
            self.stale = ended.how != "refused"
            self.said.emit(ended.text)

    def reorder(self, order: str) -> None:
        """Shows what waits in another order, from its beginning."""
        self.order, self.stale = order, False
        self.submit("suggestions", self.follow_order, order=order, limit=AHEAD)

    def follow_order(self, ended: Ended, latest: bool) -> None:
        self.list.anew = latest
        self.follow_look(ended, latest)
        if latest:
            self.reordered.emit()

    def want(self) -> None:
        """Asks about images that are seen and of which nothing new enough is known."""
        missing = self.list.missing(self.seen(), self.serial)
        if missing and not self.asking:
            self.ask_about(missing)

    def ask_about(self, ids: list[int]) -> None:
        """Asks what is suggested for images of the list, whether they are seen or not."""
        self.list.note(ids, self.serial)
        settings = {"order": self.order, "visible": ids, "limit": len(ids)}
        self.submit("suggestions", self.follow_rows, **settings)

    def follow_rows(self, ended: Ended, latest: bool) -> None:
        if ended.how == "done":
            self.list.know(ended.of(Suggestions)["rows"], self.serial if latest else -1)
            self.changed.emit()

    def take(self, found: Suggestions, latest: bool) -> None:
        """New suggestions, and a new order of what is not seen."""
        self.standing, self.classes = found["standing"], found["classes"]
        self.aside = found["standing"]["aside"]
        if latest:
            self.list.order(found, self.seen().stop)
        self.list.know(found["rows"], self.serial if latest else -1)
        self.changed.emit()

    # Acts: each is one gesture.

    def name(self, rows: Sequence[Row], to: str, how: str = "typed", burst: bool = False) -> None:
        """Gives images a class; a name that differs in capitals alone is that of the class."""
        to = next((known for known in self.classes if known.casefold() == to.casefold()), to)
        mates = {mate for row in rows for mate in row.get("burst", ())} if burst else set()
        images = self.list.images_of([row["id"] for row in rows])
        if to not in self.classes:
            self.classes = sorted([*self.classes, to])
        given = {"images": images, "to": to, "how": how, "burst": burst}
        said = are_in(len(mates | set(images)), to)
        self.act("label_images", dict.fromkeys([*images, *mates], shown(to)), said, given)

    def accept(self, rows: Sequence[Row], screenful: bool = False) -> None:
        """Each gets the class that is shown for it, and so do all of its burst. With `screenful`
        all that was named where it is seen leaves, and the next ones follow."""
        given = {
            image: row["likeliest"][0] for row in rows for image in self.list.images_of([row["id"]])
        }
        gone = {number: shown(name) for number, (name, _) in given.items()}
        said = f"{plural(len(given), 'suggestion')} accepted. {BACK}"
        if len(set(gone.values())) == 1:
            said = are_in(len(given), next(iter(gone.values())))
        self.act("accept_shown", gone, said, {"shown": given}, screenful=screenful)

    def open_burst(self, number: int) -> bool:
        """Shows a burst one by one, or as one tile again; False where it is none."""
        if found := self.list.toggle(number):
            self.changed.emit()
        return found

    def open_group(self, number: int) -> bool:
        """Shows the images of a group in place of all groups; False where it is none."""
        if found := self.list.open_group(number):
            self.changed.emit()
        return found

    def close_group(self) -> None:
        """Shows all groups again."""
        self.list.close_group()
        self.changed.emit()

    def take_apart(self, rows: Sequence[Row]) -> None:
        """Images that don't belong to the group that is open become groups of their own."""
        if self.list.take_apart([row["id"] for row in rows]):
            self.changed.emit()
            self.said.emit(f"{plural(len(rows))} taken out of the group.")
        else:
            self.said.emit("Choose the images that don’t belong here first.")

    def set_aside(self, rows: Sequence[Row]) -> None:
        images = self.list.images_of([row["id"] for row in rows])
        words = f"{plural(len(images))} set aside. {BACK}"
        gone = dict.fromkeys(images, "set aside")
        self.act("set_aside", gone, words, {"images": images})

    def take_back_aside(self) -> None:
        """All that was set aside waits again."""

        def follow(ended: Ended) -> None:
            if ended.how == "done" and (rows := ended.of(UnsortedPage)["rows"]):
                ids = [row["id"] for row in rows]
                words = f"{plural(len(ids))} taken back. {BACK}"
                self.act("set_aside", {}, words, {"images": ids, "back": True})

        self.bridge.ask("unsorted_images", follow, aside=True, limit=max(self.aside, 1))

    def act(
        self,
        job: str,
        gone: Mapping[int, str],
        words: str,
        settings: dict[str, Any],
        screenful: bool = False,
    ) -> None:
        """The images are done at once, each with its words; where the engine refuses, they wait
        again. With `screenful` all that are done leave the list."""
        self.keeping.cancel()
        if self.list.members:  # who names groups goes on with them, also with two classes
            self.order = GROUPS
        if screenful:
            self.list.sweep()
        spots = self.list.take_out(gone, range(0) if screenful else self.seen())
        places = [number for _, number in spots]
        self.acts.append(made := Act(spots, places[:1] if job == "accept_shown" else places))
        self.changed.emit()
        self.acted.emit()
        self.said.emit(words)

        def follow(ended: Ended, latest: bool) -> None:
            if ended.how != "done":
                self.came_back(made, ended.text)
            elif job == "label_images":
                self.take_of(ended.of(ImagesNamed)["suggestions"], latest)
            elif job == "accept_shown":
                self.take_of(ended.of(ShownAccepted)["suggestions"], latest)
            else:
                self.take_of(ended.of(SetAside)["suggestions"], latest)

        self.submit(job, follow, **settings, **self.looking())
        self.pause.start()

    def sweep(self) -> None:
        """Takes what is done out of the list."""
        self.list.sweep()
        self.changed.emit()

    def take_of(self, found: Suggestions | None, latest: bool) -> None:
        if found is not None:
            self.take(found, latest)

    def came_back(self, made: Act, why: str) -> None:
        if made in self.acts:
            self.acts.remove(made)
            self.bring_back(made)
        self.said.emit(why)
        self.refresh()

    def bring_back(self, made: Act) -> None:
        self.list.put_back(made.spots)
        self.changed.emit()
        self.brought_back.emit(list(made.again))

    def undo(self) -> None:
        """Takes the last act back, all of it; only what was done here."""
        if self.acts or self.left_to_undo() > 0:
            self.bridge.submit("undo")
            self.said.emit("Taken back.")
        else:
            self.said.emit("Nothing was sorted before this.")

    def left_to_undo(self) -> int:
        """How many of the last gestures were made here and are not being taken back."""
        titles = list(self.bridge.project.undo) if self.bridge.project is not None else []
        count = 0
        while titles and titles.pop().startswith(OURS):
            count += 1
        return count - self.undoing
