"""What a person sees of the map and does on it, asked of the engine.

The map is drawn when the page is first shown, and new images are placed when they come. Then what
is alike is drawn together, beside all else; a person can stop that.
"""

from __future__ import annotations

from collections.abc import Mapping as Facts
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from app.bridge import Bridge
from app.widgets.rows import shown
from engine.events import Ended, Progress, ProjectView
from engine.results.learn import LearntAgain
from engine.results.map import MapImages, MapPoints, PointsNamed
from engine.system.words import duration, per_cent, plural, tested_right

PAUSE = 800
"""Milliseconds without an act after which what was named is learnt."""
OURS = "Name "
"""How the titles of the gestures begin that were made here, or on the Sort page."""


class Mapping(QObject):
    """`changed`: other points, or they lie elsewhere. `known` brings rows by key. `progress`: how
    far the drawing together is; empty at its end. `said`: a sentence."""

    changed = Signal()
    known = Signal(object)
    progress = Signal(str)
    said = Signal(str)

    def __init__(self, bridge: Bridge, parent: QObject) -> None:
        super().__init__(parent)
        self.bridge = bridge
        self.pause = QTimer(self, singleShot=True, interval=PAUSE)
        self.pause.timeout.connect(self.learn)
        self.path, self.watched = "", False
        self.stopped: set[str] = set()
        """Projects whose map a person wanted as it is."""
        self.begin_anew()
        bridge.changed.connect(self.on_changed)
        bridge.submitted.connect(self.on_submitted)

    def begin_anew(self) -> None:
        self.life = object()
        self.found: MapPoints | None = None
        self.due, self.looking, self.drawing = True, 0, 0
        self.refining, self.learning, self.undoing = 0, 0, 0
        self.lost = 0
        """Images that could not be placed: their files are gone."""
        self.pause.stop()

    # Hearing what others do.

    def on_changed(self, project: ProjectView | None) -> None:
        path = project.path if project is not None else ""
        if path != self.path:
            self.bridge.drop(self.refining)
            self.path = path
            self.begin_anew()
            self.progress.emit("")
            self.changed.emit()
        self.due = True
        self.look_if_seen()

    def on_submitted(self, ticket: int, job: str) -> None:
        """Learning gives way to what a person does."""
        if self.learning and job in ("name_points", "undo"):
            self.bridge.cancel(self.learning)
            self.learning = 0

    @property
    def at_rest(self) -> bool:
        """Whether all is there, and nothing is asked for."""
        busy = self.due or self.looking or self.drawing or self.refining
        return self.found is not None and not busy

    def look_if_seen(self) -> None:
        if self.due and self.watched and self.path and not self.looking:
            self.due = False
            self.looking = self.ask("map_points", self.take)

    # Asking; what is answered to a project that was closed meanwhile is dropped.

    def alive(self, follow: Any) -> Any:
        life = self.life

        def answer(event: Any) -> None:
            if life is self.life:
                follow(event)

        return answer

    def ask(self, job: str, follow: Any, told: Any = None, **settings: Any) -> int:
        told = self.alive(told) if told is not None else None
        return self.bridge.ask(job, self.alive(follow), told, **settings)

    def submit(self, job: str, follow: Any, **settings: Any) -> int:
        return self.bridge.submit(job, self.alive(follow), **settings)

    def take(self, ended: Ended) -> None:
        """Shows what is there, and asks for what is missing."""
        self.looking = 0
        if ended.how != "done":
            self.said.emit(ended.text)
            return
        found = ended.of(MapPoints)
        if found != self.found:
            self.found = found
            self.changed.emit()
        if self.due:
            self.look_if_seen()
        elif found["missing"] > self.lost and not self.drawing:
            self.draw()
        elif not self.drawing and self.path not in self.stopped:
            self.refine()

    def draw(self, anew: bool = False) -> None:
        """Places what lies nowhere yet; with `anew` all images."""
        if anew:
            self.stop_refining()
            self.stopped.discard(self.path)
        self.drawing = self.submit("draw_map", self.follow_drawing, anew=anew)

    def follow_drawing(self, ended: Ended) -> None:
        self.drawing = 0
        if ended.how != "done":
            self.lost = self.found["missing"] if self.found is not None else 0
            self.said.emit(ended.text)
            return
        self.looking = self.ask("map_points", self.take_drawn)

    def take_drawn(self, ended: Ended) -> None:
        """What is missing still can't be placed."""
        if ended.how == "done":
            self.lost = ended.of(MapPoints)["missing"]
        self.take(ended)

    # Drawing together.

    @property
    def can_refine(self) -> bool:
        found = self.found
        return found is not None and found["can_refine"] and not found["refined"]

    def refine(self) -> None:
        if self.can_refine and not self.refining:
            self.stopped.discard(self.path)
            self.progress.emit("Drawing together what is alike")
            self.refining = self.ask("refine_map", self.follow_refining, self.tell)

    def tell(self, event: Progress) -> None:
        far = f" {per_cent(event.done / event.total, 0)}" if event.total else ""
        left = event.seconds_left
        self.progress.emit(f"{event.doing}{far}" + (f", {duration(left)} left" if left else ""))

    def stop_refining(self) -> None:
        """The map stays as it is."""
        if self.refining:
            self.bridge.drop(self.refining)
            self.refining = 0
            self.stopped.add(self.path)
            self.progress.emit("")

    def follow_refining(self, ended: Ended) -> None:
        self.refining = 0
        self.progress.emit("")
        if ended.how == "done":
            self.drawing = self.submit("keep_refined", self.follow_drawing)
        else:
            self.stopped.add(self.path)
            self.said.emit(ended.text)

    # Images of points.

    def know(self, images: Sequence[int], waiting: Sequence[int], follow: Any = None) -> None:
        """Asks for rows; `follow` hears of them in the order in which they were asked for."""

        def answer(ended: Ended) -> None:
            if ended.how == "done":
                found = ended.of(MapImages)
                rows = {2 * row["id"]: row for row in found["images"]}
                rows |= {2 * row["id"] + 1: row for row in found["unsorted"]}
                (follow or self.known.emit)(rows)

        self.ask("map_images", answer, images=list(images), waiting=list(waiting))

    # Acts.

    def name(self, images: Sequence[int], waiting: Sequence[int], to: str) -> None:
        """Gives images a class: one gesture, and learnt when no more comes."""

        def follow(ended: Ended) -> None:
            if ended.how != "done":
                self.said.emit(ended.text)
                self.found, self.due = None, True  # what was shown at once is taken back
                self.look_if_seen()
                return
            done = ended.of(PointsNamed)
            count = done["named"] + done["moved"]
            words = f"{plural(count)} {'is' if count == 1 else 'are'} in {shown(done['class'])}."
            self.said.emit(f"{words} Backspace undoes that.")

        self.submit("name_points", follow, to=to, images=list(images), waiting=list(waiting))
        self.pause.start()

    def undo(self) -> None:
        """Takes the last act back, if images were named by it."""
        titles = list(self.bridge.project.undo) if self.bridge.project is not None else []
        count = next((n for n, t in enumerate(titles[::-1]) if not t.startswith(OURS)), len(titles))
        if count <= self.undoing:
            self.said.emit("Nothing was named before this.")
            return
        self.undoing += 1

        def follow(ended: Ended) -> None:
            self.undoing -= 1
            self.said.emit("Taken back." if ended.how == "done" else ended.text)

        self.submit("undo", follow)
        self.pause.start()

    def learn(self) -> None:
        self.learning = self.submit("learn_sorted", self.follow_learning)

    def follow_learning(self, ended: Ended) -> None:
        self.learning = 0
        if ended.how in ("refused", "failed"):
            self.said.emit(ended.text)
        elif ended.how == "done":
            self.tell_learnt(ended.of(LearntAgain))

    def tell_learnt(self, found: Facts[str, Any]) -> None:
        if (accuracy := found.get("accuracy")) is not None:
            self.said.emit(f"Learnt: {tested_right(accuracy, self.bridge.tested)}.")
        elif "accuracy" in found:
            self.said.emit("Learnt.")
