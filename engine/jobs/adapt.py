"""Jobs that adapt the network on images without classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import BadSetting, EspalierError
from engine.events import Progress, Work
from engine.jobs import job
from engine.learning import material
from engine.results.tune import Estimate, Tuned
from engine.session import Session
from engine.storage import catalogue, runs
from engine.storage.project import Project
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


@dataclass(frozen=True, kw_only=True)
class AdaptSettings:
    """`images` are those of the project, the heap or a folder's; `settings` are those of the method
    and of the schedule."""

    images: str = PROJECT
    method: str = USUAL
    schedule: str = ""
    settings: Mapping[str, Any] | None = None
    epochs: float = 0

    def made(self, project: Project) -> tuple[UnlabelledMethod, Schedule, int]:
        """The method and the schedule, and on how many images. Raises BadSetting, and Refused
        where there are none."""
        if "images" in (self.settings or {}):
            raise BadSetting("Images are named on their own, and not among the settings.")
        known = self.images in (PROJECT, HEAP)
        where = self.images if known else str(Path(self.images).absolute())
        chosen = {**(self.settings or {}), "images": where}
        chosen |= {"epochs": self.epochs} if self.epochs else {}
        usual = ALL if chosen.get("start") == NOTHING else UPPER
        method, timing = made_in(METHODS, self.method, self.schedule or usual, chosen)
        count = count_of(project, method.images, method.most)
        check_batch(count, method.batch)
        return method.for_images(count), timing, count


@job("Adapting without classes")
def adapt(session: Session, *, asked: AdaptSettings, adopt: str = "better") -> Work[Tuned]:
    """Adapts the project's network on images without classes, and compares it with the one in use.

    After each epoch a head in closed form on the network says how many held-out images it answers
    rightly; with `adopt` "better" the best is used only where it beats the network in use, as one
    gesture that can be undone. A cancelled run can be resumed.
    """
    check_adopt(adopt)
    project = session.require()
    chosen, timing, _ = asked.made(project)
    yield from ready(session)
    title = f"{METHODS[chosen.name].title} · {SCHEDULES[timing.name].title}"
    plain = {**plain_settings(chosen), **plain_settings(timing)}
    mark = mark_of(project, session.backbone())
    run = runs.begun(project, title, chosen.name, timing.name, plain, mark)
    try:
        return (yield from train_run(session, run, adopt))
    except EspalierError:
        runs.forget_empty(project, run.id)
        raise


@job("Estimating the time of adapting", reads=True)
def estimate_adapt(session: Session, *, asked: AdaptSettings) -> Work[Estimate]:
    """About how long `adapt` with the same arguments takes. Nothing is written."""
    yield Progress(0, None, "Timing a few steps")
    project = session.require()
    chosen, timing, count = asked.made(project)
    split = catalogue.to_learn(project)
    judged = len(material.sampled(split.train)) + sum(map(len, split.validation.values()))
    course = trial_of(session, chosen, timing)
    yield from course.time_full_steps()
    seconds = yield from seconds_of(course, count, judged)
    steps, epochs = chosen.steps(count), chosen.epochs
    return {"seconds": seconds, "steps": steps, "pictures": count, "epochs": epochs}
