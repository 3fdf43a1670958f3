"""Jobs of the Learn page: learn, forget, go back, and read the scores."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from engine.errors import Refused
from engine.events import Progress, Step, Work
from engine.jobs import job
from engine.jobs.project import DEFAULT_LEARNER
from engine.learners import LEARNERS
from engine.learning import material, scoring, step, subnet
from engine.learning.importing import bring_in, look_for
from engine.results.learn import (
    AnsweredImage,
    AnsweredImages,
    FolderLearnt,
    Forgotten,
    FullScores,
    Learners,
    Learnt,
    StepUsed,
)
from engine.session import Session
from engine.storage import catalogue, steps
from engine.storage.project import Project
from engine.system.words import listed


@job("Learn images")
def learn_folder(
    session: Session,
    *,
    paths: Sequence[str],
    into: str = "",
    copy: bool = False,
    learner: str = "",
    settings: Mapping[str, Any] | None = None,
) -> Work[FolderLearnt]:
    """The main gesture: checks images, stores them as classes, and learns them, in one pass."""
    found = look_for(paths, into)
    project = session.require()
    name, chosen = material.choice(project, learner, settings)
    # With a supernet, features must wait until a subnet was taken out of it.
    views = 0 if subnet.is_mixture(project) else LEARNERS.make(name, chosen).views
    title = f"Learn {listed(list(found.classes))}"
    with project.gesture(title) as gesture:

        def glimpse(done: int, total: int) -> Iterator[Step]:
            fresh = LEARNERS.make(name, chosen)
            return step.provisional_accuracy(project, session.extractor(), fresh, done, total)

        added = yield from bring_in(
            session, gesture, found, copy, views, glimpse if views else None
        )
        clock = time.perf_counter()
        result = yield from step.learn(session, gesture, name, chosen, title)
        learnt = {"learn": time.perf_counter() - clock}
    yield session.changed("learnt")
    return {**added.result(), **result, "seconds": {**added.seconds, **learnt}}


@job("Learn")
def learn(
    session: Session, *, learner: str = "", settings: Mapping[str, Any] | None = None
) -> Work[Learnt]:
    """Learns whatever is not learnt yet, from images that the project has."""
    project = session.require()
    name, chosen = material.choice(project, learner, settings)
    with project.gesture("Learn", all_or_nothing=True) as gesture:
        with project.transaction(gesture) as db:
            db.execute("UPDATE class SET set_aside = 0 WHERE set_aside")
        clock = time.perf_counter()
        result = yield from step.learn(session, gesture, name, chosen, "Learn")
    yield session.changed("learnt")
    counts = {view.name: view.images for view in session.view().classes if view.known}
    return {"classes": counts, **result, "seconds": {"learn": time.perf_counter() - clock}}


@job("Forget a class")
def forget(session: Session, *, name: str) -> Work[Forgotten]:
    """Unlearns a class exactly, as if it had never been learnt; its images are kept."""
    project = session.require()
    number = catalogue.class_named(project, name)["id"]
    row = steps.current(project)
    if row is None or number not in {c["id"] for c in row["classes"]}:
        raise Refused(f"“{name}” is not learnt, so there is nothing to forget.")
    with project.gesture(f"Forget {name}", all_or_nothing=True) as gesture:
        with project.transaction(gesture) as db:
            db.table("class").update(number, {"set_aside": 1})
        result = yield from step.follow_up(session, gesture, f"Forget {name}")
    yield session.changed("learnt")
    return {"name": name, **result} if result else {"name": name}


@job("Return to an earlier step")
def return_to_step(session: Session, *, step: int) -> Work[StepUsed]:
    """Uses the model of an earlier step (its id) again; the later ones are kept."""
    project = session.require()
    rows = [row for row in steps.all_rows(project) if row["id"] == step]
    if not rows:
        raise Refused("There is no such step. The list under Learn shows those that are kept.")
    if rows[0]["backbone"] != scoring.network_of(session.backbone()):
        raise Refused(
            "That step was learnt with another network than the one in use, so it would answer "
            "wrongly. Undo the changes since then, or learn again."
        )
    facts = {"step": step, "learner": rows[0]["learner"], "settings": rows[0]["settings"]}
    title = f"Return to “{rows[0]['title']}”"
    with project.gesture(title) as gesture, project.transaction(gesture):
        project.set_facts(**facts)
    yield session.changed("learnt")
    return {"step": step}


@job("Read the scores", reads=True)
def scores(session: Session, *, step: int = 0) -> Work[FullScores]:
    """All scores of a step on validation images, its confusion matrix included."""
    yield Progress(0, None, "Reading")
    project = session.require()
    row = steps.row_of(project, step) if step else steps.current(project)
    if row is None:
        raise Refused("Nothing was learnt yet. Learn folders of images first.")
    return scoring.in_full(project, row)


@job("Look at answers", reads=True)
def confusion_images(
    session: Session, *, true: str, predicted: str, limit: int = 200
) -> Work[AnsweredImages]:
    """The validation images of class `true` that the model takes for `predicted`."""
    yield Progress(0, None, "Reading")
    project = session.require()
    wanted = (
        catalogue.class_named(project, true)["id"],
        catalogue.class_named(project, predicted)["id"],
    )
    return answers(
        project,
        lambda a: np.flatnonzero((a["truth"] == wanted[0]) & (a["answer"] == wanted[1])),
        limit,
    )


@job("Look at uncertain images", reads=True)
def uncertain_images(
    session: Session, *, limit: int = 60, wrong: bool = False
) -> Work[AnsweredImages]:
    """The validation images with the least certain answers first, or only the wrong ones."""
    yield Progress(0, None, "Reading")

    def chosen(a: Mapping[str, np.ndarray]) -> np.ndarray:
        order = np.argsort(a["confidence"], kind="stable")
        if not wrong:
            return order
        worst = order[::-1]  # The most certain mistakes teach most about the images.
        return worst[(a["truth"] != a["answer"])[worst]]

    return answers(session.require(), chosen, limit)


def answers(project: Project, choose: Any, limit: int) -> AnsweredImages:
    """Rows of validation images with the model's answer, confidence and the truth."""
    row = steps.current(project)
    kept = steps.predictions(project, row) if row else None
    if kept is None:
        return {"total": 0, "rows": []}
    names = catalogue.class_names(project)
    order = choose(kept)
    places = {int(kept["images"][i]): int(i) for i in order[:limit]}
    rows: list[AnsweredImage] = [
        {
            **catalogue.view_of(project, image),
            "predicted": names.get(int(kept["answer"][i]), "?"),
            "confidence": float(kept["confidence"][i]),
        }
        for image in catalogue.images_by_id(project, list(places))
        for i in [places[image["id"]]]
    ]
    return {"total": len(order), "rows": rows}


@job("List the learners", reads=True)
def learners(session: Session) -> Work[Learners]:
    """Every learner with its settings, from which forms are made, and which is recommended."""
    yield Progress(0, None, "Reading")
    found = LEARNERS.describe()
    return {
        "learners": tuple(
            replace(view, facts={"recommended": view.name == DEFAULT_LEARNER}) for view in found
        )
    }
