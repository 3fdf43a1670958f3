"""Jobs of the Tune page: tune the network, watch it, compare, adopt."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from engine import catalogue, runs, study, subnets, verdict
from engine import device as devices
from engine.augment import Views
from engine.backbones import TUNED
from engine.backbones.elastic.files import Origin, origin_of
from engine.backbones.tuned import as_tuned, facts_for, growth_of, tuned_bytes
from engine.corpus import Corpus, of_project, part_of
from engine.course import Course
from engine.errors import BadSetting, Refused
from engine.events import Event, Notice, Progress, Saved
from engine.extractor import Extractor
from engine.jobs import Work, job
from engine.learners import Task
from engine.loop import Training
from engine.net import Stage
from engine.places import cache_folder
from engine.prefix import Prefix, plan_of, room
from engine.runs import Run
from engine.schedules import SCHEDULES, Schedule, Timetable, load_schedules
from engine.session import Session
from engine.student import check_batch
from engine.tuners import TUNERS, load_tuners
from engine.tuning import HEAD, Lessons, Tuning, stack_of

ADOPT = ("better", "always", "never")
LARGER = 8 / 7
"""Pictures are kept so much larger than the network's input, so that parts of them are sharp."""


@job("Tuning")
def tune(
    session: Session,
    *,
    tuner: str = "fine_tune",
    schedule: str = "none",
    settings: Mapping[str, Any] | None = None,
    epochs: float = 0,
    adopt: str = "better",
) -> Work:
    """Tunes the project's network on its images, and compares it with the one in use.

    `settings` are those of the tuner and of the schedule. With `adopt` "better" the result is used
    where it answers more held-out images rightly, as one gesture that can be undone. Cancelled, it
    can be gone on with. Returns run, before, after, difference, adopted, seconds,
    seconds_per_epoch, layers and saved.
    """
    chosen = {**(settings or {}), **({"epochs": epochs} if epochs else {})}
    check_adopt(adopt)
    tuning, timing = made(tuner, schedule, chosen)
    yield from ready(session)
    title = f"{TUNERS[tuner].title}, {SCHEDULES[schedule].title.lower()}"
    plain = {**plain_settings(tuning), **plain_settings(timing)}
    backbone = session.backbone()
    run = runs.begun(session.require(), title, tuner, schedule, plain, backbone.digest)
    return (yield from pursue(session, run, adopt))


@job("Going on with tuning")
def resume_run(session: Session, *, run: int = 0, epochs: float = 0, adopt: str = "better") -> Work:
    """Goes on with a run that was paused or killed, or extends one to more `epochs`."""
    project = session.require()
    check_adopt(adopt)
    found = runs.find(project, run) if run else runs.newest_unfinished(project)
    if not found.unfinished:
        raise Refused("This run is done. Start a new one with more epochs.")
    if found.backbone != session.backbone().digest:
        raise Refused(
            "The project's network is no longer the one that this run began with. Undo what "
            "changed it, or start a new run."
        )
    if epochs:
        found = replace(found, settings={**found.settings, "epochs": epochs})
        made(found.tuner, found.schedule, found.settings)
        runs.change(project, found.id, settings=dict(found.settings))
    return (yield from pursue(session, found, adopt))


@job("Stopping early")
def finish_run(session: Session, *, run: int = 0, adopt: str = "better") -> Work:
    """Ends a paused run where it is: its best weights are compared, and adopted where asked."""
    project = session.require()
    check_adopt(adopt)
    found = runs.find(project, run) if run else runs.newest_unfinished(project)
    if not found.unfinished:
        raise Refused("This run is done already.")
    course = yield from course_of(session, found)
    if not course.resume() or not course.account.epochs:
        raise Refused("This run has not come to the end of an epoch yet. Go on with it first.")
    return (yield from conclude(session, found, course, adopt))


@job("Use a tuned network")
def adopt_run(session: Session, *, run: int) -> Work:
    """Makes the network of a finished run the project's, and learns all classes again with it."""
    found = runs.find(session.require(), run)
    if not found.weights:
        raise Refused("This run is not done yet. Go on with it, or stop it early, first.")
    yield from take(session, found)
    return {"run": run, "adopted": True}


@job("Remove a run")
def remove_run(session: Session, *, run: int) -> Work:
    """Removes a run with its curves and weights. A network that is in use stays."""
    runs.remove(session.require(), run)
    yield session.changed("runs")
    return {"run": run}


