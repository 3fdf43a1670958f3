"""What tests/bench/kill.py finds after a kill: the states of projects and files."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path
from typing import Any

from engine.session import Session
from engine.storage.project import Project
from tests.bench.common import do

P = "p.espalier"

State = dict[str, Any]


def project_state(there: Path) -> State:
    """What a person would call the project's state, without numbers and times; opened for it."""
    with closing(Session()) as session:
        return state_in(session.open(there / P))


def state_in(project: Project) -> State:
    """The same of a project that is open."""
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


def some_narrowed(there: Path) -> State:
    """As far as a search of narrowed networks always ends alike: how wide each block is follows
    from timings, and one that was killed before they were kept times anew."""
    state = some_subnet(there)
    name, settings, title, classes = state["model"]
    model = name, settings, without_width(title or ""), classes
    return {**state, "model": model, "undo": [without_width(title) for title in state["undo"]]}


def without_width(title: str) -> str:
    return re.sub(r"\d+ % wide", "narrower", title)


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
