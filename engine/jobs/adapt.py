"""Jobs that adapt the network on images without classes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.errors import BadSetting, EspalierError
from engine.events import Progress, Work
from engine.jobs import job
from engine.learning import material
from engine.results.tune import Estimate, Tuned
from engine.session import Session
from engine.storage import catalogue, runs
from engine.training.adopt import check_adopt, mark_of, ready, train_run
from engine.training.batches import check_batch
from engine.training.schedules import SCHEDULES, Schedule
from engine.training.setup import made_in, plain_settings
from engine.training.unlabelled.estimate import seconds_of, trial_of
from engine.training.unlabelled.method import HEAP, NOTHING, PROJECT, UnlabelledMethod
from engine.training.unlabelled.methods import METHODS
from engine.training.unlabelled.pairs import count_of

USUAL = "vicreg"
"""It brought more than SimSiam on both sets of images that were tried (tests/bench/adapt.py)."""
UPPER, ALL = "last_stages", "none"
"""Which stages learn unless it is said: a network that sees already is changed at its upper end."""


@job("Adapting without classes")
def adapt(
    session: Session,
    *,
    images: str = PROJECT,
    method: str = USUAL,
    schedule: str = "",
    settings: Mapping[str, Any] | None = None,
    epochs: float = 0,
    adopt: str = "better",
) -> Work[Tuned]:
    """Adapts the project's network on images without classes, and compares it with the one in use.

    `images` are those of the project, the heap or a folder's. After each epoch a head in closed
    form on the network says how many held-out images it answers rightly; with `adopt` "better" the
    best is used only where it beats the network in use, as one gesture that can be undone. A
    cancelled run can be resumed.
    """
    check_adopt(adopt)
    chosen, timing = asked(images, method, schedule, settings, epochs)
    project = session.require()
    check_batch(count_of(project, chosen.images), chosen.batch)
    yield from ready(session)
    title = f"{METHODS[method].title} · {SCHEDULES[timing.name].title}"
    plain = {**plain_settings(chosen), **plain_settings(timing)}
    mark = mark_of(project, session.backbone())
    run = runs.begun(project, title, method, timing.name, plain, mark)
    try:
        return (yield from train_run(session, run, adopt))
    except EspalierError:
        runs.forget_empty(project, run.id)
        raise


def asked(
    images: str, method: str, schedule: str, settings: Mapping[str, Any] | None, epochs: float
) -> tuple[UnlabelledMethod, Schedule]:
    """The method and the schedule that are asked for. Raises BadSetting."""
    if "images" in (settings or {}):
        raise BadSetting("Images are named on their own, and not among the settings.")
    where = images if images in (PROJECT, HEAP) else str(Path(images).absolute())
    chosen = {**(settings or {}), "images": where, **({"epochs": epochs} if epochs else {})}
    usual = ALL if chosen.get("start") == NOTHING else UPPER
    return made_in(METHODS, method, schedule or usual, chosen)


@job("Estimating the time of adapting", reads=True)
def estimate_adapt(
    session: Session,
    *,
    images: str = PROJECT,
    method: str = USUAL,
    schedule: str = "",
    settings: Mapping[str, Any] | None = None,
    epochs: float = 0,
) -> Work[Estimate]:
    """About how long `adapt` with the same arguments takes. Nothing is written."""
    chosen, timing = asked(images, method, schedule, settings, epochs)
    yield Progress(0, None, "Timing a few steps")
    project = session.require()
    count, split = count_of(project, chosen.images), catalogue.to_learn(project)
    check_batch(count, chosen.batch)
    judged = len(material.sampled(split.train)) + sum(map(len, split.validation.values()))
    course = trial_of(session, chosen, timing)
    yield from course.time_full_steps()
    seconds = yield from seconds_of(course, count, judged)
    return {"seconds": seconds, "steps": chosen.steps(count), "pictures": count}
