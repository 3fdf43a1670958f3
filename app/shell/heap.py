"""What is dropped first and has no class folders may be one class, or images of many classes."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING

from app.widgets.ask import choose, type_name
from app.widgets.label_files import is_label_file
from app.widgets.rows import shown

if TYPE_CHECKING:
    from app.shell.window import Window

ASK = "Are these images all of one class?"
WHY = (
    "There are no class folders in what you dropped. Images of many classes wait on the Sort page: "
    "you name a few, and the rest is suggested."
)
LOOKED = 1000
"""So many entries of a folder are looked at: the window waits for them."""


def has_no_classes(paths: list[str]) -> bool:
    """Whether these are files alone, or one folder without folders in it."""
    if len(paths) == 1 and os.path.isdir(paths[0]):
        try:
            with os.scandir(paths[0]) as entries:
                inside = [e for e in islice(entries, LOOKED) if not e.name.startswith((".", "@"))]
                return bool(inside) and not any(e.is_dir() for e in inside)
        except OSError:
            return False
    return not any(os.path.isdir(path) or is_label_file(path) for path in paths)


class Heap:
    """Asks what such images are while the project has no class yet; after that a folder is one."""

    def __init__(self, window: Window) -> None:
        self.window = window

    def take(self, paths: list[str], add: Callable[[], object]) -> None:
        """Does `add` with what was dropped, unless the person says that it is to be sorted."""
        project = self.window.bridge.project
        if project is None or project.classes or not has_no_classes(paths):
            add()
            return
        folder = os.path.isdir(paths[0])
        one = "All of one class" if folder else "All of one class …"
        name = shown(os.path.basename(os.path.abspath(paths[0])))
        help = f"Learns them as the class {name}" if folder else "Asks for its name, and learns it"
        sort = ("Sort them", "They wait without a class on the Sort page")
        answers = [
            (*sort, lambda: self.sort(paths)),
            (one, help, add if folder else lambda: self.learn(paths)),
        ]
        choose(self.window, ASK, WHY, answers)

    def sort(self, paths: list[str]) -> None:
        copy = bool(self.window.preferences.get("copy_images", False))
        self.window.go("Sort")
        self.window.bridge.submit("add_unsorted", paths=paths, copy=copy)

    def learn(self, paths: list[str]) -> None:
        """Single images have no folder that would name their class."""
        if name := type_name(self.window, ASK, "Name of the class"):
            copy = bool(self.window.preferences.get("copy_images", False))
            self.window.bridge.submit("learn_folder", paths=paths, into=name, copy=copy)