# The steps of a run.


def check_adopt(adopt: str) -> None:
    if adopt not in ADOPT:
        raise BadSetting(f"Adopt takes one of: {', '.join(ADOPT)}; not “{adopt}”.")


def made(tuner: str, schedule: str, settings: Mapping[str, Any]) -> tuple[Tuning, Schedule]:
    """The tuner and the schedule with their settings. Raises BadSetting."""
    load_tuners()
    load_schedules()
    if tuner in TUNERS and not issubclass(TUNERS[tuner], Tuning):
        raise BadSetting(f"“{tuner}” trains once-for-all networks. Use it under Specialise.")
    if schedule not in SCHEDULES:
        SCHEDULES.make(schedule)
    own = {f.name for f in fields(SCHEDULES[schedule])}
    timing = SCHEDULES.make(schedule, {k: v for k, v in settings.items() if k in own})
    rest = {k: v for k, v in settings.items() if k not in own}
    return TUNERS.make(tuner, rest), timing  # type: ignore[return-value]


def plain_settings(plugin: Any) -> dict[str, Any]:
    return {f.name: getattr(plugin, f.name) for f in fields(plugin)}


def ready(session: Session) -> Generator[Event, None, None]:
    """A network that can be tuned: a supernet's largest subnet is taken out of it first."""
    project = session.require()
    train = catalogue.to_learn(project, "train")
    if len(train) < 2:
        raise Refused("Tuning teaches a network to tell classes apart. Add two classes on Images.")
    if project.read_only or subnets.is_mixture(session):
        with project.gesture("Begin with the largest subnet", all_or_nothing=True) as gesture:
            yield from study.learn(session, gesture, *study.choice(session, "", None), "Learn")
        yield session.changed("learnt")


def pursue(session: Session, run: Run, adopt: str) -> Generator[Event, None, dict[str, Any]]:
    """Trains a run to its end. Left before it, the run is paused: a checkpoint is kept."""
    project = session.require()
    runs.change(project, run.id, state="running")
    course = None
    try:
        course = yield from course_of(session, run)
        if course.resume():
            done = course.training.position
            yield Notice(f"Going on from step {done} of {course.total}.")
        for event in course.follow():
            yield event
            if isinstance(event, Saved):
                keep_curve(session, run, course)
    except BaseException:
        if course is not None and course.training.position:
            course.save()
        keep_curve(session, run, course)
        runs.change(project, run.id, state="paused")
        raise
    keep_curve(session, run, course)
    return (yield from conclude(session, run, course, adopt))


def keep_curve(session: Session, run: Run, course: Course | None) -> None:
    """Stores what was measured so far, so that it can be looked at beside other runs."""
    if course is None or not course.training.position:
        return
    account, plan = course.account, course.plan()
    curve = {
        "epochs": account.epochs,
        "steps": {name: thinned(values) for name, values in account.steps.items()},
        "layers": dict(vars(plan)),
        "saved": account.saved(course.training.position),
        "done": course.training.position,
        "total": course.total,
    }
    runs.change(session.require(), run.id, curve=curve, seconds=account.seconds)


