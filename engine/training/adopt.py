"""A run followed to its end, compared, and adopted where it is better."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace

from engine.errors import BadSetting, Diverged, EndEarly, Refused, UnusableWeights
from engine.events import Event, Notice, Progress, Saved, Work
from engine.learning import comparison, material, step, subnet
from engine.models.backbone import Backbone, Stage
from engine.models.growth import growth_of
from engine.models.provenance import Origin, facts_in, origin_of
from engine.models.tuned import TUNED, as_tuned, facts_for, tuned_bytes
from engine.results.scores import Compared
from engine.results.tune import ComparedRun, RunSummary, Tuned
from engine.session import Session
from engine.storage import catalogue, runs
from engine.storage.project import Project
from engine.storage.runs import Run
from engine.system.torchrun import note_run
from engine.training.distributed.group import other_processes
from engine.training.distributed.joined import joined
from engine.training.distributed.sent import share_course
from engine.training.run import TuningRun
from engine.training.schedules import Timetable
from engine.training.setup import course_of
from engine.training.tuner import HEAD

ADOPT = ("better", "clearly", "always", "never")
"""When a result is used: better on held-out images; better with 95 % certainty; always; never."""
UNSURE = (
    "The {} network did better on the held-out images, but so few of them can't tell for sure: "
    "the one in use stays. The run is kept, and its network can be used all the same."
)
KEPT = "The run is kept; its network can be used later."


# The steps of a run.


def mark_of(project: Project, backbone: Backbone) -> str:
    """Names what a run begins with: the network's weights, what it is shown, and the classes."""
    classes = sorted(catalogue.to_learn(project).train)
    return f"{backbone.digest}|{backbone.preprocessing.key}|{classes}"


def to_go_on(project: Project, backbone: Backbone, number: int) -> Run:
    """The unfinished run with a number, or the newest one for 0.

    Raises Refused where there is none, or where the network or the classes are others by now.
    """
    found = runs.find(project, number) if number else runs.newest_unfinished(project)
    if not found.unfinished:
        raise Refused("This run is done already. Start a new one with more epochs.")
    project.check_writable()
    if found.backbone != mark_of(project, backbone):
        raise Refused(
            "The project's network or its classes are no longer those that this run began with. "
            "Undo what changed them, or start a new run."
        )
    return found


def check_adopt(adopt: str) -> None:
    if adopt not in ADOPT:
        raise BadSetting(f"Adopt takes one of: {', '.join(ADOPT)}; not “{adopt}”.")


def ready(session: Session) -> Generator[Event, None, None]:
    """A network that can be tuned: a supernet's largest subnet is taken out of it first."""
    project = session.require()
    if len(catalogue.to_learn(project).train) < 2:
        raise Refused("Tuning teaches a network to tell classes apart. Add two classes on Images.")
    if project.read_only or subnet.is_mixture(project):
        with project.gesture("Begin with the largest subnet", all_or_nothing=True) as gesture:
            yield from step.learn(session, gesture, *material.choice(project), "Learn")
        yield session.changed("learnt")


def wanted(adopt: str, result: Compared) -> bool:
    """Whether a compared result is to be used."""
    better, clearly = comparison.better(result), comparison.clearly_better(result)
    return {"always": True, "better": better, "clearly": clearly}.get(adopt, False)


def train_run(session: Session, run: Run, adopt: str) -> Work[Tuned]:
    """Trains a run to its end. Left before it, the run is paused: a checkpoint is kept.

    Left between two steps, it is kept where it is; where something went wrong in a step, the
    checkpoint before stays, so that going on is always as if nothing had happened.
    """
    project, group = session.require(), joined()
    group.check(run.settings["batch"])
    runs.change(project, run.id, state="running")
    again = note_run(run.id)
    course = None
    try:
        course = yield from course_of(session, run, group=group)
        yield from begins(course, again)
        share_course(project, run, course)
        for event in course.follow():
            yield event
            if isinstance(event, Saved):
                keep_curve(project, run, course)
        keep_curve(project, run, course)
    except (GeneratorExit, EndEarly) as end:
        if course is not None:
            course.save()
            keep_curve(project, run, course)
        if course is None or isinstance(end, GeneratorExit):
            raise
        check_scored(course)
    except Diverged as error:
        raise Diverged(
            "Tuning diverged: the loss became infinite, so it stopped. Start again with a lower "
            "learning rate, or stop this run early where the list of runs still has it."
        ) from error
    finally:
        runs.change(project, run.id, state="paused")
    return (yield from finish_run_with(session, run, course, adopt))


def begins(course: TuningRun, again: bool) -> Iterator[Event]:
    """Says where a run goes on, and with how many others; `again` they were all started anew."""
    size, done = course.training.group.size, course.training.position
    if again:
        yield Notice("A process was lost, or a computer came or went. All were started again.")
    if size > 1:
        yield Notice(f"{size} processes train together, each on its part of every batch.")
    if done:
        yield Notice(f"Going on from step {done} of {course.total}.")
    if done and course.processes != size:
        yield Notice(other_processes(course.processes))


