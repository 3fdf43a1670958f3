"""Jobs of the Tune page: tune the network, watch it, compare, adopt."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from engine.errors import EspalierError, Refused
from engine.events import Progress, Work
from engine.images.preprocess import Preprocessing
from engine.jobs import job
from engine.results.tune import (
    ChangedImage,
    ChangedImages,
    Estimate,
    PresetTimes,
    RunAdopted,
    RunDetails,
    RunRow,
    Runs,
    RunUsed,
    Tuned,
    TuningChoices,
)
from engine.session import Session
from engine.storage import catalogue, runs
from engine.storage.runs import Run
from engine.system import device as devices
from engine.training.adopt import (
    adopt_network,
    check_adopt,
    check_scored,
    finish_run_with,
    mark_of,
    ready,
    to_go_on,
    train_run,
)
from engine.training.augment import Views
from engine.training.batches import check_batch
from engine.training.dataset import ImageArray, listed_in_project
from engine.training.estimate import as_jpeg, seconds_of, trial_of, tuners
from engine.training.presets import PRESETS, preset_of, preset_views, proposed
from engine.training.run import merit
from engine.training.schedules import SCHEDULES, Schedule
from engine.training.setup import LARGER, course_of, made, made_of_either, plain_settings
from engine.training.tuner import Tuning
from engine.training.tuners import TUNERS
from engine.training.unlabelled.methods import METHODS
from engine.training.unlabelled.run import collapsed


@dataclass(frozen=True, kw_only=True)
class TuneSettings:
    """`settings` are those of the tuner and of the schedule. A `preset` (quick, thorough, long)
    chooses both and their settings; what is set beside it counts before it."""

    tuner: str = "fine_tune"
    schedule: str = "none"
    settings: Mapping[str, Any] | None = None
    epochs: float = 0
    preset: str = ""

    def made(self, session: Session) -> tuple[Tuning, Schedule]:
        """The tuner and the schedule. Raises BadSetting."""
        chosen = {**(self.settings or {}), **({"epochs": self.epochs} if self.epochs else {})}
        if not self.preset:
            return made(self.tuner, self.schedule, chosen)
        tuner, schedule, own = preset_of(self.preset, counts_of(session)[0])
        return made(tuner, schedule, {**own, **chosen})


@job("Tuning")
def tune(session: Session, *, asked: TuneSettings, adopt: str = "better") -> Work[Tuned]:
    """Tunes the project's network on its images, and compares it with the one in use.

    With `adopt` "better" the result is used where it answers more held-out images rightly, as one
    gesture that can be undone. A cancelled run can be resumed.
    """
    check_adopt(adopt)
    tuning, timing = asked.made(session)
    yield from ready(session)
    tuner, schedule = tuning.name, timing.name
    title = f"{TUNERS[tuner].title} · {SCHEDULES[schedule].title}"
    plain = {**plain_settings(tuning), **plain_settings(timing)}
    project = session.require()
    mark = mark_of(project, session.backbone())
    run = runs.begun(project, title, tuner, schedule, plain, mark)
    try:
        return (yield from train_run(session, run, adopt))
    except EspalierError:
        runs.forget_empty(project, run.id)
        raise


@job("Resume tuning")
def resume_run(
    session: Session, *, run: int = 0, epochs: float = 0, adopt: str = "better"
) -> Work[Tuned]:
    """Goes on with a run that was paused or killed, or extends one to more `epochs`."""
    check_adopt(adopt)
    found = to_go_on(session.require(), session.backbone(), run)
    if epochs:
        found = replace(found, settings={**found.settings, "epochs": epochs})
        made_of_either(found.tuner, found.schedule, found.settings)
        runs.change(session.require(), found.id, settings=dict(found.settings))
    return (yield from train_run(session, found, adopt))


@job("Stopping early")
def finish_run(session: Session, *, run: int = 0, adopt: str = "better") -> Work[Tuned]:
    """Ends a paused run where it is: its best weights are compared, and adopted where asked."""
    check_adopt(adopt)
    found = to_go_on(session.require(), session.backbone(), run)
    course = yield from course_of(session, found)
    check_scored(course)
    return (yield from finish_run_with(session, found, course, adopt))


@job("Use a tuned network")
def adopt_run(session: Session, *, run: int) -> Work[RunAdopted]:
    """Makes the network of a finished run the project's, and learns all classes again with it."""
    found = runs.find(session.require(), run)
    if not found.weights:
        raise Refused("This run is not done yet. Go on with it, or stop it early, first.")
    yield from adopt_network(session, found)
    return {"run": run, "adopted": True}


@job("Keep the current network")
def discard_run(session: Session, *, run: int) -> Work[RunUsed]:
    """Marks a finished run as not wanted. It can be adopted all the same later."""
    project = session.require()
    if runs.find(project, run).unfinished:
        raise Refused("This run is not done yet. Stop it early, or remove it.")
    runs.change(project, run, state="discarded")
    yield session.changed("runs")
    return {"run": run}


@job("Remove a run")
def remove_run(session: Session, *, run: int) -> Work[RunUsed]:
    """Removes a run with its curves and weights. A network that is in use stays."""
    runs.remove(session.require(), run)
    yield session.changed("runs")
    return {"run": run}


PREVIEWS = 12


