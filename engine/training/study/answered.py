"""What can be put side by side, and what each answers: the rows of a study, the model in use, those
of earlier steps, and the networks of runs of tuning.

Rows and steps keep what they answered. A run's network is asked when it is wanted, as the project
would use it: with the project's learner on its features.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.errors import Refused
from engine.events import Event
from engine.learners import LEARNERS
from engine.learning import material
from engine.learning.material import LearningData
from engine.models.backbones import tuned_backbone
from engine.results.compare import SideChoice
from engine.session import Session
from engine.storage import catalogue, runs, steps
from engine.storage.project import Project
from engine.training.study import record
from engine.training.study.rows import features_of

IN_USE, STEP, RUN = "in_use", "step_", "run_"
MODEL = "The model in use"
ROWS, RUNS, STEPS = "Rows of the study", "Runs of Tune", "Earlier steps of learning"
GONE = "There is no “{}” to put beside another. Choose of: {}."

Pair = tuple[str, int]
"""A held-out image by its hash, and the number of its class."""


@dataclass(frozen=True)
class Answered:
    """What a model answers: class numbers by image."""

    title: str
    answers: Mapping[Pair, int]


def choices(project: Project) -> list[SideChoice]:
    """All that can be put side by side now."""
    found: list[SideChoice] = []

    def add(name: str, title: str, group: str) -> None:
        found.append({"name": name, "title": title, "group": group})

    numbered = list(enumerate(steps.all_rows(project), 1))
    used = project.facts["step"]
    if any(row["id"] == used and row["predictions"] for _, row in numbered):
        add(IN_USE, MODEL, "")
    for row in (record.last(project)["study"] or {"rows": []})["rows"]:
        add(row["name"], row["title"], ROWS)
    for run in runs.all_runs(project):
        if run.weights and not run.unfinished:
            add(f"{RUN}{run.id}", f"Run {run.id}: {run.title}", RUNS)
    for number, row in reversed(numbered):
        if row["id"] != used and row["predictions"]:
            add(f"{STEP}{number}", f"Step {number}: {row['title']}", STEPS)
    return found


def answered(session: Session, name: str) -> Generator[Event, None, Answered]:
    """What a model answers on the images that were held out. Raises Refused where it is not there,
    or can't be asked."""
    project = session.require()
    there = choices(project)
    title = next((choice["title"] for choice in there if choice["name"] == name), None)
    if title is None:
        raise Refused(GONE.format(name, ", ".join(choice["name"] for choice in there) or "nothing"))
    kind, number = name.rpartition("_")[::2]
    if name == IN_USE:
        return of_step(project, title, steps.current(project) or {})
    if f"{kind}_" == STEP:
        return of_step(project, title, steps.all_rows(project)[int(number) - 1])
    if f"{kind}_" == RUN:
        return Answered(title, (yield from of_run(session, int(number))))
    row = record.answers(project, name)
    hashes, truth = record.held_out(project)
    pairs = zip(hashes, truth.tolist(), strict=True)
    return Answered(row.title, dict(zip(pairs, row.answers.tolist(), strict=True)))


def of_step(project: Project, title: str, row: Mapping[str, Any]) -> Answered:
    """What a step's model answered when it was learnt; images that are gone are left out."""
    kept = steps.predictions(project, row)
    if kept is None:
        raise Refused("What this step answered is not kept any more. Press Learn: it is made anew.")
    hashes = dict(project.db.execute("SELECT id, sha256 FROM image"))
    values = zip(*(kept[name].tolist() for name in ("images", "truth", "answer")), strict=True)
    return Answered(title, {(hashes[i], true): said for i, true, said in values if i in hashes})


def of_run(session: Session, number: int) -> Generator[Event, None, dict[Pair, int]]:
    """What the project would answer with a run's network; kept in memory."""
    project = session.require()
    run, (name, settings) = runs.find(project, number), material.choice(project)
    key = (f"answers of run {number}", run.weights, name, repr(settings), record.images_of(project))
    if (known := session.kept(key)) is None:
        known = yield from asked(session, run.weights, name, settings)
        session.keep(key, lambda: known)
    return dict(known)


def asked(
    session: Session, weights: str, learner: str, settings: Mapping[str, Any]
) -> Generator[Event, None, dict[Pair, int]]:
    """What a tuned network answers. Features that the project keeps of it are not made again."""
    project, made = session.require(), LEARNERS.make(learner, settings)
    network = tuned_backbone(project.blobs.get(weights) or b"", project.blobs.path)
    extractor, split = session.extractor_of(network), catalogue.to_learn(project)
    features = yield from features_of(project, split.hashes, extractor, made.views)
    data = LearningData(features, split)
    for _ in made.learn(data.task()):
        pass
    hashes, truth = data.held_out(sorted(data.train))
    pairs = zip(hashes, truth.tolist(), strict=True)
    return dict(zip(pairs, np.asarray(made.answers(data.of(hashes))).tolist(), strict=True))
