"""What the Tune page and its commands read: the ways to tune, an estimate, and the kept runs."""

from __future__ import annotations

import io
import math
from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from PIL import Image

from engine import catalogue, runs
from engine import device as devices
from engine.augment import Views
from engine.corpus import Corpus, listed_in_project
from engine.course import Course
from engine.errors import Refused
from engine.events import Event, Progress
from engine.images import open_many
from engine.jobs import Work, job
from engine.loop import Training
from engine.net import Preprocessing
from engine.prepare import LARGER, levels_of, made
from engine.registry import PluginView
from engine.runs import Run
from engine.schedules import SCHEDULES, Timetable, load_schedules
from engine.session import Session
from engine.student import check_batch
from engine.tuners import TUNERS, load_tuners
from engine.tuning import Lessons, Loss, Tuning, stack_of

PREVIEWS = 12
STEPS_OF_A_RUN = 40
"""A batch is so small that an epoch has at least so many steps."""


@job("List the ways to tune", reads=True)
def tuning_choices(session: Session) -> Work:
    """Every tuner and schedule with its settings, and what is proposed for the project.

    `proposed` has, for each tuner, settings for so many pictures.
    """
    yield Progress(0, None, "Reading")
    load_tuners()
    load_schedules()
    pictures = len(listed_in_project(session.require(), "train")[0])
    return {
        "tuners": tuners(),
        "schedules": SCHEDULES.describe(),
        "pictures": pictures,
        "proposed": {view.name: proposed(view, pictures) for view in tuners()},
    }


def tuners() -> tuple[PluginView, ...]:
    """The tuners that tune one network; those that train supernets are Specialise's."""
    return tuple(view for view in TUNERS.describe() if issubclass(TUNERS[view.name], Tuning))


def proposed(tuner: PluginView, pictures: int) -> dict[str, Any]:
    """Settings that depend on how many pictures there are: small projects take small batches."""
    usual = {view.name: view.default for view in tuner.settings}
    most = 2 ** max(1, int(math.log2(max(2, pictures / STEPS_OF_A_RUN))))
    batch = min(usual["batch"], most)
    return {"batch": batch, "lr": float(f"{usual['lr'] * batch / usual['batch']:.2g}")}


@job("Preview changed images", reads=True)
def preview_augmented(
    session: Session, *, tuner: str = "fine_tune", settings: Mapping[str, Any] | None = None
) -> Work:
    """Twelve views of the project's images as training would see them, as JPEG."""
    tuning, _ = made(tuner, "none", settings or {})
    project, preprocessing = session.require(), session.backbone().preprocessing
    hashes, classes, names = listed_in_project(project, "train")
    chosen = np.unique(np.linspace(0, len(hashes) - 1, PREVIEWS).astype(int))
    side = round(preprocessing.size * LARGER)
    rows = {row["sha256"]: row for row in project.db["image"].rows}
    files = [catalogue.file_of(project, rows[hashes[at]]) for at in chosen]
    found = []
    opening = open_many(files, Preprocessing(side, side))
    try:
        for at, (_, picture) in zip(chosen, opening, strict=True):
            yield Progress(len(found), len(chosen), "Changing images")
            pixels = getattr(picture, "pixels", None)
            if pixels is not None:
                found.append((names[classes[at]], pixels))
    finally:
        opening.close()
    if not found:
        raise Refused("The project's images can't be read. Check that they are where they were.")
    corpus = Corpus(np.stack([p for _, p in found]), np.zeros(len(found), np.int64), ())
    views = Views(corpus, preprocessing, tuning.augment, tuning.seed)
    shown = [
        {"class": name, "jpeg": as_jpeg(views.pixels(row, row))}
        for row, (name, _) in enumerate(found)
    ]
    # A few images may be all there are: each is then shown several times.
    more = [
        {"class": found[n % len(found)][0], "jpeg": as_jpeg(views.pixels(n % len(found), n))}
        for n in range(len(found), PREVIEWS)
    ]
    return {"pictures": shown + more}


