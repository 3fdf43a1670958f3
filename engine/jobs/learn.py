"""Jobs of the Learn page: learn, forget, go back, and read the scores."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import Refused
from engine.events import Progress, Step, Work
from engine.images.folders import FoundImages
from engine.jobs import job
from engine.jobs.project import DEFAULT_LEARNER
from engine.learners import LEARNERS
from engine.learning import cut_bursts, material, own_answers, scoring, step, stream, subnet
from engine.learning.importing import bring_in
from engine.live.film import images_in
from engine.results.learn import (
    AnsweredImages,
    BurstEffect,
    FolderLearnt,
    Forgotten,
    FullScores,
    Learners,
    Learnt,
    StepUsed,
)
from engine.session import Session
from engine.storage import catalogue, steps
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
    nested: bool = False,
) -> Work[FolderLearnt]:
    """The main gesture: checks images, stores them as classes, and learns them, in one pass.

    Where folders are `nested`, the deepest are the classes, within groups named after those above.
    Of a film, which goes `into` a class or lies in its folder, those frames are learnt that differ.
    """
    with tempfile.TemporaryDirectory(prefix="espalier-") as folder:
        found = yield from images_in(paths, into, nested, Path(folder))
        return (yield from learn_found(session, found, copy, learner, settings))


def learn_found(
    session: Session,
    found: FoundImages,
    copy: bool,
    learner: str,
    settings: Mapping[str, Any] | None,
    gap: float | None = None,
    held: bool = False,
) -> Work[FolderLearnt]:
    """One gesture: the images found are checked, stored as classes and learnt. `gap` are the
    seconds that end a burst; those that are usual where nothing is said. With `held` the first of
    the images is asked before, by what was learnt until then, and the answer noted."""
    project = session.require()
    name, chosen = material.choice(project, learner, settings)
    # With a supernet, features must wait until a subnet was taken out of it.
    views = 0 if subnet.is_mixture(project) else LEARNERS.make(name, chosen).views
    title = f"Learn {listed(list(found.classes))}"
    with project.gesture(title) as gesture:

        def glimpse(done: int, total: int) -> Iterator[Step]:
            fresh = LEARNERS.make(name, chosen).quick()
            return step.provisional_accuracy(project, session.extractor(), fresh, done, total)

        last = stream.newest(project)
        added = yield from bring_in(
            session, gesture, found, copy, views, glimpse if views else None, gap=gap
        )
        if held:
            stream.ask_first(session, gesture, last)
        clock = time.perf_counter()
        result = yield from step.learn(session, gesture, name, chosen, title)
        learnt = {"learn": time.perf_counter() - clock}
    yield session.changed("learnt")
    seconds = {**added.seconds, **learnt}
    return {**added.result(), **result, "seconds": seconds, **session.helped()}


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
    seconds = {"learn": time.perf_counter() - clock}
    return {"classes": counts, **result, "seconds": seconds, **session.helped()}


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


@job("Look at what bursts change", reads=True)
def burst_effect(session: Session) -> Work[BurstEffect]:
    """How much better the score would look if the split cut bursts, which it never does."""
    yield Progress(0, None, "Reading")
    project = session.require()
    row = steps.current(project)
    if row is None:
        return {}
    key = ("burst effect", str(project.path), row["id"], row["memory"])
    return session.keep(key, lambda: cut_bursts.effect(session, project, row))


@job("Look at answers", reads=True)
def confusion_images(
    session: Session, *, true: str, predicted: str, limit: int = 200
) -> Work[AnsweredImages]:
    """The images held out of class `true` that the model takes for `predicted`."""
    yield Progress(0, None, "Reading")
    project = session.require()
    wanted = [catalogue.class_named(project, name)["id"] for name in (true, predicted)]
    found = yield from own_answers.judged(session)
    if found is None or not set(wanted) <= set(found.answers.classes):
        return {"total": 0, "rows": [], "both_sides": False}
    row, column = (found.answers.classes.index(number) for number in wanted)
    cell = np.flatnonzero(found.held_out & (found.truth == row) & (found.best == column))
    rows = own_answers.shown(project, found, cell[:limit].tolist())
    return {"total": len(cell), "rows": rows, "both_sides": False}


@job("Look at uncertain images", reads=True)
def uncertain_images(
    session: Session, *, limit: int = 60, wrong: bool = False, also: Sequence[int] = ()
) -> Work[AnsweredImages]:
    """The images with the least certain answers first, or the wrong ones, worst first.

    Those of both sides: what was learnt is judged as if it had not been. An image that a person
    keeps in its class is not asked about again. Images of `also` (ids) come with them.
    """
    yield Progress(0, None, "Reading")
    project = session.require()
    found = yield from own_answers.judged(session)
    if found is None:
        return {"total": 0, "rows": [], "both_sides": True}
    order = np.argsort(-found.doubt if wrong else found.confidence, kind="stable")
    order = order[~found.kept[order]]
    if wrong:
        order = order[found.wrong[order]]
    places = dict.fromkeys([*order[:limit], *np.flatnonzero(np.isin(found.ids, also))])
    rows = own_answers.shown(project, found, [int(place) for place in places])
    return {"total": len(order), "rows": rows, "both_sides": found.answers.both_sides}


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
