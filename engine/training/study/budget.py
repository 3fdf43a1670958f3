"""How long the rows of a study take, before they are measured; and how many epochs fit in seconds.

A few real steps of each are timed once for a network, images and settings, then kept in memory.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

import torch

from engine.errors import Refused
from engine.events import Event, Progress
from engine.learning.material import features_by
from engine.models.backbones import BACKBONES
from engine.results.compare import LeftOut
from engine.session import Session
from engine.storage import study
from engine.system import device as devices
from engine.training.batches import check_batch
from engine.training.branching.costs import macs_of
from engine.training.estimate import seconds_of, trial_of
from engine.training.setup import made_of_either
from engine.training.study.networks import other_network
from engine.training.study.plan import WHOLE, Cell, StudyPlan
from engine.training.study.rows import seconds_an_image, weights_tuned
from engine.training.tuner import Tuning
from engine.training.unlabelled import estimate as adapting
from engine.training.unlabelled.method import UnlabelledMethod

EXPORTED = 0.7
"""About so many seconds a row's model takes to be written as an export and timed (see `in_use`)."""
SOME = 4.0
EFFORT = {"auto": 16.0}
"""So many times a closed form takes as long as a product of all features with a square of their
width, with its decomposition; most about SOME, the one that chooses among many as here."""
FEWEST, MOST = 0.05, 10_000.0
"""Epochs, whatever the seconds."""
FOLDED = 8.0
"""A narrowed network takes about so many looks at the images: its blocks are fitted to them."""


def within_seconds(
    session: Session, plan: StudyPlan, writes: bool = True
) -> Generator[Event, None, StudyPlan]:
    """The plan with as many epochs for each strategy as fit in the seconds that were asked for.

    They are found by timing, once, and kept where `writes`: a study that goes on has the same.
    """
    seconds, found = plan.asked["seconds"], dict[str, float]()
    if not seconds:
        return plan
    for strategy in (*plan.chosen, *plan.earlier):
        if not strategy.tuner:
            continue
        cell = plan.cell(strategy, WHOLE)
        key = hashlib.sha256(json.dumps(["epochs in", seconds, cell.key]).encode()).hexdigest()
        kept = (study.kept_row(plan.project, key) or {}).get("epochs")
        if not isinstance(kept, float):
            if strategy in plan.earlier:
                continue  # measured in another way: it is not shown
            try:
                each = (yield from seconds_of_tuning(session, plan, cell)) / plan.epochs
            except Refused:
                continue  # it is left out, and says why, where all rows are timed
            kept = min(MOST, max(FEWEST, float(f"{seconds / each:.2g}")))
            if writes:
                study.keep_row(plan.project, key, {"epochs": kept})
        found[strategy.name] = kept
    return replace(plan, epochs_of=found)


def foretold(
    session: Session, plan: StudyPlan, missing: Sequence[Cell]
) -> Generator[Event, None, tuple[float, int, list[LeftOut]]]:
    """About how many seconds the missing rows take, how many they are, and which ones this network
    or so few images can't have, and why."""
    seconds, left_out, rows, looking = 0.0, list[LeftOut](), 0, 0.0
    yield Progress(0, None, "Timing a few steps")
    if missing:
        extractor, hashes = session.extractor(), plan.split.hashes
        an_image = seconds_an_image(session, extractor)
        looking = an_image * len(hashes)
        seconds = an_image * len(features_by(plan.project, extractor, 1).missing(hashes))
    for number, cell in enumerate(missing):
        yield Progress(number, len(missing), "Timing a few steps")
        try:
            seconds += yield from seconds_of_cell(session, plan, cell, looking)
            rows += cell.share == WHOLE
        except Refused as error:
            left_out.append({"title": cell.title, "why": str(error)})
    return seconds, rows, left_out


