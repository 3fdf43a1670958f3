"""The way through: images, learn, try, use. The present step is marked, and so is the next."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QPushButton, QWidget

from app.widgets.controls import button, calling, label, named, row
from engine.events import ProjectView

STEPS = (
    ("Images", "Images", "F5", "Adds images and sorts them into classes"),
    ("Learn", "Learn", "F6", "Shows how well the classes are recognised"),
    ("Try", "Try", "F7", "Shows what the model says of an image"),
    ("Export", "Use", "F8", "Writes the model as one file, to use it elsewhere"),
)
"""Each with its page, its word, its key and what it is for."""


def next_step(project: ProjectView, tried: bool) -> str:
    """The page on which the next thing is to be done."""
    if not project.classes:
        return "Images"
    if project.current_step is None or any(c.train and not c.known for c in project.classes):
        return "Learn"
    return "Export" if tried else "Try"


class StepRow(QWidget):
    """A slim row above the pages. `chosen` brings the page's name."""

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.project: ProjectView | None = None
        self.present, self.tried = "", ""
        self.buttons = {step[0]: self.step_button(i, *step) for i, step in enumerate(STEPS, 1)}
        line = row(gap=4)
        for number, made in enumerate(self.buttons.values()):
            if number:
                line.addWidget(label("–", "muted"))
            line.addWidget(made)
        line.setContentsMargins(16, 8, 8, 0)
        self.setLayout(line)

    def step_button(self, number: int, page: str, word: str, key: str, help: str) -> QPushButton:
        made = button(f"{number}  {word}", help, calling(self.choose, page), key=key, kind="step")
        made.setCheckable(True)
        return named(made, f"Step {number}: {word}", help, key)

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
        self.project = project
        self.refresh()

    def refresh(self) -> None:
        """Marks the present step, and the next, which is told in words as well."""
        project = self.project
        following = next_step(project, self.tried == project.path) if project else ""
        for number, (page, word, key, help) in enumerate(STEPS, 1):
            made, comes = self.buttons[page], page == following and page != self.present
            made.setChecked(page == self.present)
            named(
                made, f"Step {number}: {word}", f"{help}. This comes next" if comes else help, key
            )
            if made.property("next") != comes:
                made.setProperty("next", comes)
                made.style().polish(made)
