"""The verbs that tests/bench/kill.py kills: what each begins with, does, and leaves."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from engine.session import Session
from tests.bench.common import do
from tests.bench.killed_states import (
    P,
    State,
    export_state,
    new_state,
    project_state,
    some_moved,
    some_narrowed,
    some_stored,
    some_subnet,
    sort_state,
)
from tests.helpers.killing import copied

SMALL = {"epochs": 1, "settings": {"batch": 8, "augment": "none"}}
CUT = "stage4"
"""A cut of the embedded network; choosing it on a curve takes many times as long."""
BRANCH = {"cut": CUT, "adopt": "always", "settings": {"epochs": 1, "batch": 8, "views": 2}}

LITE, BLOCKS = "efficientnet_lite0", 15
"""A network that can be narrowed, and how many of its blocks."""

Work = Callable[[Path], None]


@dataclass(frozen=True)
class Verb:
    """One verb. `base` makes the folder that it begins with, once; `kills` is its share of all.

    `go_on` does the rest after a kill where that is another verb, and chains of kills make sense;
    `finish` comes after a chain. `batch` says whether a state is a documented one in between.
    """

    name: str
    base: Callable[[], Path]
    work: Work
    kills: int
    state: Callable[[Path], State]
    go_on: Work | None = None
    finish: Work | None = None
    batch: Callable[[State, State, State], bool] | None = None
    renames: bool = False
    sweeps: bool = False
    """Whether looking at it, or the verb itself, removes what a kill left hidden."""


def asked(there: Path, *jobs: tuple[str, dict[str, Any]]) -> None:
    """Opens the project in a folder and does some jobs, as the command line does."""
    with closing(Session()) as session:
        do(session, "open_project", path=str(there / P))
        for name, settings in jobs:
            do(session, name, **settings)


def job(name: str, /, **settings: Any) -> Work:
    return partial(asked_one, name=name, settings=settings)


def asked_one(there: Path, name: str, settings: dict[str, Any]) -> None:
    """`{there}` in a setting stands for the folder that the project lies in."""
    plain = {key: filled(value, there) for key, value in settings.items()}
    asked(there, (name, plain))


def filled(value: Any, there: Path) -> Any:
    if isinstance(value, list):
        return [filled(one, there) for one in value]
    return value.replace("{there}", str(there)) if isinstance(value, str) else value


# What the verbs begin with.


def bases_in(place: Path, photos: Path | None, weights: str, size: int) -> Bases:
    """What verbs begin with; it is made in `place` when it is asked for."""
    return Bases(place, photos or images(place / "photos"), weights, size)


def verbs(bases: Bases) -> list[Verb]:
    return [*of_classes(bases), *of_networks(bases), *of_elastic(bases), *of_files(bases)]


def of_classes(bases: Bases) -> list[Verb]:
    """Learning classes and changing them."""
    (first, second), state = bases.names[:2], project_state
    learn = {"paths": bases.each[:3]}
    add = job("learn_folder", paths=bases.more[:1], into=first)
    begins = {"state": state, "batch": some_stored}
    return [
        Verb("learn", bases.empty, job("learn_folder", **learn), 14, **begins),
        Verb("learn --copy", bases.empty, job("learn_folder", **learn, copy=True), 8, **begins),
        Verb("add to a class", bases.learnt, add, 10, **begins),
        Verb("forget", bases.undone, job("forget", name=first), 18, state),
        Verb("remove class", bases.undone, job("remove_class", name=first), 18, state),
        Verb("merge", bases.learnt, job("merge_classes", name=first, into=second), 10, state),
        Verb("rename", bases.undone, job("rename_class", name=first, to="new"), 6, state),
        Verb("undo", bases.learnt, job("undo"), 8, state),
        Verb("redo", bases.undone, job("redo"), 8, state),
    ]


def of_networks(bases: Bases) -> list[Verb]:
    """Choosing a network, training it, and growing branches."""
    learnt, small, state = bases.learnt, bases.small, project_state
    quick = {**SMALL, "adopt": "always"}
    run = bases.after(learnt, "run", ("tune", {**SMALL, "adopt": "never"}))
    growth = {"paths": bases.more, **BRANCH}
    branched = bases.after(learnt, "branched", ("grow_branch", growth))
    search = {"latency_ms": 1000, "budget": 3, "resolutions": [small], "use": True}
    searched = bases.after(learnt, "searched", ("specialise", {**search, "use": False}))
    tune, on = job("tune", **quick), partial(tuned, quick=quick)
    use = job("use_subnet", architecture=subnet(small))
    return [
        Verb("backbone", learnt, job("use_backbone", name="embedded", size=small), 4, state),
        Verb("new", partial(make_at, bases, "nothing"), bases.make, 14, new_state, sweeps=True),
        Verb("tune and adopt", learnt, tune, 14, state, go_on=on),
        Verb("adopt", run, job("adopt_run", run=1), 10, state),
        Verb("specialise --use", searched, job("specialise", **search), 10, some_subnet),
        Verb("use a subnet", learnt, use, 10, state),
        Verb("branch", learnt, job("grow_branch", **growth), 12, state),
        Verb("remove a branch", branched, job("remove_branch", branch=1), 6, state),
    ]


def of_elastic(bases: Bases) -> list[Verb]:
    """Narrowing a network that comes in one size."""
    small, state = bases.small, project_state
    lite = ("use_backbone", {"name": LITE, "size": small, "learn": True})
    learnt = bases.after(bases.learnt, "narrowable", lite)
    search = {"resolutions": [small], "macs": 5, "budget": 3, "use": True}
    ready = bases.after(learnt, "elastic", ("specialise", {**search, "use": False}))
    half = f"{LITE} {small}: " + " ".join(["50"] * BLOCKS)
    narrowed = bases.after(ready, "narrowed", ("use_subnet", {"architecture": half}))
    return [
        Verb("make elastic", learnt, job("make_elastic"), 4, state),
        Verb("specialise narrowed", learnt, job("specialise", **search), 12, some_narrowed),
        Verb("use a narrowed one", ready, job("use_subnet", architecture=half), 12, state),
        Verb("fold anew", narrowed, job("fold_anew"), 12, state),
    ]


def of_files(bases: Bases) -> list[Verb]:
    """Writing files for elsewhere, and moving images by one of them."""
    return [
        bases.export("onnx", "m.onnx", 6),
        bases.export("openvino", "m.xml", 8),
        bases.export("safetensors", "m.safetensors", 8),
        bases.sort("m.onnx"),
    ]


def images(folder: Path) -> Path:
    """Five classes of drawn images, so many that learning three of them takes two batches."""
    from tests.helpers.image_files import class_folders

    names = ("apple", "banana", "cherry", "damson", "elder")
    return class_folders(folder, dict.fromkeys(names, 24))


Base = Callable[[], Path]


@dataclass(frozen=True)
class Bases:
    """Folders that verbs begin with. Each is made once, by whoever asks for it first."""

    place: Path
    photos: Path
    weights: str
    size: int

    @property
    def small(self) -> int:
        return max(32, self.size // 2)

    @property
    def each(self) -> list[str]:
        """The classes' folders; a project learns the first three of them."""
        return [str(folder) for folder in sorted(self.photos.iterdir()) if folder.is_dir()]

    @property
    def names(self) -> list[str]:
        return [Path(folder).name for folder in self.each]

    @property
    def more(self) -> list[str]:
        """The folders that come later."""
        return self.each[3:5]

    @property
    def empty(self) -> Base:
        return partial(make_at, self, "empty")

    @property
    def learnt(self) -> Base:
        return self.after(self.empty, "learnt", ("learn_folder", {"paths": self.each[:3]}))

    @property
    def undone(self) -> Base:
        """A project in which something can be done again."""
        renamed = ("rename_class", {"name": self.names[0], "to": "other"})
        return self.after(self.learnt, "undone", renamed, ("undo", {}))

    def make(self, there: Path) -> None:
        backbone = "" if self.weights else "embedded"
        with closing(Session()) as session:
            do(
                session,
                "new_project",
                path=str(there / P),
                backbone=backbone,
                weights=self.weights,
                size=self.size,
            )

    def after(self, base: Base, name: str, *jobs: tuple[str, dict[str, Any]]) -> Base:
        """A base after some more jobs."""
        return partial(made_after, base, self.place / "bases" / name, jobs)

    def export(self, format: str, file: str, kills: int) -> Verb:
        """An export that replaces one of a model with a class more."""
        settings = {"path": "{there}/" + file, "format": format, "overwrite": True}
        fewer = ("forget", {"name": self.names[0]})
        folder = self.after(self.learnt, format, ("export", settings), fewer)
        state = partial(export_state, file=file)
        return Verb(
            f"export {format}", folder, job("export", **settings), kills, state, renames=True
        )

    def sort(self, file: str) -> Verb:
        """Images of all classes in one folder, moved into folders by an exported file."""
        exported = self.after(self.learnt, "exported", ("export", {"path": "{there}/" + file}))
        folder = partial(with_pictures, exported, self)
        return Verb(
            "sort --move", folder, partial(sorted_by, file=file), 10, sort_state, batch=some_moved
        )


