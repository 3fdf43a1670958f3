"""Undo and redo: Qt's stack, whose commands are the engine's gestures and not copies of them."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtGui import QUndoCommand, QUndoStack

from app.bridge import Bridge
from engine.events import Ended, ProjectView

PAST = {
    "Learn": "learnt",
    "Add": "added",
    "Move": "moved",
    "Remove": "removed",
    "Rename": "renamed",
    "Merge": "merged",
    "Forget": "forgot",
    "Settle": "settled",
    "Use": "took",
    "Adopt": "took",
    "Return": "went back",
    "Grow": "grew",
    "Begin": "began",
    "Note": "noted",
    "Name": "named",
    "Set": "set",
    "Accept": "accepted",
    "Cap": "capped",
    "Take": "took",
}


def done(title: str) -> str:
    """A gesture's title as what was done: “learnt dress, hat and 8 more” for “Learn dress, …”.

    The titles themselves stay as projects keep them; one of another kind is said as it is.
    """
    verb, _, rest = title.partition(" ")
    return f"{PAST.get(verb, verb)} {rest or 'the images'}" if verb in PAST else title


class Gesture(QUndoCommand):
    """One gesture that the engine can take back; the engine keeps what it takes."""

    def __init__(self, title: str, history: History) -> None:
        super().__init__(title)
        self.history = history

    def undo(self) -> None:
        self.history.ask("undo")

    def redo(self) -> None:
        self.history.ask("redo")


class History(QUndoStack):
    """Mirrors the gestures that the project knows, so that an undo survives a restart."""

    def __init__(self, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.bridge = bridge
        self.mirroring = False
        bridge.changed.connect(self.mirror)

    def ask(self, job: str) -> None:
        if not self.mirroring:
            self.bridge.submit(job, self.after)

    def after(self, ended: Ended) -> None:
        """Where the engine refused, the stack goes back to what the project says."""
        if ended.how != "done":
            self.mirror(self.bridge.project)

    def mirror(self, project: ProjectView | None) -> None:
        """Makes the stack say what the project says; nothing is undone by it."""
        undo = list(project.undo) if project is not None else []
        known = [*undo, *(project.redo if project is not None else ())]
        titles = [done(title) for title in known]
        if self.index() == len(undo) and titles == [self.text(i) for i in range(self.count())]:
            return
        self.mirroring = True
        self.clear()
        for title in titles:
            self.push(Gesture(title, self))
        self.setIndex(len(undo))
        self.mirroring = False
