"""How long a run will take, before it begins."""

from __future__ import annotations

import io
import math
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from engine.events import Event, Progress
from engine.models.backbone import Backbone
from engine.registry import PluginView
from engine.training.augment import Views
from engine.training.dataset import ImageArray
from engine.training.loop import Training
from engine.training.run import TuningRun
from engine.training.schedules import Schedule, Timetable
from engine.training.setup import LARGER, levels_of
from engine.training.tuner import BatchSource, Loss, Tuning, stack_of
from engine.training.tuners import TUNERS


def tuners() -> tuple[PluginView, ...]:
    """The tuners that tune one network."""
    return TUNERS.describe()


def as_jpeg(pixels: torch.Tensor) -> bytes:
    """uint8 (3, side, side) as the bytes of a JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy()).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def trial_of(
    backbone: Backbone, device: torch.device, tuning: Tuning, timing: Schedule
) -> TuningRun:
    """A run on made-up images, to be timed."""
    side = round(backbone.preprocessing.size * LARGER)
    pixels = np.random.default_rng(0).integers(0, 256, (tuning.batch, side, side, 3), np.uint8)
    corpus = ImageArray(pixels, np.arange(tuning.batch) % 2, ("a", "b"))
    stack = stack_of(tuning.dressed(backbone), torch.nn.Linear(backbone.width, 2), device)
    views = Views(corpus, backbone.preprocessing, tuning.augment, tuning.seed)
    table = Timetable(timing, list(stack.parts), tuning.lr, 100)
    training = Training(stack, tuning.optimised(stack), table)
    lessons = BatchSource(tuning, views, table, device)
    return TuningRun(training, lessons, tuning, views, None, frozenset(), Loss(0.0), Path())


def shares(course: TuningRun, steps: int) -> Generator[Event, None, float]:
    """The FLOPs of a run as a share of those of one in which nothing freezes, from 40 places."""
    table, batch = course.lessons.timetable, course.lessons.batch(0)
    whole = Timetable(table.schedule, table.names, table.base, steps)
    tuning, total, known = course.tuning, 0.0, {}
    kept = tuning.views and any(levels_of(tuning, whole))
    places = np.linspace(0, steps - 1, min(40, steps)).round().astype(int)
    for number, position in enumerate(places):
        frozen = whole.frozen(int(position))
        start = tuning.served(whole, int(position)) if kept else 0
        if (frozen, start) not in known:
            yield Progress(number, len(places), "Counting what freezing saves")
            given = batch.given
            with torch.no_grad():
                for part in list(course.stack.parts.values())[:start]:
                    given = part(given)
            known[frozen, start] = course.flops_of(replace(batch, given=given, start=start), frozen)
        total += known[frozen, start]
    return total / len(places) / course.account.full_flops


def seconds_of(course: TuningRun, images: int, held_out: int) -> Generator[Event, None, float]:
    """How long a run takes on so many images, from a trial whose full step was timed."""
    tuning, full = course.tuning, course.account.full_seconds
    steps = tuning.steps(images)
    share = yield from shares(course, steps)
    scoring = math.ceil(tuning.epochs) * held_out / tuning.batch * full / 3
    return full * steps * share + scoring