def seconds_of_cell(
    session: Session, plan: StudyPlan, cell: Cell, looking: float
) -> Generator[Event, None, float]:
    """Gradient steps, a pass of `looking` at all images where another network is looked with, the
    closed form, and what a model costs in use. Raises Refused where it can't be had."""
    seconds = EXPORTED if cell.share == WHOLE else 0.0
    if not cell.strategy.own_head:
        seconds += seconds_of_learning(session, cell.learner, plan.learnt_of(cell.share))
    if cell.trains:
        seconds += looking + (yield from seconds_of_tuning(session, plan, cell))
    elif cell.strategy.tuner:
        seconds += looking  # the network is there
    elif cell.strategy.other:
        seconds += looking * times_as_much(session, cell)
    return seconds


def seconds_of_learning(session: Session, learner: str, images: int) -> float:
    """How long a closed form learns, by how many images there are and how wide their features."""

    def timed() -> float:
        matrix = torch.rand(512, 512)
        matrix @ matrix  # the first time is not counted
        clock = time.perf_counter()
        for _ in range(3):
            matrix @ matrix
        return (time.perf_counter() - clock) / (3 * 512**3)

    width = session.backbone().width
    each = float(session.keep(("seconds a multiply-add",), timed))
    return EFFORT.get(learner, SOME) * each * (images + width) * width**2


def seconds_of_tuning(
    session: Session, plan: StudyPlan, cell: Cell
) -> Generator[Event, None, float]:
    """How long a row's gradient steps take. Raises Refused where it can't be tuned so."""
    backbone, settings = session.backbone(), cell.settings["tuned"]
    images = plan.shown_to(cell.strategy, cell.share)
    facts = backbone.digest, backbone.preprocessing.key, session.device, images
    asked = json.dumps([settings, len(plan.hashes)], sort_keys=True)
    key = (f"seconds of {cell.strategy.name}", *facts, asked)
    if (known := session.kept(key)) is None:
        known = yield from timed(session, plan, cell)
        session.keep(key, lambda: known)
    return float(known)


def timed(session: Session, plan: StudyPlan, cell: Cell) -> Generator[Event, None, float]:
    """A few steps of a row, timed. Raises Refused where it can't be tuned so."""
    strategy, settings = cell.strategy, cell.settings["tuned"]
    tuning, timing = made_of_either(strategy.tuner, strategy.schedule, settings)
    if strategy.network:
        session = session.with_network((yield from other_network(session, plan, strategy)))
    images, backbone = plan.shown_to(strategy, cell.share), session.backbone()
    check_batch(images, tuning.batch)
    stages = settings.get("count", 1)
    if stages > len(backbone.stages):
        raise Refused(f"This network has {len(backbone.stages)} stages. Name fewer of them.")
    if isinstance(tuning, UnlabelledMethod):
        unlabelled = adapting.trial_of(session, tuning, timing)
        unlabelled.measure_full_step()
        return (yield from adapting.seconds_of(unlabelled, images, 0))
    assert isinstance(tuning, Tuning)
    course = trial_of(backbone, devices.choose(session.device), tuning, timing)
    if not strategy.own_head and not weights_tuned(course):
        raise Refused("This network has nothing that is tuned this way.")
    course.measure_full_step()
    return (yield from seconds_of(course, images, 0))


def times_as_much(session: Session, cell: Cell) -> float:
    """How much more another network computes for an image than the project's; as much, where that
    is not known of it."""
    if cell.strategy.subnet:
        return 1.0
    if cell.strategy.part:
        return FOLDED
    facts: dict[str, Any] = BACKBONES.make(cell.strategy.network).facts()
    if not facts["macs"]:
        return 1.0
    own = session.extractor().backbone
    size = own.preprocessing.size

    def counted() -> int:
        return own.looks * macs_of(own.below(), torch.zeros(1, 3, size, size))

    macs = session.keep(("macs", own.digest, size), counted)
    return float(facts["macs"] * (size / facts["size"]) ** 2 / max(macs, 1))
