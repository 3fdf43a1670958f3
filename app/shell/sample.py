"""The sample: one click opens it already learnt, with its score, and something to try beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from app.shell.project_dialog import SUFFIX
from app.shell.said import share_right
from app.widgets.ask import choose
from engine.events import Ended

if TYPE_CHECKING:
    from app.shell.window import Window

TOPIC = "sample"
ASK = "Make a new project of these images, or add them to the sample?"


class Sample(QObject):
    """Draws and learns the sample project, or opens it again."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.window = window
        self.mixed = False
        """Whether the person said that own images go into the sample."""

    @property
    def path(self) -> Path:
        return self.window.home() / f"Sample{SUFFIX}"

    def take(self, paths: list[str], add: Callable[[], object]) -> None:
        """Does `add` with what was dropped; where the sample is open, asks first whether these
        shall be a project of their own."""
        project = self.window.bridge.project
        here = project is not None and Path(project.path).resolve() == self.path.resolve()
        if not here or self.mixed:
            add()
            return

        def mix() -> None:
            self.mixed = True
            add()

        new = ("New project", "Asks for its name, and learns the images in it")
        old = ("Add to the sample", "Adds them to the project that is open, and learns them")
        answers = [(*new, lambda: self.window.begin_with(paths)), (*old, mix)]
        choose(self.window, "The sample is open", ASK, answers)

    def open(self) -> None:
        """The one that was drawn before, or a new one."""
        path = str(self.path)
        if self.path.is_dir():
            self.window.bridge.submit("open_project", self.learn, path=path)
        else:
            self.window.bridge.submit("make_sample", self.show, path=path, learn=True)

    def learn(self, ended: Ended) -> None:
        """One that was drawn and never learnt is learnt now."""
        project = self.window.bridge.project
        if ended.how == "done" and project is not None:
            if project.current_step is not None or project.read_only:
                self.show(ended)
            else:
                self.window.bridge.submit("learn", self.show)

    def show(self, ended: Ended) -> None:
        """Its score, and an image to try."""
        if ended.how != "done" or self.window.bridge.project is None:
            return
        self.window.go("Learn")
        right = share_right(self.window.bridge.project)
        text = f"The sample is learnt: {right}." if right else "The sample is open."
        self.window.notices.say(text, action=("Try an image", self.try_it), topic=TOPIC)

    def try_it(self) -> None:
        """Asks about images that were not learnt from: one of each class, and a stranger."""
        from app.pages.try_it.page import TryPage

        page = self.window.pages["Try"]
        self.window.go("Try")
        assert isinstance(page, TryPage)
        if paths := some_to_try(self.path.with_name(f"{self.path.stem} images")):
            page.try_paths(paths)


def some_to_try(pictures: Path) -> list[str]:
    """One image of each class that was not learnt from, and one that is of no class.

    Fewer where a person moved or removed some of them.
    """
    folders = sorted(p for p in pictures.glob("try/*") if p.is_dir())
    firsts = [next(iter(sorted(folder.glob("*.jpg"))), None) for folder in folders]
    stranger = next(iter(sorted(pictures.glob("strangers/*.jpg"))), None)
    return [str(path) for path in (*firsts, stranger) if path is not None]