def as_jpeg(pixels: torch.Tensor) -> bytes:
    """uint8 (3, side, side) as the bytes of a JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy()).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


@job("Estimating the time of tuning", reads=True)
def estimate_tune(
    session: Session,
    *,
    tuner: str = "fine_tune",
    schedule: str = "none",
    settings: Mapping[str, Any] | None = None,
    epochs: float = 0,
) -> Work:
    """About how long `tune` with the same arguments takes. Nothing is written.

    A few real steps are timed, and the FLOPs of the others counted: a step with frozen stages
    takes its share. Decoding the images comes on top at the first run.
    """
    tuning, timing = made(tuner, schedule, {**(settings or {}), **({"epochs": epochs} if epochs
                                                                     else {})})  # fmt: skip
    yield Progress(0, None, "Timing a few steps")
    counts = [len(listed_in_project(session.require(), part)[0]) for part in
              ("train", "validation")]  # fmt: skip
    check_batch(counts[0], tuning.batch)
    course = yield from trial_of(session, tuning, timing)
    course.measure_full_step()
    share = yield from shares(course, tuning.steps(counts[0]))
    steps, full = tuning.steps(counts[0]), course.account.full_seconds
    scoring = math.ceil(tuning.epochs) * counts[1] / tuning.batch * full / 3
    return {
        "seconds": full * steps * share + scoring,
        "steps": steps,
        "pictures": counts[0],
    }


def trial_of(session: Session, tuning: Tuning, timing: Any) -> Generator[Event, None, Course]:
    """A run on made-up pictures, to be timed."""
    yield Progress(0, None, "Timing a few steps")
    backbone, device = session.backbone(), devices.choose(session.device)
    side = round(backbone.preprocessing.size * LARGER)
    pixels = np.random.default_rng(0).integers(0, 256, (tuning.batch, side, side, 3), np.uint8)
    corpus = Corpus(pixels, np.arange(tuning.batch) % 2, ("a", "b"))
    stack = stack_of(tuning.dressed(backbone), torch.nn.Linear(backbone.width, 2), device)
    views = Views(corpus, backbone.preprocessing, tuning.augment, tuning.seed)
    table = Timetable(timing, list(stack.parts), tuning.lr, 100)
    training = Training(stack, tuning.optimised(stack), table)
    lessons = Lessons(tuning, views, table, device)
    return Course(training, lessons, tuning, views, None, frozenset(), Loss(0.0), None)


def shares(course: Course, steps: int) -> Generator[Event, None, float]:
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


@job("List the runs", reads=True)
def list_runs(session: Session) -> Work:
    """Every kept run, newest first, in short."""
    yield Progress(0, None, "Reading")
    project = session.require()
    used = project.facts["weights"]
    return {"runs": [in_short(run, used) for run in runs.all_runs(project)]}


def in_short(run: Run, used: str) -> dict[str, Any]:
    """A run's row for a list; `state` also says whether its network is the one in use."""
    epochs = run.curve.get("epochs", [])
    adopted = bool(run.weights) and run.weights == used
    return {
        "id": run.id,
        "title": run.title,
        "made": run.made,
        "tuner": run.tuner,
        "schedule": run.schedule,
        "settings": dict(run.settings),
        "state": "adopted" if adopted else run.state,
        "epochs_done": epochs[-1]["epoch"] if epochs else 0,
        "epochs": run.settings.get("epochs"),
        "seconds": run.seconds,
        "saved": run.curve.get("saved"),
        "best_accuracy": max((e["validation_accuracy"] for e in epochs), default=None),
        **{name: run.result.get(name) for name in ("before", "after", "difference", "images")},
    }


@job("Look at a run", reads=True)
def run_details(session: Session, *, run: int) -> Work:
    """A run with its curves, and what its schedule did to each stage."""
    yield Progress(0, None, "Reading")
    project = session.require()
    found = runs.find(project, run)
    return {
        **in_short(found, project.facts["weights"]),
        "epochs_curve": found.curve.get("epochs", []),
        "steps_curve": found.curve.get("steps", {}),
        "layers": found.curve.get("layers"),
    }
