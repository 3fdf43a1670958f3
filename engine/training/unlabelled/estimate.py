"""How long a run without classes will take, before it begins."""

from __future__ import annotations

import math
from collections.abc import Generator
from pathlib import Path

import numpy as np

from engine.events import Event
from engine.learners import LEARNERS
from engine.session import Session
from engine.training.dataset import ImageArray
from engine.training.estimate import shares
from engine.training.schedules import Schedule
from engine.training.setup import LARGER, levels_of
from engine.training.unlabelled.method import UnlabelledMethod
from engine.training.unlabelled.run import AdaptingRun, ClosedForm
from engine.training.unlabelled.setup import USUAL, assembled, size_of

FORWARD = 1 / 3
"""Of a step, the share of the pass from images to features."""


def trial_of(session: Session, method: UnlabelledMethod, timing: Schedule) -> AdaptingRun:
    """A run on made-up images, to be timed."""
    backbone = session.backbone()
    side, rng = round(size_of(method, backbone) * LARGER), np.random.default_rng(0)
    pixels = rng.integers(0, 256, (method.batch, side, side, 3), np.uint8)
    images = ImageArray(pixels, np.zeros(method.batch, np.int64), ())
    judge = ClosedForm(lambda: LEARNERS.make(USUAL), images.classes, 0)
    return assembled(session, backbone, method, timing, images, images, judge, Path())


def seconds_of(course: AdaptingRun, images: int, judged: int) -> Generator[Event, None, float]:
    """From a trial whose full step was timed: gradient steps, what frozen stages give once, and the
    `judged` images at the end of each epoch."""
    method, full = course.tuning, course.account.full_seconds
    assert isinstance(method, UnlabelledMethod)
    steps, epochs = method.steps(images), math.ceil(method.epochs)
    share = yield from shares(course, steps)
    once = full * FORWARD / (2 * method.batch)
    kept = bool(levels_of(method, course.lessons.timetable))
    shown = min(method.views, 2 * epochs)  # views that are kept
    looked = images * shown + judged + share * epochs * judged if kept else epochs * judged
    return full * steps * share + once * looked
