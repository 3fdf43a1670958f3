"""A person who does anything in any order, beside a model of sets: what hypothesis draws.

The model knows in which class each image lies and which wait for one. Of all else it knows that
undo brings back every row as it was before a gesture, redo as it was after, and that what was
refused, or found nothing to do, has changed no row.
"""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from engine.session import Session
from tests.helpers import image_files, projects
from tests.helpers.project_rows import everything

NAMES, IMAGES, SIZE = ("ant", "bee", "cat", "dog"), 8, 32
names, images = st.sampled_from(NAMES), st.sets(st.integers(0, IMAGES - 1), min_size=1, max_size=4)


@cache
def begun() -> Path:
    """A folder with drawn images and a closed project that has none."""
    place = Path(tempfile.mkdtemp(prefix="any-order-", dir=projects.place()))
    for number in range(IMAGES):
        image_files.image(place / f"{number}.jpg", number)
    weights = image_files.weights(place / "net.safetensors")
    session = Session()
    settings = {"path": str(place / "p"), "weights": str(weights), "size": SIZE}
    projects.done(session, "new_project", **settings)
    session.close()
    return place


class AnyOrder(RuleBasedStateMachine):
    """Each rule is a gesture, done by the job that the window and the command line ask for."""

    def __init__(self) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp(prefix="any-", dir=projects.place()))
        shutil.copytree(begun() / "p.espalier", self.place / "p.espalier")
        self.session = Session()
        self.open()
        self.classes: dict[str, set[int]] = {}
        self.heap: set[int] = set()
        self.done: list[tuple[Any, Any]] = []
        """Of each gesture that can be undone, the model and the rows before it."""
        self.undone: list[tuple[Any, Any]] = []
        """Of each that can be done again, the same after it."""

    def teardown(self) -> None:
        self.session.close()
        shutil.rmtree(self.place)

    def open(self) -> None:
        projects.done(self.session, "open_project", path=str(self.place / "p.espalier"))

    # What is there.

    @property
    def rows(self) -> Any:
        return everything(self.session.require())

    @property
    def model(self) -> Any:
        return {name: set(some) for name, some in self.classes.items()}, set(self.heap)

    def ids(self, table: str, some: set[int], name: str = "") -> list[int]:
        """The ids of images that lie in a class, or in the heap."""
        db = self.session.require().db
        (number,) = [row["id"] for row in db["class"].rows if row["name"] == name] or [0]
        return [
            row["id"]
            for row in db[table].rows
            if number_of(row) in some and row.get("class_id", 0) == number
        ]

    def does(self, name: str, /, **settings: Any) -> bool:
        """Whether a gesture was done; what was not has changed nothing."""
        before, model, project = self.rows, self.model, self.session.require()
        last = max((g["id"] for g in project.gestures(undone=False)), default=0)
        ended = projects.ended(self.session, name, **settings)
        assert ended.how in ("done", "refused"), ended.text
        now = max((g["id"] for g in project.gestures(undone=False)), default=0)
        if now == last:
            assert self.rows == before, ended.text
            return False
        assert ended.how == "done", ended.text
        self.done.append((model, before))
        self.undone.clear()
        return True

    # Gestures.

    @rule(some=images, to=names)
    def add(self, some: set[int], to: str) -> None:
        paths = [str(begun() / f"{number}.jpg") for number in sorted(some)]
        if self.does("add_images", paths=paths, into=to):
            self.classes[to] = self.classes.get(to, set()) | some
            self.heap -= some

    @rule(some=images)
    def wait(self, some: set[int]) -> None:
        paths = [str(begun() / f"{number}.jpg") for number in sorted(some)]
        if self.does("add_unsorted", paths=paths):
            self.heap |= some - set().union(*self.classes.values())

    @precondition(lambda self: self.heap)
    @rule(some=images, to=names)
    def sort(self, some: set[int], to: str) -> None:
        named = some & self.heap
        if named and self.does("label_images", images=self.ids("unsorted", named), to=to):
            self.classes[to] = self.classes.get(to, set()) | named
            self.heap -= named

    @rule(some=images, name=names, to=names)
    def move(self, some: set[int], name: str, to: str) -> None:
        moved = some & self.classes.get(name, set())
        if not moved or name == to:
            return
        if self.does("move_images", images=self.ids("image", moved, name), to=to):
            self.classes[name] -= moved
            self.classes[to] = self.classes.get(to, set()) | moved

    @rule(some=images, name=names)
    def remove(self, some: set[int], name: str) -> None:
        gone = some & self.classes.get(name, set())
        if gone and self.does("remove_images", images=self.ids("image", gone, name)):
            self.classes[name] -= gone

    @rule(name=names, to=names)
    def rename(self, name: str, to: str) -> None:
        if self.does("rename_class", name=name, to=to):
            self.classes[to] = self.classes.pop(name)

    @rule(name=names, to=names)
    def merge(self, name: str, to: str) -> None:
        if self.does("merge_classes", name=name, into=to):
            self.classes[to] |= self.classes.pop(name)

    @rule(name=names)
    def remove_class(self, name: str) -> None:
        if self.does("remove_class", name=name):
            del self.classes[name]

    @rule()
    def learn(self) -> None:
        self.does("learn")

    @rule(name=names)
    def forget(self, name: str) -> None:
        self.does("forget", name=name)

    @precondition(lambda self: self.done)
    @rule()
    def undo(self) -> None:
        after = self.model, self.rows
        projects.done(self.session, "undo")
        (self.classes, self.heap), before = self.done.pop()
        assert self.rows == before
        self.undone.append(after)

    @precondition(lambda self: self.undone)
    @rule()
    def redo(self) -> None:
        before = self.model, self.rows
        projects.done(self.session, "redo")
        (self.classes, self.heap), after = self.undone.pop()
        assert self.rows == after
        self.done.append(before)

    @rule()
    def reopen(self) -> None:
        before = self.rows
        self.session.close()
        self.session = Session()
        self.open()
        assert self.rows == before

    @invariant()
    def images_lie_where_they_were_put(self) -> None:
        db = self.session.require().db
        known = {row["id"]: row["name"] for row in db["class"].rows}
        found: dict[str, set[int]] = {name: set() for name in known.values()}
        for row in db["image"].rows:
            found[known[row["class_id"]]].add(number_of(row))
        assert found == self.classes
        assert {number_of(row) for row in db["unsorted"].rows} == self.heap


def number_of(row: dict[str, Any]) -> int:
    return int(Path(row["path"]).stem)
