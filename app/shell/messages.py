"""What the window says of jobs: what they did, with undo; why they did not; and until when."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QTimer

from app.bridge import Bridge
from app.shell.notices import Action, Notices
from app.shell.said import sentence, share_right
from app.widgets.desktop import show_file
from engine.events import Ended, Notice, ProjectView, Started
from engine.results.labels import LabelsSaved
from engine.results.project import TakenBack

QUIET = ("undo", "redo", "set_device")
"""Jobs whose refusal matters less than what comes after; still said, but as plain information."""
TUNING = {
    "tune": ("Tune", "Resume takes its last checkpoint."),
    "adapt": ("Tune", "Resume takes its last checkpoint."),
    "resume_run": ("Tune", "Resume takes its last checkpoint."),
    "compare": ("Compare", "What was measured is kept."),
}
"""Jobs that pause instead of being cancelled; the page on which they are gone on with, and what is
said of one that was lost."""
OTHERS = ("open_project", "new_project", "close_project", "make_sample")
"""Jobs that change which project is open: what the other one can undo is no news."""
GESTURE = "gesture"
"""The topic of what was done last; it goes once something else can be undone, or with its page."""
LEARNING = ("learn_folder", "learn_labels", "learn")
"""Jobs whose message says how well it went, and leads to the scores."""
MANY = "accept_above"
SORTING = ("label_images", "set_aside", MANY, "accept_shown", "suggestions", "learn_sorted")
MAPPING = ("name_points", "draw_map", "keep_refined")
"""Jobs of which Sort and Map tell themselves: a message for each act would hide what it is of."""
READ = 3000
"""Milliseconds in which a message is read; a change of the page before that takes none away."""
CRASH = "crash"


def folder_of(saved: LabelsSaved) -> Path:
    to = Path(saved["to"])
    return to if to.is_dir() else to.parent


class Messages(QObject):
    """Hears what the engine says, and tells what a person should know of it."""

    def __init__(
        self, bridge: Bridge, notices: Notices, go: Callable[[str], object], parent: QObject
    ) -> None:
        super().__init__(parent)
        self.bridge, self.notices, self.go = bridge, notices, go
        self.titles: dict[int, str] = {}
        self.before: dict[int, tuple[str, ...]] = {}
        self.running = ""
        self.page = self.path = self.accepted = ""
        self.undo: tuple[str, ...] = ()
        bridge.started.connect(self.on_started)
        bridge.notice.connect(self.on_notice)
        bridge.ended.connect(self.on_ended)
        bridge.changed.connect(self.on_changed)

    def on_started(self, ticket: int, event: Started) -> None:
        """What was said about the last try is over; what can be undone now is remembered."""
        self.titles[ticket] = event.title
        self.before[ticket] = self.undo
        self.running = event.job
        self.notices.settle(event.job)

    def on_notice(self, event: Notice) -> None:
        """What a job says on its way; another sentence of the same job takes none away. What was
        accepted at once is told at its end, with the way back."""
        if self.running == MANY:
            self.accepted = event.text
            return
        self.notices.say(event.text, event.level, event.details, topic=self.running, beside=True)

    def on_changed(self, project: ProjectView | None) -> None:
        """Another project: all that was said of the one before is over."""
        undo = project.undo if project is not None else ()
        path = project.path if project is not None else ""
        if path != self.path and self.path:
            over = {card.topic for card in self.notices.cards} - {self.running, CRASH}
            self.notices.settle(*over)
        elif undo != self.undo:
            self.notices.settle(GESTURE)
        self.path, self.undo = path, undo

    def turn_to(self, page: str) -> None:
        """Another page is shown: what was said of a gesture on the one before goes, once read."""
        if page != self.page:
            self.page = page
            for card in self.notices.cards:
                if card.topic == GESTURE:
                    QTimer.singleShot(max(0, READ - card.age), card, card.dismiss)

    def on_ended(self, ticket: int, event: Ended) -> None:
        """A job that did not end well says why; one that was lost can be done again."""
        title = self.titles.pop(ticket, "A job")
        before = self.before.pop(ticket, self.undo)
        name, settings = self.bridge.jobs.get(ticket, ("", {}))
        if name == MANY and event.how == "done" and self.accepted:
            action = ("Undo", lambda: self.bridge.submit("undo"))
            self.notices.say(self.accepted, action=action, topic=GESTURE)
            self.accepted = ""
        elif name in (*SORTING, *MAPPING) and event.how in ("done", "cancelled"):
            pass
        elif event.how == "done":
            self.say_done(name, settings, event, before)
        elif event.how == "lost" and name in TUNING:
            page, kept = TUNING[name]
            show = ("Show it", lambda: self.go(page))
            text = f"{title}: {event.text} {kept}"
            self.notices.say(text, "warning", action=show, topic=name)
        elif event.how == "lost" and name:
            again = ("Do it again", lambda: self.bridge.submit(name, **settings))
            said = f"{title}: {event.text}"
            self.notices.say(said, "warning", action=again, topic=name, beside=True)
        elif event.how in ("refused", "failed"):
            level = "info" if name in QUIET else "warning"
            self.notices.say(event.text, level, topic=name, beside=True)
        elif event.how == "cancelled" and name not in TUNING:
            self.notices.say(f"{title}: {event.text}", topic=name, beside=True)
        self.running = ""

    def say_done(
        self, name: str, settings: dict[str, object], event: Ended, before: tuple[str, ...]
    ) -> None:
        """What a gesture did, with the way back; what changed nothing is not told."""
        action: Action
        if name == "save_labels":
            saved = event.of(LabelsSaved)
            action = ("Show in folder", lambda: show_file(folder_of(saved), self.notices.say))
            self.notices.say(sentence(name, settings, event.result, ""), action=action, topic=name)
        if (
            self.undo == before
            or name in OTHERS
            or (name == "undo" and self.page in ("Sort", "Map"))
        ):
            return
        if name == "undo":
            text = f"Undone: {event.of(TakenBack)['title']}."
            action = ("Redo", lambda: self.bridge.submit("redo"))
        else:
            title = self.undo[-1] if self.undo else ""
            told = f"Done again: {title}."
            facts = {**event.result, "tested": self.bridge.tested}
            text = told if name == "redo" else sentence(name, settings, facts, title)
            action = ("Undo", lambda: self.bridge.submit("undo"))
            if name in LEARNING and (right := share_right(self.bridge.project)):
                text = f"{text.removesuffix('.')}: {right}."
                if self.page != "Learn":
                    action = ("See the scores", lambda: self.go("Learn"))
        self.notices.say(text, action=action, topic=GESTURE)
