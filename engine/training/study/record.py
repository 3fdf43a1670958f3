"""The last study of a project as it stands: found again by a window that was closed, or killed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.errors import Refused
from engine.events import checked
from engine.results.compare import LastStudy, Study
from engine.storage import catalogue, study
from engine.storage.project import Project
from engine.training.study.plan import MADE, StudyPlan

LAST, HELD_OUT = "last", "last held out"
"""The keys of what is kept; those of rows are digests."""
NOTHING: LastStudy = {"asked": None, "study": None, "done": False, "changed": ""}


def begin(plan: StudyPlan, found: Study) -> None:
    """Notes what is asked for, the rows that are there, and by which images all are judged."""
    held_out = {"hashes": list(plan.hashes), "truth": plan.truth.tolist()}
    study.keep_row(plan.project, HELD_OUT, held_out)
    write(plan, found if found["rows"] else None, False)


def keep(plan: StudyPlan, found: Study, done: bool) -> None:
    """Notes how far it is."""
    write(plan, found, done)


def write(plan: StudyPlan, found: Study | None, done: bool) -> None:
    project = plan.project
    facts = {
        "made": MADE,
        "asked": dict(plan.asked),
        "study": found,
        "done": done,
        "rows": {cell.strategy.name: cell.key for cell in plan.rows()},
        "network": network_of(project),
        "images": images_of(project),
    }
    study.keep_row(project, LAST, facts)


def forget(project: Project) -> None:
    study.drop_row(project, LAST)
    study.drop_row(project, HELD_OUT)


def network_of(project: Project) -> list[Any]:
    facts = project.facts
    return [facts["backbone"], facts["weights"], facts["size"], facts["features"]]


def images_of(project: Project) -> str:
    """Names the images, their classes and their sides."""
    split = catalogue.to_learn(project)
    facts = [sorted(split.train.items()), sorted(split.validation.items())]
    return hashlib.sha256(json.dumps(facts, default=list).encode()).hexdigest()


def last(project: Project) -> LastStudy:
    """The last study; nothing where there is none, or one of another version."""
    found = study.kept_row(project, LAST)
    if found is None or found.get("made") != MADE:
        return NOTHING
    changed = "network" if found["network"] != network_of(project) else ""
    changed = "images" if found["images"] != images_of(project) else changed
    told = {name: found[name] for name in ("asked", "study", "done")}
    try:
        return checked(LastStudy, {**told, "changed": changed}, "the last study")
    except TypeError:  # damaged
        return NOTHING


@dataclass(frozen=True)
class RowAnswers:
    """What a row answers: class numbers (images,)."""

    title: str
    answers: np.ndarray


def held_out(project: Project) -> tuple[list[str], np.ndarray]:
    """The images by which the last study is judged, and their class numbers (images,)."""
    found = study.kept_row(project, HELD_OUT)
    if found is None:
        raise Refused("There is no study yet. Start one on Compare.")
    return list(found["hashes"]), np.array(found["truth"], np.int64)


def answers(project: Project, name: str) -> RowAnswers:
    """What a row of the last study answers. Raises Refused where there is no such row."""
    found = study.kept_row(project, LAST) or {}
    rows = (found.get("study") or {}).get("rows", ())
    row = next((row for row in rows if row["name"] == name), None)
    kept = study.kept_row(project, found["rows"][name]) if row else None
    if row is None or kept is None:
        raise Refused(f"The last study has no row “{name}”. Start one with it.")
    return RowAnswers(row["title"], np.array(kept["answers"], np.int64))
