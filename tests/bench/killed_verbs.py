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
from tests.helpers.killing import copied

P = "p.espalier"
SMALL = {"epochs": 1, "settings": {"batch": 8, "augment": "none"}}
CUT = "stage4"
"""A cut of the embedded network; choosing it on a curve takes many times as long."""
BRANCH = {"cut": CUT, "adopt": "always", "settings": {"epochs": 1, "batch": 8, "views": 2}}

LITE, BLOCKS = "efficientnet_lite0", 15
"""A network that can be narrowed, and how many of its blocks."""

State = dict[str, Any]
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


# States.


def project_state(there: Path) -> State:
    """What a person would call the project's state, without numbers and times; opened for it."""
    with closing(Session()) as session:
        project = session.open(there / P)
        names = {row["id"]: row["name"] for row in project.db["class"].rows}
        facts = project.facts
        step = {}
        if facts["step"] is not None:
            step = dict(project.db["step"].get(facts["step"]))
        assert not list(project.db["run"].rows_where("state = 'running'"))
        assert project.db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert project.db.execute("PRAGMA foreign_key_check").fetchone() is None
        blobs = [row["pack"] for row in project.db.query("SELECT DISTINCT pack FROM image")]
        blobs += [step[name] for name in ("memory", "predictions") if step.get(name)]
        blobs += [facts["weights"]] if facts["weights"] else []
        assert all(blob in project.blobs for blob in blobs)
        return {
            "images": sorted(
                (names[row["class_id"]], row["sha256"], row["split"], row["copied"])
                for row in project.db["image"].rows
            ),
            "classes": sorted((row["name"], row["set_aside"]) for row in project.db["class"].rows),
            "network": (facts["backbone"], facts["weights"], facts["size"], facts["features"]),
            "model": (
                facts["learner"],
                facts["settings"],
                step.get("title"),
                step.get("memory"),
                step.get("classes"),
                step.get("backbone"),
            ),
            "undo": [g["title"] for g in project.gestures(undone=False)],
            "redo": [g["title"] for g in project.gestures(undone=True)],
        }


def some_subnet(there: Path) -> State:
    """As far as a search always ends alike: among equally accurate subnets that are timed for real,
    the fastest is another one each time."""
    state = project_state(there)
    name, settings, title, _, classes, _ = state["model"]
    return {**state, "network": state["network"][0], "model": (name, settings, title, classes)}


def new_state(there: Path) -> State:
    """A project that is there as a whole, or nothing at all under its name."""
    return project_state(there) if (there / P).exists() else {"name": "free"}


def export_state(there: Path, file: str) -> State:
    """Which classes an exported file names, and that it belongs to all that lies beside it."""
    import json

    from engine.export.readers import open_exported
    from engine.system.replacing import digest_of

    found = open_exported(there / file)
    stem = Path(file).stem
    receipt = json.loads((there / f"{stem}.receipt.json").read_text())
    assert receipt["sha256"][file] == digest_of(there / file), "the receipt is another file's"
    assert stem in (there / f"{stem}.md").read_text()
    return {"classes": found.class_names}


def sort_state(there: Path) -> State:
    """All images, wherever they lie now, by their bytes; none may be lost or doubled."""
    from hashlib import sha256

    return {
        part: sorted(
            sha256(path.read_bytes()).hexdigest() for path in (there / part).rglob("*.jpg")
        )
        for part in ("from", "to")
    }


def answers_of(there: Path) -> dict[tuple[int, str], float]:
    """What the project says of all its held-out images: a probability for each and each class."""
    with closing(Session()) as session:
        do(session, "open_project", path=str(there / P))
        rows = do(session, "images", split="validation", limit=10**6)["rows"]
        found = do(session, "predict_images", paths=[row["file"] for row in rows])["pictures"]
    return {
        (place, name): probability
        for place, row in enumerate(rows)
        for name, probability in found[row["file"]]["classes"].items()
    }


def some_moved(state: State, old: State, new: State) -> bool:
    """Each image is in one place or, where the kill fell between, in both."""
    return set(state["from"]) | set(state["to"]) == set(old["from"])


def some_stored(state: State, old: State, new: State) -> bool:
    """Images of some batches are there, and the model is as before."""
    between = set(old["images"]) <= set(state["images"]) <= set(new["images"])
    return between and (state["model"], state["network"]) == (old["model"], old["network"])


# What the verbs begin with.


def verbs(place: Path, photos: Path | None, weights: str, size: int) -> list[Verb]:
    """All verbs; what they begin with is made in `place` when it is asked for."""
    bases = Bases(place, photos or images(place / "photos"), weights, size)
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
    return [
        Verb("make elastic", learnt, job("make_elastic"), 4, state),
        Verb("specialise narrowed", learnt, job("specialise", **search), 12, some_subnet),
        Verb("use a narrowed one", ready, job("use_subnet", architecture=half), 12, state),
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
