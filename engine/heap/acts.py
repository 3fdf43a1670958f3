"""What a person does to the heap: names images, accepts what is suggested for all that is sure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.errors import Refused
from engine.events import Work
from engine.heap import forecast, making
from engine.heap.state import HeapState
from engine.heap.suggestions import sureness
from engine.images.folders import class_name
from engine.learning import step
from engine.learning.material import choice
from engine.results.heap import Accepted, ImagesNamed
from engine.results.scores import StepScores
from engine.session import Session
from engine.storage import catalogue, kept_images, steps, unsorted
from engine.storage.project import Project
from engine.storage.unsorted import ACCEPTED, BULK, Naming

TITLE = "Learn what was sorted"


def named(text: str) -> str:
    """A class's name as it is kept. Raises Refused where it is none."""
    if not text.strip():
        raise Refused("A class needs a name. Type one.")
    return class_name(text.strip())


@dataclass(frozen=True)
class Act:
    """Images that got a class: their ids, its number, and the side of the split by hash."""

    images: Sequence[int]
    class_id: int
    new: bool
    sides: Mapping[str, str]

    def on(self, side: str) -> dict[str, int]:
        return {sha256: self.class_id for sha256, found in self.sides.items() if found == side}

    def result(self, to: str) -> ImagesNamed:
        return {
            "images": len(self.sides),
            "class": to,
            "new_class": self.new,
            "held_out": len(self.on("validation")),
            "suggestions": None,
            "step": None,
        }


def name(
    state: HeapState, gesture: int, images: Sequence[int], to: str, how: str, shown: bool = True
) -> Act:
    """Moves images into a class, as a part of a gesture; what was suggested then is noted, if it
    was `shown`."""
    namings = [
        Naming(number, how, *(suggested(state, number) if shown else (None, None)))
        for number in dict.fromkeys(images)
    ]
    return put(state, gesture, namings, to)


def put(state: HeapState, gesture: int, namings: Sequence[Naming], to: str) -> Act:
    new = to not in catalogue.class_names(state.project).values()
    class_id, sides = unsorted.put_in_class(state.project, gesture, namings, to)
    return Act([naming.image for naming in namings], class_id, new, sides)


def as_shown(project: Project, shown: Mapping[int, tuple[str, float]]) -> dict[str, list[Naming]]:
    """Namings by class, from the class and the probability that a person saw for each image.

    Those that wait no longer are left out, and those that were drawn, for which nothing is
    suggested.
    """
    numbers = {name: number for number, name in catalogue.class_names(project).items()}
    found: dict[str, list[Naming]] = defaultdict(list)
    for row in unsorted.by_id(project, list(shown)):
        if not row["aside"] and not row["drawn"]:
            to, share = shown[row["id"]]
            found[to].append(Naming(row["id"], ACCEPTED, numbers.get(to), share))
    return found


def suggested(state: HeapState, image: int) -> tuple[int | None, float | None]:
    """The likeliest class of an image and its probability, while there are two to choose from.

    For one that is asked about at random nothing is suggested.
    """
    place = state.place.get(image)
    if place is None or len(state.classes) < 2 or state.drawn[place]:
        return None, None
    best = int(state.told[place].argmax())
    return state.classes[best], float(state.told[place, best])


def take_up(session: Session, state: HeapState, *some: Act) -> Work[HeapState]:
    """The state after acts: in one step, where only their images have changed."""
    known = all(act.new or act.class_id in state.classes for act in some)
    images = [number for act in some for number in act.images]
    if known and all(number in state.place for number in images):
        learnt, held = (
            {sha256: number for act in some for sha256, number in act.on(side).items()}
            for side in ("train", "validation")
        )
        state.act(images, learnt, held)
        return state
    # A class that was forgotten is wanted again, with all that it had; or an image was set aside.
    return (yield from making.state_of(session))


def sure(state: HeapState, least: float) -> tuple[Accepted, dict[int, list[Naming]]]:
    """What would be accepted above a probability: in short, and by class number."""
    waiting, found = state.open, sureness(state)
    namings: dict[int, list[Naming]] = defaultdict(list)
    chosen = np.flatnonzero(found >= least) if len(state.classes) > 1 else np.zeros(0, np.int64)
    for some in chosen:
        place = waiting[some]
        best, share = suggested(state, int(state.ids[place]))
        assert best is not None
        namings[best].append(Naming(int(state.ids[place]), BULK, best, share))
    names = catalogue.class_names(state.project)
    result: Accepted = {
        "images": len(chosen),
        "mistakes": forecast.mistakes(found[chosen], unsorted.record(state.project).off),
        "classes": {names[number]: len(some) for number, some in sorted(namings.items())},
        "done": False,
        "suggestions": None,
        "step": None,
    }
    return result, namings


def accept(state: HeapState, gesture: int, namings: Mapping[int, Sequence[Naming]]) -> None:
    names = catalogue.class_names(state.project)
    for number, some in namings.items():
        unsorted.put_in_class(state.project, gesture, some, names[number])


# What was learnt, kept in the project.


def judged_by_others(project: Project, row: Mapping[str, Any]) -> bool:
    """Whether a step was judged on other held-out images than its classes have now."""
    kept, known = steps.predictions(project, row), {c["id"] for c in row["classes"]}
    judged = dict(zip(kept["images"].tolist(), kept["truth"].tolist(), strict=True)) if kept else {}
    return judged != {
        image["id"]: image["class_id"]
        for image in kept_images.learnable(project)
        if image["split"] == "validation" and image["class_id"] in known
    }


def out_of_line(project: Project) -> bool:
    """Whether the step in use learnt other images than there are, or was judged by others."""
    row = steps.current(project)
    now = {n: p for n, p in catalogue.fingerprints(project).items() if p}
    if row is None:
        return bool(now)
    return {c["id"]: c["fingerprint"] for c in row["classes"]} != now or judged_by_others(
        project, row
    )


def learn(session: Session, gesture: int, title: str) -> Work[StepScores]:
    """Brings the step in use in line with the classes, as a part of a gesture."""
    return (yield from step.learn(session, gesture, *choice(session.require()), title))


def learn_with_last(session: Session) -> Work[StepScores]:
    """The same as a part of the last gesture, so that one undo takes both back."""
    project = session.require()
    done = project.gestures(undone=False, most=1)
    if done:
        return (yield from learn(session, done[-1]["id"], TITLE))
    with project.gesture(TITLE) as gesture:
        return (yield from learn(session, gesture, TITLE))