def make_at(bases: Bases, name: str) -> Path:
    """A folder with nothing in it, or with an empty project."""
    folder = bases.place / "bases" / name
    if not folder.exists():
        folder.mkdir(parents=True)
        if name == "empty":
            bases.make(folder)
    return folder


def made_after(base: Base, folder: Path, jobs: Collection[tuple[str, dict[str, Any]]]) -> Path:
    if not folder.exists():
        copied(base(), folder)
        for name, settings in jobs:
            asked_one(folder, name, settings)
    return folder


def with_pictures(base: Base, bases: Bases) -> Path:
    folder = bases.place / "bases" / "sort"
    if not folder.exists():
        copied(base(), folder)
        (folder / "from").mkdir()
        (folder / "to").mkdir()
        for number, path in enumerate(sorted(bases.photos.glob("*/*.jpg"))):
            shutil.copy2(path, folder / "from" / f"{number}-{path.parent.name}.jpg")
    return folder


def subnet(size: int) -> str:
    from engine.models.supernet.architecture import smallest

    return str(smallest(size))


def tuned(there: Path, quick: dict[str, Any]) -> None:
    """Goes on with the run that was killed, or starts one where none was begun."""
    with closing(Session()) as session:
        do(session, "open_project", path=str(there / P))
        runs = do(session, "list_runs")["runs"]
        unfinished = [run for run in runs if run["state"] in ("running", "paused")]
        do(
            session,
            *(["resume_run"] if unfinished else ["tune"]),
            **({"adopt": "always"} if unfinished else quick),
        )


def sorted_by(there: Path, file: str) -> None:
    with closing(Session()) as session:
        do(
            session,
            "sort_images",
            paths=[str(there / "from")],
            to=str(there / "to"),
            model=str(there / file),
            move=True,
        )
