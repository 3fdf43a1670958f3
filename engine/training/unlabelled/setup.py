"""What a run without classes is made from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from engine.errors import Refused
from engine.events import Event
from engine.learners import LEARNERS, Learner
from engine.learning import material
from engine.models.backbone import Backbone
from engine.session import Session
from engine.storage import catalogue, runs
from engine.storage.project import Project
from engine.storage.runs import Run
from engine.system import device as devices
from engine.system.files import replace_file
from engine.training.augment import Views
from engine.training.batches import check_batch
from engine.training.branching.heads import PER_BRANCH
from engine.training.dataset import ImageArray, kept
from engine.training.distributed.group import ALONE, Group
from engine.training.loop import Stack, Training
from engine.training.schedules import Schedule, Timetable
from engine.training.setup import LARGER, levels_of, made_in, prefixes, store_of
from engine.training.tuner import stack_of
from engine.training.unlabelled.method import NOTHING, PRETRAINED, Above, PairLoss, UnlabelledMethod
from engine.training.unlabelled.methods import METHODS
from engine.training.unlabelled.pairs import PairSource, pixels_in_project, unlabelled_images
from engine.training.unlabelled.run import AdaptingRun, ClosedForm

USUAL = "slda"
"""Where the project's own learner looks at several views of an image, or needs branches."""


def adapting_course(
    session: Session, run: Run, place: Path, group: Group
) -> Generator[Event, None, AdaptingRun]:
    """The run's images, network and optimiser, at its last checkpoint or else its first step.

    Raises UnusableWeights where the checkpoint is broken, and Refused where its images changed.
    """
    method, timing = made_in(METHODS, run.tuner, run.schedule, run.settings)
    project, backbone = session.require(), session.backbone()
    begun, side = (place / runs.CHECKPOINT).exists(), size_of(method, backbone)
    store = store_of(project, round(side * LARGER), "unlabelled")
    source, most = method.images, method.most
    images = yield from unlabelled_images(project, source, most, store, round(side * LARGER))
    check_batch(len(images), method.batch)
    check_same(images, place / "images.txt", begun)
    shown, judge = yield from judged_by(project, backbone)
    course = assembled(session, backbone, method, timing, images, shown, judge, place, group)
    lessons, stack = course.lessons, course.stack
    assert isinstance(lessons, PairSource)
    stages = list(stack.parts.values())[:-1]
    check_learns(method, lessons.timetable)
    if levels := levels_of(method, lessons.timetable):
        lessons.prefix, course.kept = yield from prefixes(
            stages, lessons, course.shown, levels, place
        )
    if begun:
        course.resume()
    return course


def size_of(method: UnlabelledMethod, backbone: Backbone) -> int:
    return method.size or backbone.preprocessing.size


def assembled(
    session: Session,
    backbone: Backbone,
    method: UnlabelledMethod,
    timing: Schedule,
    images: ImageArray,
    shown: ImageArray,
    judge: ClosedForm,
    place: Path,
    group: Group = ALONE,
) -> AdaptingRun:
    """A run at its first step, without room for what is kept."""
    device = devices.choose(session.device)
    training, lessons, loss = adapting_parts(method, timing, backbone, images, device, group)
    plain = Views(shown, backbone.preprocessing, "none")
    return AdaptingRun(
        training, lessons, method, plain, None, frozenset(), loss, place, judge=judge
    )


def adapting_parts(
    method: UnlabelledMethod,
    timing: Schedule,
    backbone: Backbone,
    images: ImageArray,
    device: torch.device,
    group: Group,
) -> tuple[Training, PairSource, PairLoss]:
    """What every process of a group has of a run: what is trained and shown, and the loss."""
    seen = backbone.preprocessing
    torch.manual_seed(method.seed)
    head = Above(method.head(backbone.width))
    stack = stack_of(method.dressed(backbone), head, device)
    if method.start == PRETRAINED:  # views, cut and blurred, have others than images in use
        stack.keep_statistics(stage.name for stage in backbone.stages)
    table = Timetable(timing, list(stack.parts), method.lr, method.steps(len(images)))
    side = size_of(method, backbone)
    views = Views(images, replace(seen, size=side, resize=side), method.augment, method.seed)
    lessons = PairSource(method, views, table, device, group=group)
    teacher = None
    if method.anchored:
        teacher = Stack(method.dressed(backbone)).to(device).requires_grad_(False).eval()
    loss = PairLoss(method, backbone.width, teacher)
    return Training(stack, method.optimised(stack), table, group=group), lessons, loss


def check_learns(method: UnlabelledMethod, table: Timetable) -> None:
    """Raises Refused where stages would keep random weights for a while, or for good."""
    if method.start == NOTHING and table.frozen(0):
        raise Refused(
            "From nothing, all stages must learn at first. Choose a schedule that freezes none of "
            "them at the beginning, or start from the pretrained network."
        )


def check_same(images: ImageArray, note: Path, begun: bool) -> None:
    """Raises Refused where a run that goes on would meet other images than it began with."""
    digest = hashlib.sha256("\n".join(images.files).encode()).hexdigest().encode()
    if not begun:
        replace_file(note, digest)
    elif not note.exists() or note.read_bytes() != digest:
        raise Refused(
            "The images that this run began with are not the same any more. Bring them back as "
            "they were, or start a new run."
        )


def judged_by(
    project: Project, backbone: Backbone
) -> Generator[Event, None, tuple[ImageArray, ClosedForm]]:
    """The project's images with classes as it sees them, and what learns from their features: of
    those to learn from a sample, and all that are held out."""
    split = catalogue.to_learn(project)
    learnt = material.sampled(split.train)
    held_out = [(h, n) for n in sorted(split.train) for h in split.validation.get(n, ())]
    if not held_out:
        raise Refused(
            "There are no held-out images to judge by. Add images on Images until each class has "
            "some."
        )
    hashes = [sha256 for sha256, _ in (*learnt, *held_out)]
    classes, size = [number for _, number in (*learnt, *held_out)], backbone.preprocessing.size
    store = store_of(project, size, "judged")
    with closing(pixels_in_project(project, hashes, size)) as pixels:
        shown = yield from kept(store, size, hashes, pixels, classes, ())
    first = {sha256 for sha256, _ in learnt}
    count = sum(sha256 in first for sha256 in shown.files)
    return shown, ClosedForm(learner_of(project), shown.classes, count)


def learner_of(project: Project) -> Callable[[], Learner]:
    """Makes learners as the project has one, or the usual one where that can't judge features."""
    name, settings = material.choice(project)
    if name == PER_BRANCH or LEARNERS.make(name, settings).views > 1:
        name, settings = USUAL, {}
    return partial(LEARNERS.make, name, settings)