def check_scored(course: TuningRun) -> None:
    """Raises Refused before a run has anything that could be compared."""
    if not course.account.epochs:
        raise Refused("This run has not come to the end of an epoch yet. Go on with it first.")


def keep_curve(project: Project, run: Run, course: TuningRun) -> None:
    """Stores what was measured so far, so that it can be looked at beside other runs."""
    if not course.training.position:
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
    runs.change(project, run.id, curve=curve, seconds=account.seconds)


def thinned(values: list[float]) -> list[float]:
    """At most 1,000 of them, evenly."""
    return values[:: max(1, -(-len(values) // 1000))]


def finish_run_with(session: Session, run: Run, course: TuningRun, adopt: str) -> Work[Tuned]:
    """Compares a trained network with the one in use, keeps it, and adopts it where asked."""
    project, extractor = session.require(), session.extractor()
    backbone = extractor.backbone
    yield Progress(0, None, "Comparing with the network in use")
    parts = course.best()
    head = parts[HEAD]
    course.tuning.concluded(head, course.new)
    trained = course.held_out()
    stages = [Stage(name, part.cpu()) for name, part in parts.items() if name != HEAD]
    origin, growth = origin_for(project, backbone), course.tuning.growth(growth_of(backbone))
    stages = course.tuning.undressed(stages)
    content = tuned_bytes(stages, origin, growth)
    tuned = as_tuned(replace(backbone, stages=stages), facts_for(origin, growth))
    before = yield from comparison.judge(project, extractor)
    after = yield from comparison.judge(project, session.extractor_of(tuned))
    result: ComparedRun = {
        **comparison.compared(before, after),
        "first_head": course.account.begun,
        "trained_head": trained,
    }
    weights = project.blobs.put(content)
    keep_origin(project, origin)
    # Not done before it is adopted: cut off in between, it is gone on with, and adopted then.
    runs.change(project, run.id, result=result, weights=weights)
    use = wanted(adopt, result)
    if use:
        yield from adopt_network(session, runs.find(project, run.id))
    runs.change(project, run.id, state="done")
    runs.clear(project, run.id)
    yield Saved("run", str(run.id))
    if not use:
        yield session.changed("runs")
        better = comparison.better(result)
        unsure, apart = UNSURE.format(course.made), kept_apart(result, course.made)
        yield Notice(KEPT if adopt == "never" else unsure if better else apart)
    return {**summary(run, course), **result, "adopted": use}


def kept_apart(result: Compared, made: str) -> str:
    gain = 100 * result["difference"]["all"][0]
    return (
        f"The {made} network is no better on the held-out images ({gain:+.1f} points), so the one "
        "in use stays. The run is kept: use it all the same, or repeat it with other settings."
    )


def summary(run: Run, course: TuningRun) -> RunSummary:
    """What a run took, in plain values."""
    account, plan = course.account, course.plan()
    ends = [e["seconds"] for e in account.epochs]
    table, saved = course.lessons.timetable, account.saved(course.training.position)
    return {
        "run": run.id,
        "unlabelled": course.unlabelled(),
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
        "saved": {"seconds": saved["seconds"], "flops": saved["flops"]},
        "full_flops": account.full_flops * course.training.position,
    }


def first_frozen(table: Timetable, number: int, total: int) -> int | None:
    """The first iteration of the time to the end in which a stage stands still."""
    standing = [table.stands(number, position) for position in range(total)]
    if not standing or not standing[-1]:
        return None
    return total - next((n for n, s in enumerate(reversed(standing)) if not s), total)


def adopt_network(session: Session, run: Run) -> Generator[Event, None, None]:
    """Makes a run's network the project's, as a gesture, and learns all classes with it."""
    project = session.require()
    content = project.blobs.get(run.weights)
    if content is None:
        raise UnusableWeights("The weights of this run are damaged. Remove it, and tune again.")
    size, title = origin_of(facts_in(content)).size, f"Adopt run {run.id}"
    with project.gesture(title, all_or_nothing=True) as gesture:
        with project.transaction(gesture):
            project.set_facts(backbone=TUNED, weights=run.weights, size=size, step=None)
        yield session.changed("backbone")
        yield from step.learn(session, gesture, *material.choice(project), title)
    yield session.changed("learnt")


def keep_origin(project: Project, origin: Origin, gesture: int | None = None) -> None:
    """Keeps the weights of the network that a tuned one began with as long as the project."""
    if origin.weights:
        keep_blob(project, origin.weights, "the network that a tuned one began with", gesture)


def keep_blob(project: Project, blob: str, why: str, gesture: int | None = None) -> None:
    """Keeps a blob as long as the project."""
    with project.transaction(gesture) as db:
        db.execute("INSERT OR IGNORE INTO kept VALUES (?, ?)", [blob, why])


def origin_for(project: Project, backbone: Backbone) -> Origin:
    """The network that the project's tuned one began with, or the one in use."""
    facts = project.facts
    if facts["backbone"] == TUNED:
        return origin_of(backbone.facts)
    return Origin(
        facts["backbone"], facts["weights"], facts["size"], backbone.digest, backbone.licence
    )
