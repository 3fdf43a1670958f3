"""A form of the network trained a little, toward what the whole network makes of the images."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from engine.errors import BadSetting
from engine.events import Event, Notice, Progress, Step, Work
from engine.jobs import job
from engine.models.backbone import Backbone
from engine.models.elastic.architecture import ElasticArchitecture
from engine.models.elastic.blocks import shaped, widths_of
from engine.models.elastic.passes import width_at
from engine.results.specialise import FormEstimate, FormTrained
from engine.search.elastic import networks, trained, using
from engine.search.elastic.choice import Choice, choice_for
from engine.session import Session
from engine.storage.project import Project
from engine.system.progress import Eta
from engine.training.distilling import (
    BATCH,
    Lesson,
    Recipe,
    distilled,
    error_on,
    learner_of,
    taught_by,
)

EPOCHS, LOOKED = 3, 8
MOST_EPOCHS = 100
HELD_OUT = 256
"""Images at most that had no part in it and tell whether it helped."""
FORWARD = 1 / 3
"""Of a step, the share of the pass from images to features."""
FOLDING = 5
"""A fold looks at each image about so often."""
WORSE = (
    "Training did not bring its features nearer to those of the whole network ({before:.3f} "
    "before, {after:.3f} after), so nothing was kept."
)


@job("Train a little")
def train_form(session: Session, *, architecture: str, epochs: int = EPOCHS) -> Work[FormTrained]:
    """Trains a network that a search measured toward the features of the whole one, on the
    project's images without their classes, and measures it again.

    It is kept beside the one that it was made of where the error of its features on held-out
    images fell; the project's network stays. Stopped or killed, it goes on from its last pass over
    the images. Raises BadSetting or Refused.
    """
    wanted = ElasticArchitecture.parse(architecture)
    session.require().check_writable()
    choice = checked(session, wanted, epochs)
    return (yield from train(choice, wanted, epochs))


@job("Estimating the time of training a little", reads=True)
def estimate_train_form(
    session: Session, *, architecture: str, epochs: int = EPOCHS
) -> Work[FormEstimate]:
    """About how long `train_form` takes, from a step on made-up images. Nothing is written."""
    yield Progress(0, None, "Timing a few steps")
    wanted = ElasticArchitecture.parse(architecture)
    choice = checked(session, wanted, epochs)
    images = len(choice.bench.sample.train)
    return {"seconds": seconds_of(choice, wanted, epochs), "images": images, "epochs": epochs}


def checked(session: Session, wanted: ElasticArchitecture, epochs: int) -> Choice:
    """What a training needs. Raises BadSetting or Refused for what can't be trained."""
    if not 1 <= epochs <= MOST_EPOCHS:
        raise BadSetting(f"Look at the images 1 to {MOST_EPOCHS} times, not {epochs} times.")
    trained.check_untrained(wanted)
    choice = choice_for(session, (), {}, 0)
    trained.facts_of(choice, wanted)
    size = trained.teacher_of(choice, wanted).preprocessing.size
    if not wanted.shares and size == wanted.resolution:
        raise BadSetting(
            "This is the whole network at its largest size: there is none from which it could "
            "learn. Choose a smaller one."
        )
    return choice


def train(choice: Choice, wanted: ElasticArchitecture, epochs: int = EPOCHS) -> Work[FormTrained]:
    """Trains a form, and keeps it where that helped."""
    clock, bench, recipe = time.perf_counter(), choice.bench, Recipe(epochs)
    network = learner_of((yield from trained.student_of(choice, wanted)))
    student = bench.dressed(network)
    lesson, held = yield from lessons(choice, wanted, student)
    body = student.below().eval()
    before = error_on(body, held)
    checkpoint = checkpoint_for(choice, wanted, recipe)
    pace = Eta(recipe.steps(len(lesson)), "Training it a little")
    for event in distilled(student.stages, lesson, recipe, checkpoint, str(wanted)):
        yield pace.at(event.done) if isinstance(event, Step) else event
    after = error_on(body, held)
    kept = after < before
    if kept:
        wanted = yield from trained.keep(choice, wanted, network, before, after)
    else:
        yield Notice(WORSE.format(before=before, after=after))
    shutil.rmtree(checkpoint.parent, ignore_errors=True)
    facts = trained.facts_of(choice, wanted)
    return {
        "architecture": str(wanted),
        "kept": kept,
        "before": before,
        "after": after,
        "accuracy": facts["accuracy"],
        "images": len(lesson),
        "seconds": time.perf_counter() - clock,
    }


