"""The way through: images, learn, try, export. The present step is marked, and so is the next."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QPushButton, QWidget

from app.bridge import Bridge
from app.theme import GRID
from app.widgets.controls import button, calling, label, named, row, say_on
from engine.events import Ended, ProjectView

STEPS = (
    ("Images", "Images", "F5", "Adds images and sorts them into classes"),
    ("Sort", "Sort", "F4", "Gives images their classes, with suggestions"),
    ("Learn", "Learn", "F6", "Shows how well the classes are recognised"),
    ("Try", "Try", "F7", "Shows what the model says of an image"),
    ("Export", "Export", "F8", "Writes the model as one file, to use it elsewhere"),
)
"""Each with its page, its word, its key and what it is for. To sort is one while images wait."""


def next_step(project: ProjectView, looked: bool, tried: bool, exported: bool) -> str:
    """The page on which the next thing is to be done; none once the model was exported."""
    if project.unsorted and project.current_step is None:
        return "Sort"
    if not project.classes:
        return "Images"
    fresh = any(c.train and not c.known for c in project.classes)
    if project.current_step is None or fresh or not looked:
        return "Learn"
    return "" if exported else "Export" if tried else "Try"


def state(project: ProjectView) -> tuple[str, int]:
    """The project, and its step in use."""
    step = project.current_step
    return project.path, step.id if step is not None else 0


class StepRow(QWidget):
    """A slim row above the pages. `chosen` brings the page's name."""

    chosen = Signal(str)

    def __init__(self, bridge: Bridge) -> None:
        super().__init__()
        self.bridge = bridge
        self.project: ProjectView | None = None
        self.present = ""
        self.unseen, self.tried = "", ""
        """Paths of projects: whose first learning nobody looked at, and that was tried."""
        self.exported: tuple[str, int] | None = None
        """The project and the step of it that were written as a file."""
        self.buttons = {step[0]: self.step_button(*step) for step in STEPS}
        self.before_sort = label("–", "muted")
        line = row(gap=GRID)
        for page, made in self.buttons.items():
            if page != "Images":
                line.addWidget(self.before_sort if page == "Sort" else label("–", "muted"))
            line.addWidget(made)
        line.setContentsMargins(16, 8, 8, 0)
        self.setLayout(line)
        bridge.ended.connect(self.on_ended)

    def step_button(self, page: str, word: str, key: str, help: str) -> QPushButton:
        made = button(word, help, calling(self.choose, page), key=key, kind="step")
        made.setCheckable(True)
        return made

    def choose(self, page: str) -> None:
        self.mark(self.present)  # the click has turned its button over, which pages do
        self.chosen.emit(page)

    def mark(self, page: str) -> None:
        """The page that is shown; one that is no step leaves all unmarked."""
        self.present = page
        if page == "Try" and self.project is not None:
            self.tried = self.project.path
        self.refresh()

    def show_project(self, project: ProjectView) -> None:
        """A first learning is to be looked at; a project opened with one was looked at before."""
        before, self.project = self.project, project
        if before is not None and before.path == project.path and before.current_step is None:
            self.unseen = project.path
        self.refresh()

    def on_ended(self, ticket: int, event: Ended) -> None:
        job, _ = self.bridge.jobs.get(ticket, ("", {}))
        if job == "export" and event.how == "done" and self.project is not None:
            self.exported = state(self.project)
            self.refresh()

    def refresh(self) -> None:
        """Marks the present step, and the next, which is told in words as well."""
        project, following = self.project, ""
        if project is not None:
            if self.present == "Learn" and project.current_step is not None:
                self.unseen = ""
            looked, tried = self.unseen != project.path, self.tried == project.path
            following = next_step(project, looked, tried, self.exported == state(project))
        sorts = project is not None and (project.unsorted > 0 or self.present == "Sort")
        for made in (self.before_sort, self.buttons["Sort"]):
            made.setVisible(sorts)
        there = [step for step in STEPS if step[0] != "Sort" or sorts]
        for number, (page, word, key, help) in enumerate(there, 1):
            made, comes = self.buttons[page], page == following and page != self.present
            say_on(made, f"{number}  {word}")
            made.setChecked(page == self.present)
            named(
                made, f"Step {number}: {word}", f"{help}. This comes next" if comes else help, key
            )
            if made.property("next") != comes:
                made.setProperty("next", comes)
                made.style().polish(made)
