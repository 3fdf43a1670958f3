"""The hint on the Learn page that some images are to be looked at again."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QWidget

from app.bridge import Bridge
from app.widgets.controls import button, column, named, say_on
from engine.events import Ended, ProjectView
from engine.results.learn import AnsweredImages
from engine.system.words import plural

HELP = "Shows them on the Sort page: those whose class may be wrong, and those unlike all others"


class AgainHint(QWidget):
    """Says how many images are to be looked at again, and goes there; gone where there are none."""

    def __init__(self, bridge: Bridge, go: Callable[[str], object]) -> None:
        """`go` is called with the list that has something in it."""
        super().__init__()
        self.bridge = bridge
        self.state: tuple[object, ...] = ()
        self.asked_of: tuple[object, ...] = ()
        self.question: int | None = None
        self.first = "wrong"
        self.button = button("", HELP, lambda: go(self.first), key="Alt+G", kind="link")
        self.setLayout(column(self.button))
        self.button.hide()

    def show_project(self, project: ProjectView | None) -> None:
        """Counts anew where something changed, while somebody looks."""
        step = project.current_step if project is not None else None
        if project is None or step is None or len(step.classes) < 2:
            self.state = ()
            self.button.hide()
            return
        self.state = (project.path, step.id, project.undo)
        self.count()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.count()

    def count(self) -> None:
        if not self.isVisible() or not self.state or self.state == self.asked_of:
            return
        self.asked_of = self.state
        if self.question is not None:
            self.bridge.drop(self.question)
        self.question = self.bridge.ask("look_again", self.take, limit=0)

    def take(self, ended: Ended) -> None:
        self.question = None
        if ended.how != "done":
            self.asked_of = ()
            return
        lists = ended.of(AnsweredImages).get("lists", {})
        count = lists.get("any", 0)
        self.first = "wrong" if lists.get("wrong") else "unlike"
        words = f"{plural(count)} to look at again"
        say_on(self.button, words)
        named(self.button, words, HELP, "Alt+G")
        self.button.setVisible(count > 0)