def lessons(
    choice: Choice, wanted: ElasticArchitecture, student: Backbone
) -> Generator[Event, None, tuple[Lesson, Lesson]]:
    """The project's images, those to learn from and those held out, with what the whole network
    makes of them."""
    bench, teacher = choice.bench, trained.teacher_of(choice, wanted)
    pairs = (bench.sample.train, bench.sample.held_out[:HELD_OUT])
    yield from bench.prepare(teacher.preprocessing)
    there = [[pair for pair in some if pair[0] in bench.seen[1]] for some in pairs]
    pace = Eta(sum(map(len, there)), "Asking the whole network")
    body, taught = teacher.below().eval(), list[torch.Tensor]()
    for some in there:
        pixels, done = bench.of(some)[0], sum(map(len, taught))
        found = list[torch.Tensor]()
        for part in np.array_split(pixels, -(-len(pixels) // BATCH)):
            found.append(taught_by(body, part, teacher.preprocessing))
            yield pace.at(done + sum(map(len, found)))
        taught.append(torch.cat(found))
    yield from bench.prepare(student.preprocessing)
    made = [
        Lesson(bench.of(some)[0], student.preprocessing, found, student.moments)
        for some, found in zip(there, taught, strict=True)
    ]
    return made[0], made[1]


def checkpoint_for(choice: Choice, wanted: ElasticArchitecture, recipe: Recipe) -> Path:
    """Where a training keeps how far it is; those of others go."""
    text = f"{choice.bench.key(using.origin_named(choice, wanted).digest)}|{wanted}|{recipe}"
    folder = folder_of(choice.bench.project)
    path = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.pt"
    for other in folder.glob("*"):
        if other != path:
            other.unlink(missing_ok=True)
    return path


def folder_of(project: Project) -> Path:
    return project.path / "trained"


def seconds_of(choice: Choice, wanted: ElasticArchitecture, epochs: int) -> float:
    """From a step on made-up images, and a pass of the whole network."""
    bench, teacher = choice.bench, trained.teacher_of(choice, wanted)
    images, size = len(bench.sample.train), wanted.resolution
    body = bench.dressed(learner_of(unfolded(choice, wanted))).below().eval()
    batch, side = min(BATCH, images), teacher.preprocessing.size

    def step() -> None:
        body(torch.randn(batch, 3, size, size)).square().mean().backward()

    def look() -> None:
        with torch.inference_mode():
            teacher.below().eval()(torch.randn(LOOKED, 3, side, side))

    each = seconds(step)
    asked = 2 * (images + min(HELD_OUT, len(bench.sample.held_out))) * seconds(look) / LOOKED
    fold = FOLDING * images * each * FORWARD / batch if wanted.shares else 0.0
    return Recipe(epochs).steps(images) * each + asked + fold


def unfolded(choice: Choice, wanted: ElasticArchitecture) -> Backbone:
    """A network of this form whose weights are worth nothing."""
    origin = using.origin_named(choice, wanted)
    network = networks.network_of(choice.bench.project, origin, wanted.resolution)
    full = widths_of(network.stages)
    shares = wanted.by_place(list(full))
    widths = {place: width_at(full[place], share) for place, share in shares.items()}
    return replace(network, stages=shaped(network.stages, widths))


def seconds(work: Callable[[], None]) -> float:
    """What it takes the second time: the first takes memory, too."""
    work()
    clock = time.perf_counter()
    work()
    return time.perf_counter() - clock