def thinned(values: list[float]) -> list[float]:
    """At most 1,000 of them, evenly."""
    step = max(1, len(values) // 1000)
    return values[::step]


def conclude(
    session: Session, run: Run, course: Course, adopt: str
) -> Generator[Event, None, dict[str, Any]]:
    """Compares a trained network with the one in use, keeps it, and adopts it where asked."""
    project, backbone = session.require(), session.backbone()
    yield Progress(0, None, "Comparing with the network in use")
    parts = course.best()
    course.tuning.concluded(parts[HEAD], course.new)  # type: ignore[arg-type]
    trained = course.held_out()
    stages = [Stage(name, part.cpu()) for name, part in parts.items() if name != HEAD]
    origin, growth = origin_for(session), course.tuning.growth(growth_of(backbone))
    stages = course.tuning.undressed(stages)
    content = tuned_bytes(stages, origin, growth)
    tuned = as_tuned(replace(backbone, stages=stages), facts_for(origin, growth))
    before = yield from verdict.judge(session, session.extractor())
    extractor = Extractor(tuned, device=session.device, cache=cache_folder())
    after = yield from verdict.judge(session, extractor)
    result = {**verdict.compared(before, after), "trained_head": trained}
    weights = project.blobs.put(content)
    runs.change(project, run.id, state="done", result=result, weights=weights)
    runs.clear(project, run.id)
    yield Saved("run", str(run.id))
    use = adopt == "always" or (adopt == "better" and verdict.better(result))
    if use:
        yield from take(session, runs.find(project, run.id))
    else:
        yield session.changed("runs")
        yield Notice(kept_apart(result) if adopt != "never" else "The run is kept; adopt it later.")
    return {**summary(run, course), **result, "adopted": use}


def kept_apart(result: Mapping[str, Any]) -> str:
    gain = 100 * result["difference"]["all"][0]
    return (
        f"The tuned network is no better on the held-out images ({gain:+.1f} points), so the one "
        "in use stays. The run is kept: adopt it all the same, or repeat it with other settings."
    )


def summary(run: Run, course: Course) -> dict[str, Any]:
    """What a run took, in plain values."""
    account, plan = course.account, course.plan()
    ends = [e["seconds"] for e in account.epochs]
    table = course.lessons.timetable
    return {
        "run": run.id,
        "seconds": account.seconds,
        "seconds_per_epoch": [b - a for a, b in zip([0.0, *ends], ends, strict=False)],
        "layers": [
            {
                "stage": name,
                "frozen_at_iteration": first_frozen(table, number, course.total),
                "learning_rates": list(plan.rates[number]),
            }
            for number, name in enumerate(plan.stages)
        ],
        "saved": account.saved(course.training.position),
    }


def first_frozen(table: Timetable, number: int, total: int) -> int | None:
    """The first iteration of the time to the end in which a stage stands still."""
    standing = [table.stands(number, position) for position in range(total)]
    if not standing or not standing[-1]:
        return None
    return total - next((n for n, s in enumerate(reversed(standing)) if not s), total)


def take(session: Session, run: Run) -> Generator[Event, None, None]:
    """Makes a run's network the project's, as a gesture, and learns all classes with it."""
    project = session.require()
    origin = origin_for(session)
    title = f"Adopt run {run.id}"
    with project.gesture(title, all_or_nothing=True) as gesture:
        with project.transaction(gesture) as db:
            if origin.weights:
                why = "the network that a tuned one began with"
                db.execute("INSERT OR IGNORE INTO kept VALUES (?, ?)", [origin.weights, why])
            project.set_facts(backbone=TUNED, weights=run.weights, step=None)
        yield session.changed("backbone")
        yield from study.learn(session, gesture, *study.choice(session, "", None), title)
    yield session.changed("learnt")


def origin_for(session: Session) -> Origin:
    """The network that the project's tuned one began with, or the one in use."""
    facts, backbone = session.require().facts, session.backbone()
    if facts["backbone"] == TUNED:
        return origin_of(backbone.facts)
    return Origin(facts["backbone"], facts["weights"], facts["size"], backbone.digest,
                  backbone.licence)  # fmt: skip


# What a run is made from.


def course_of(session: Session, run: Run) -> Generator[Event, None, Course]:
    """The run's pictures, network and optimiser, at its first step."""
    tuning, timing = made(run.tuner, run.schedule, run.settings)
    project, backbone = session.require(), session.backbone()
    device, size = devices.choose(session.device), backbone.preprocessing.size
    place = runs.folder(project, run.id)
    place.mkdir(parents=True, exist_ok=True)
    corpus = yield from pictures(session, "train", round(size * LARGER))
    check_batch(len(corpus), tuning.batch)
    held_out = yield from pictures(session, "validation", size)
    new = places_of_new(session)
    yield from study.ensure(session, 1)
    part = chosen_part(session, tuning, corpus, new)
    torch.manual_seed(tuning.seed)
    head = yield from first_head(session, frozenset() if part is corpus else new)
    corpus = part
    stack = stack_of(tuning.dressed(backbone), head, device)
    names, total = list(stack.parts), tuning.steps(len(corpus))
    table = Timetable(timing, names, tuning.lr, total)
    views = Views(corpus, backbone.preprocessing, tuning.augment, tuning.seed)
    lessons = Lessons(tuning, views, table, device)
    shown, kept = Views(held_out, backbone.preprocessing, "none"), None
    if tuning.views and any(levels := levels_of(table)):
        stages = [stack.parts[name] for name in names[:-1]]
        lessons.prefix, kept = yield from prefixes(stages, lessons, shown, levels, place)
    training = Training(stack, tuning.optimised(stack), table)
    loss = tuning.loss(stack, new)
    return Course(training, lessons, tuning, shown, kept, new, loss, place)


def chosen_part(session: Session, tuning: Tuning, corpus: Corpus, new: frozenset[int]) -> Corpus:
    """The pictures that a tuner wants to learn from."""
    extractor = session.extractor()
    features = study.features_by(session, extractor, 1)
    if features.missing(corpus.files):
        return corpus
    rows = session.require().db.query("SELECT sha256, bytes FROM image")
    sizes = {row["sha256"]: row["bytes"] for row in rows}
    rows = tuning.chosen(
        features.get(corpus.files)[:, 0], corpus.classes,
        np.array([sizes[h] for h in corpus.files]), new,
    )  # fmt: skip
    return corpus if rows is None else part_of(corpus, rows)


def levels_of(table: Timetable) -> list[int]:
    """The prefixes that a schedule will freeze for good, one after the other."""
    return sorted({table.settled(position) for position in range(table.total)} - {0})


def prefixes(
    stages: list[nn.Module], lessons: Lessons, shown: Views, levels: list[int], place: Any
) -> Generator[Event, None, tuple[Prefix, Prefix]]:
    """Where the outputs of frozen stages are kept, for pictures to learn from and held-out ones."""
    views, asked = lessons.views, lessons.tuning.views
    pictures = len(views.corpus) + len(shown.corpus)
    count, fitting = plan_of(stages, views.size, levels, pictures, asked, room(place))
    if count < asked or fitting < set(levels):
        yield Notice(
            f"There is room to keep {count} of {asked} views of each image for frozen stages "
            f"({len(fitting)} of {len(levels)} cuts). The rest is computed each time."
        )
    made_of = []
    for name, seen, many in (("train", views, count), ("shown", shown, 1)):
        folder = place / name
        folder.mkdir(exist_ok=True)
        made_of.append(Prefix(stages, seen, many, folder, fitting))
    return made_of[0], made_of[1]


def pictures(session: Session, split: str, side: int) -> Generator[Event, None, Corpus]:
    """A split's pictures, decoded once for all runs at this size."""
    project = session.require()
    mark = hashlib.sha256(str(project.path.absolute()).encode()).hexdigest()[:12]
    store = cache_folder() / "decoded" / f"{project.path.stem}-{mark}-{side}-{split}"
    return (yield from of_project(project, split, store, side))


def places_of_new(session: Session) -> frozenset[int]:
    """The places, in a corpus, of the classes that the last step brought."""
    numbers = sorted(catalogue.to_learn(session.require(), "train"))
    added = verdict.new_classes(session)
    return frozenset(at for at, number in enumerate(numbers) if number in added)


def first_head(session: Session, without: frozenset[int]) -> Generator[Event, None, nn.Linear]:
    """A linear head that begins as discriminant analysis on the features that there are.

    A head that already tells the classes apart does not distort the features under it in the first
    steps (Kumar et al. 2022, "Fine-tuning can distort pretrained features"). Its logits are scaled
    so that their cross-entropy on training images is least. The classes at the places `without`
    begin from nothing: the head is then the one before they came.
    """
    extractor = session.extractor()
    lost = yield from study.ensure(session, 1, extractor)
    train = study.without(catalogue.to_learn(session.require(), "train"), lost)
    numbers = sorted(train)
    known = {n: hashes for at, (n, hashes) in enumerate(sorted(train.items())) if at not in without}
    material = study.Material(study.features_by(session, extractor, 1), known, {})
    seen, truth = material.sample()
    learner = session.learner("slda", {})
    new = {number: material.of(hashes) for number, hashes in known.items()}
    yield from learner.learn(Task(new, seen, truth))
    found = learner.head()
    places = [numbers.index(number) for number in learner.classes]
    scale = scale_of(found(seen), torch.searchsorted(torch.tensor(learner.classes), truth))
    head = nn.Linear(found.weight.shape[1], len(numbers))
    with torch.no_grad():
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
        head.weight[places] = scale * found.weight
        head.bias[places] = scale * found.bias
    return head


@torch.no_grad()
def scale_of(logits: torch.Tensor, truth: torch.Tensor) -> float:
    """The factor with which logits (images, classes) have the least cross-entropy."""
    scales = torch.logspace(-3, 1, 41)
    losses = [float(nn.functional.cross_entropy(scale * logits, truth)) for scale in scales]
    return float(scales[int(np.argmin(losses))])