@job("List the ways to tune", reads=True)
def tuning_choices(session: Session) -> Work[TuningChoices]:
    """Every tuner and schedule with its settings, the presets, and what is proposed for the
    project."""
    yield Progress(0, None, "Reading")
    images = len(listed_in_project(catalogue.to_learn(session.require()), "train")[0])
    methods = METHODS.describe()
    return {
        "tuners": tuners(),
        "methods": methods,
        "schedules": SCHEDULES.describe(),
        "pictures": images,
        "proposed": {view.name: proposed(view, images) for view in (*tuners(), *methods)},
        "presets": preset_views(images),
    }


@job("Preview changed images", reads=True)
def preview_augmented(
    session: Session, *, tuner: str = "fine_tune", settings: Mapping[str, Any] | None = None
) -> Work[ChangedImages]:
    """Twelve views of the project's images as training would see them, as JPEG."""
    tuning, _ = made_of_either(tuner, "none", settings or {})
    project, preprocessing = session.require(), session.backbone().preprocessing
    split, known = catalogue.to_learn(project), catalogue.class_names(project)
    hashes, classes = listed_in_project(split, "train")
    names = [known[number] for number in sorted(split.train)]
    chosen = np.unique(np.linspace(0, len(hashes) - 1, PREVIEWS).astype(int))
    side = round(preprocessing.size * LARGER)
    found: list[tuple[str, np.ndarray]] = []
    wanted = [hashes[at] for at in chosen]
    with closing(catalogue.decoded(project, wanted, Preprocessing(side, side))) as images:
        for at, (_, image) in zip(chosen, images, strict=True):
            yield Progress(len(found), len(chosen), "Changing images")
            if image is not None:
                found.append((names[classes[at]], image.seen))
    if not found:
        raise Refused("The project's images can't be read. Check that they are where they were.")
    corpus = ImageArray(np.stack([p for _, p in found]), np.zeros(len(found), np.int64), ())
    views = Views(corpus, preprocessing, tuning.augment, tuning.seed)
    shown: list[ChangedImage] = [
        {"class": name, "jpeg": as_jpeg(views.pixels(row, row))}
        for row, (name, _) in enumerate(found)
    ]
    # A few images may be all there are: each is then shown several times.
    more: list[ChangedImage] = [
        {"class": found[n % len(found)][0], "jpeg": as_jpeg(views.pixels(n % len(found), n))}
        for n in range(len(found), PREVIEWS)
    ]
    return {"pictures": shown + more}


@job("Estimating the time of tuning", reads=True)
def estimate_tune(session: Session, *, asked: TuneSettings) -> Work[Estimate]:
    """About how long `tune` with the same arguments takes. Nothing is written.

    A few real steps are timed, and the FLOPs of the others counted: a step with frozen stages
    takes its share. Decoding the images comes on top at the first run.
    """
    tuning, timing = asked.made(session)
    yield Progress(0, None, "Timing a few steps")
    images, held_out = counts_of(session)
    check_batch(images, tuning.batch)
    course = trial_of(session.backbone(), devices.choose(session.device), tuning, timing)
    yield from course.time_full_steps()
    seconds = yield from seconds_of(course, images, held_out)
    return {"seconds": seconds, "steps": tuning.steps(images), "pictures": images}


@job("Estimating the time of each way to tune", reads=True)
def estimate_presets(session: Session) -> Work[PresetTimes]:
    """About how long `tune` with each preset takes, in `seconds` by its name. Nothing is written.

    A step is timed once, since all of them show as many images in one.
    """
    yield Progress(0, None, "Timing a few steps")
    images, held_out = counts_of(session)
    device, account, seconds = devices.choose(session.device), None, {}
    for preset in PRESETS:
        tuner, schedule, settings = preset_of(preset.name, images)
        tuning, timing = made(tuner, schedule, settings)
        check_batch(images, tuning.batch)
        course = trial_of(session.backbone(), device, tuning, timing)
        if account is None:
            yield from course.time_full_steps()
        course.account = account = account or course.account
        seconds[preset.name] = yield from seconds_of(course, images, held_out)
    return {"seconds": seconds, "pictures": images}


def counts_of(session: Session) -> tuple[int, int]:
    """How many images there are to learn from, and how many are held out."""
    split = catalogue.to_learn(session.require())
    learnt, held_out = (len(listed_in_project(split, p)[0]) for p in ("train", "validation"))
    return learnt, held_out


@job("List the runs", reads=True)
def list_runs(session: Session) -> Work[Runs]:
    """Every kept run, newest first, in short."""
    yield Progress(0, None, "Reading")
    project = session.require()
    used = project.facts["weights"]
    return {"runs": [in_short(run, used) for run in runs.all_runs(project)]}


def in_short(run: Run, used: str) -> RunRow:
    """A run's row for a list; `state` also says whether its network is the one in use."""
    epochs = run.curve.get("epochs", [])
    adopted = bool(run.weights) and run.weights == used
    best = max(epochs, key=merit, default=None)
    return {
        "id": run.id,
        "title": run.title,
        "made": run.made,
        "tuner": run.tuner,
        "schedule": run.schedule,
        "settings": dict(run.settings),
        "state": "adopted" if adopted else run.state,
        "epochs_done": epochs[-1]["epoch"] if epochs else 0,
        "epochs": run.settings.get("epochs", 0),
        "seconds": run.seconds,
        "saved": run.curve.get("saved"),
        "best_accuracy": best["validation_accuracy"] if best else None,
        "best_epoch": best["epoch"] if best else None,
        "collapsed": run.tuner in METHODS and collapsed(epochs),
        "before": run.result.get("before"),
        "after": run.result.get("after"),
        "difference": run.result.get("difference"),
        "images": run.result.get("images"),
    }


@job("Look at a run", reads=True)
def run_details(session: Session, *, run: int) -> Work[RunDetails]:
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
