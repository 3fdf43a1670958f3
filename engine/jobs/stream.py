"""The job that replays images in the order of their time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch

from engine.errors import BadSetting, Refused
from engine.events import Progress, Work
from engine.jobs import job
from engine.learners import LEARNERS
from engine.learners.metrics import faded
from engine.learning import drifting, one_by_one, stream, subnet
from engine.learning.ageing import Window
from engine.learning.arrivals import Arrivals, arrivals
from engine.learning.material import choice, features_by
from engine.learning.stream import ORDERS, Start, Stream
from engine.results.images import SkippedFile
from engine.results.stream import Drifts, OwnStream, StreamArrived, StreamJudged, StreamOrder
from engine.session import Session
from engine.storage import catalogue, steps, unsorted
from engine.storage.feature_cache import Features
from engine.storage.project import Project
from engine.storage.recent import Recent


@job("Judge by a stream", reads=True)
def judge_stream(
    session: Session,
    *,
    paths: Sequence[str],
    order: str = "",
    fading: float = 0.99,
    batch: int = 1,
    alarms: float = 0.05,
    images: int = 0,
    days: float = 0.0,
) -> Work[StreamJudged]:
    """Asks the images of class folders one after the other, and learns each after it was asked, on
    a copy of what the project knows; the project stays as it is. In all ORDERS, or in one.

    `alarms` is with what probability a stream without drift may raise an alarm. What is older than
    the last `images` of its class, or than `days` before the newest, is unlearnt on the way; 0 and
    0: what the project leaves out."""
    check(order, fading, batch, alarms)
    recent, project = Recent(images, float(days)), session.require()
    if subnet.is_mixture(project):
        raise Refused("Nothing was learnt yet. Learn folders of images first.")
    views, extractor = views_of(project), session.extractor()
    start = stream.start_of(project, features := features_by(project, extractor, views))
    came = yield from arrivals(project, extractor, views, paths)
    recent = recent or Recent.parse(project.facts["recent"])
    came_in = stream_of(project, start, came, recent, features)
    orders = yield from in_orders(came_in, start, came, order, fading, batch)
    known = yield from drifting.known_images(project, features)
    drift = yield from drifting.drifts(known, came.rows, came.features, alarms)
    return {
        **arrived(project, came),
        "learner": start.name,
        "learnt_before": start.images,
        "batch": batch,
        "fading": fading,
        "definition": stream.definition(fading),
        "recent": recent.formula if recent else "",
        "orders": orders,
        "drift": drift,
    }


def views_of(project: Project) -> int:
    """How many views of an image the learner in use looks at."""
    row = steps.current(project)
    name, settings = (row["learner"], row["settings"]) if row else choice(project)
    return LEARNERS.make(name, settings).views


@job("Look at how suggestions went", reads=True)
def own_stream(session: Session, *, fading: float = 0.99) -> Work[OwnStream]:
    """The prequential accuracy of the suggestions that a person answered while sorting."""
    check("", fading, 1, 0.5)
    yield Progress(0, None, "Reading")
    right = unsorted.asked_and_named(session.require())
    curve = faded(right, fading).tolist() if right else []
    return {
        "images": len(right),
        "right": sum(right),
        "last": curve[-1] if curve else None,
        "fading": fading,
        "curve": curve,
        "definition": stream.definition(fading),
        "one_by_one": len(one_by_one.came(session.require())),
    }


@job("Look for drift", reads=True)
def own_drift(session: Session, *, alarms: float = 0.05) -> Work[Drifts]:
    """Whether images that came one by one look like those that were there before."""
    check("", 1, 1, alarms)
    return (yield from one_by_one.drift(session.require(), alarms))


def arrived(project: Project, came: Arrivals) -> StreamArrived:
    """What came, by class, and what was left out."""
    classes = Counter(one.name for one in came.rows)
    return {
        "images": len(came.rows),
        "classes": dict(sorted(classes.items())),
        "new_classes": sorted(set(classes) - set(catalogue.class_names(project).values())),
        "times": came.times,
        "already_there": came.already_there,
        "twice": came.twice,
        "skipped": [unused(path, reason) for path, reason in came.skipped],
    }


def unused(path: Path, reason: str) -> SkippedFile:
    return {"path": catalogue.displayable(catalogue.stored(path)), "reason": reason}


def check(order: str, fading: float, batch: int, alarms: float) -> None:
    """Raises BadSetting where a setting makes no sense."""
    if order and order not in ORDERS:
        raise BadSetting(f"There is no order “{order}”. There are: {', '.join(ORDERS)}.")
    if not 0 < fading <= 1:
        raise BadSetting("The fading factor lies above 0, and is 1 at most.")
    if batch < 1:
        raise BadSetting("A batch has 1 image or more.")
    if not 0 < alarms < 1:
        raise BadSetting("The rate of false alarms lies between 0 and 1.")


def stream_of(
    project: Project, start: Start, came: Arrivals, recent: Recent, features: Features
) -> Stream:
    """What came as a stream, with the window that the project's own images lie in as well."""
    names = [row.name for row in came.rows]
    number = stream.numbers_of(project, names)
    numbers, when = torch.tensor([number[n] for n in names]), [row.when for row in came.rows]
    if not recent:
        return Stream(came.features, numbers, when)
    learnt = start.kept.images if start.kept else {}
    gone = set(features.missing(h for hashes in learnt.values() for h in hashes))
    if gone:
        raise Refused(
            "Features of images that are to be unlearnt on the way are not kept. Take the cap on "
            "what the project keeps away, and learn again."
        )
    return Stream(
        came.features, numbers, when, lambda: Window.begun(recent, project, features, learnt)
    )


def in_orders(
    came_in: Stream, start: Start, came: Arrivals, order: str, fading: float, batch: int
) -> Work[list[StreamOrder]]:
    """The images judged in one order, or in each, every time from the same start."""
    names, found = [row.name for row in came.rows], list[StreamOrder]()
    for one in [order] if order else ORDERS:
        places = stream.order_of(one, names)
        doing = f"Asking and learning, {ORDERS[one]}"
        right = yield from stream.prequential(start, came_in, places, batch, doing)
        found.append(stream.judged(came, one, places, right, fading))
    return found
