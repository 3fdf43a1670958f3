"""The empty state of a page that needs what comes before it, with the button that does it."""

from __future__ import annotations

from PySide6.QtCore import Signal

from app.bridge import Bridge
from app.widgets.controls import button, say_on
from app.widgets.empty import EmptyState
from engine.events import ProjectView
from engine.system.words import plural

HELP = "Does what comes before this page"
TWO = "Each folder of images becomes a class. {then}"


class NextStep(EmptyState):
    """Says what is missing: images, or learning them. `asked` names the page that has it."""

    asked = Signal(str)

    def __init__(
        self, bridge: Bridge, icon: str, title: str, then: str = "", text: str = "", least: int = 1
    ) -> None:
        """`then` says what can be done here once something is learnt, or `text` all of it; `least`
        classes are needed."""
        self.act = button("Add images", HELP, self.do, key="Ctrl+Return", kind="primary")
        super().__init__(icon, title, "", self.act)
        self.bridge, self.then, self.fixed, self.least = bridge, then, text, least
        self.project: ProjectView | None = None
        self.show_project(None)

    @property
    def waiting(self) -> int:
        """Classes that have images and could be learnt."""
        found = sum(bool(c.train) for c in self.project.classes) if self.project else 0
        return found if found >= self.least else 0

    def show_project(self, project: ProjectView | None) -> None:
        """What comes next in this project, in words and on the button."""
        self.project = project
        if self.waiting:
            self.text.setText(f"The images are here, but not learnt yet. {self.then}")
            say_on(self.act, f"Learn {plural(self.waiting, 'class')} now")
        else:
            self.text.setText(TWO.format(then=self.then))
            say_on(self.act, "Add images")
        if self.fixed:
            self.text.setText(self.fixed)
        self.act.setAccessibleName(self.act.text())
        self.act.setEnabled(project is not None and not project.read_only)

    def do(self) -> None:
        if self.waiting:
            self.bridge.submit("learn")
        else:
            self.asked.emit("Images")
