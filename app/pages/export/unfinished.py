"""What the project has and the exported file would not know, with the button that does it first."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.bridge import Bridge
from app.widgets.controls import button, label, laid_out, row, say_on
from engine.events import ProjectView
from engine.system.words import plural

HELP = "Does what the line beside it says is missing"


class Unfinished(QWidget):
    """Gone where nothing is missing. `asked` names the page on which images are sorted."""

    asked = Signal(str)

    def __init__(self, bridge: Bridge) -> None:
        super().__init__()
        self.bridge = bridge
        self.learns = False
        self.words = label("", "warning", wrap=True)
        self.act = button("", HELP, self.do, key="Ctrl+Return")
        self.setLayout(row(self.words, self.act))
        laid_out(self).setStretch(0, 1)
        self.hide()

    def show_project(self, project: ProjectView) -> None:
        """Classes that are not learnt come before images without a class: these can wait."""
        fresh = sum(bool(c.train) and not c.learnt for c in project.classes)
        self.learns = fresh > 0
        if fresh:
            new = sum(bool(c.train) and not c.known for c in project.classes)
            which = plural(new, "class") if new else f"Changes in {plural(fresh, 'class')}"
            words = f"{which} {'is' if new == 1 else 'are'} not learnt yet."
        else:
            verb = "waits" if project.unsorted == 1 else "wait"
            words = f"{plural(project.unsorted)} still {verb} without a class."
        self.words.setText(words)
        say_on(self.act, "Learn now" if fresh else "Sort them")
        self.act.setAccessibleName(self.act.text())
        self.setVisible(bool(fresh or project.unsorted) and not project.read_only)

    def do(self) -> None:
        if self.learns:
            self.bridge.submit("learn")
        else:
            self.asked.emit("Sort")
