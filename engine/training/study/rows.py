"""A row of a study, measured: what it answers on the held-out images, and what it cost.

Seconds are of learning: gradient steps, a pass over the images with the network as it is then, at
the speed that it was timed at, and the closed form. So what a project keeps already makes no row
quicker. A tuned network is judged as it is after its last step: the best of its epochs would have
been chosen by the images that judge it.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine.errors import Diverged, EndEarly, Refused
from engine.events import Event, Progress
from engine.learners import LEARNERS, Learner
from engine.learning import material
from engine.learning.material import LearningData
from engine.models.backbone import Backbone, Stage
from engine.models.backbones import tuned_backbone
from engine.models.extractor import Extractor
from engine.models.growth import growth_of
from engine.models.provenance import Origin
from engine.models.tuned import as_tuned, facts_for, tuned_bytes
from engine.session import Session
from engine.storage import catalogue, study
from engine.storage.project import Project
from engine.storage.runs import Run
from engine.system.files import replace_file
from engine.system.progress import Eta
from engine.training.adopt import origin_for
from engine.training.branching.costs import macs_of
from engine.training.run import TuningRun
from engine.training.setup import course_of
from engine.training.study.in_use import in_use
from engine.training.study.networks import other_network
from engine.training.study.plan import WHOLE, Cell, StudyPlan
from engine.training.study.strategies import Strategy
from engine.training.tuner import HEAD
from engine.training.unlabelled.run import AdaptingRun

GONE = "Images went away meanwhile. Bring them back, or learn without them, and start again."
TIMED = 32
"""Images by which a network's pass is timed."""
COLLAPSED = (
    "It came to give nearly the same for all images. More images, or fewer epochs, may help."
)


def measured(session: Session, plan: StudyPlan, cell: Cell) -> Generator[Event, None, None]:
    """Measures a cell and keeps it. Left before its end, what was tuned so far is kept."""
    changed = cell.strategy.other or cell.strategy.tuner
    make = tuned if cell.trains else of_network if changed else closed_form
    facts = yield from make(session, plan, cell)
    study.keep_row(plan.project, cell.key, {"strategy": cell.strategy.name, **facts})
    shutil.rmtree(place_of(plan, cell), ignore_errors=True)


def place_of(plan: StudyPlan, cell: Cell) -> Path:
    return study.folder(plan.project) / cell.key[:32]


def network_of(plan: StudyPlan, cell: Cell) -> Path:
    """Where the network of a row that was tuned is kept."""
    return study.networks(plan.project) / f"{cell.key[:32]}.safetensors"


# Closed forms.


def of_network(
    session: Session, plan: StudyPlan, cell: Cell
) -> Generator[Event, None, dict[str, Any]]:
    """The project's learner on the features of another network, of images as large, or of the one
    that this row made of all images."""
    yield Progress(0, None, "Reading the network")
    if cell.strategy.tuner:
        backbone = yield from network_made(session, plan, cell.strategy)
    else:
        backbone = yield from other_network(session, plan, cell.strategy)
    return (yield from by_closed_form(session, plan, cell, backbone))


def by_closed_form(
    session: Session,
    plan: StudyPlan,
    cell: Cell,
    backbone: Backbone,
    seconds: float = 0.0,
    trained: int = 0,
) -> Generator[Event, None, dict[str, Any]]:
    """What a learner makes of a share of the images with a network that the project does not
    keep."""
    learner = LEARNERS.make(cell.learner, cell.settings["learner"])
    extractor, split = session.extractor_of(backbone), plan.part(cell.share)
    if cell.strategy.tuner:
        extractor.cache = None  # of no use after this row
    features = yield from features_of(plan.project, split.hashes, extractor, learner.views)
    data = LearningData(features, split)
    return judged(plan, cell, learner, session, extractor, data, seconds, trained)


def network_made(
    session: Session, plan: StudyPlan, strategy: Strategy
) -> Generator[Event, None, Backbone]:
    """The network of a row that was tuned on all images, made anew where it is not kept."""
    whole = plan.cell(strategy, WHOLE)
    if not network_of(plan, whole).exists():
        yield from measured(session, plan, whole)
    content, size = network_of(plan, whole).read_bytes(), session.backbone().preprocessing.size
    return tuned_backbone(content, plan.project.blobs.path, size)


def closed_form(
    session: Session, plan: StudyPlan, cell: Cell
) -> Generator[Event, None, dict[str, Any]]:
    """A learner on the features of the project's network."""
    extractor = session.extractor()
    learner = LEARNERS.make(cell.learner, cell.settings["learner"])
    data = yield from material.learning_data(plan.project, extractor, learner.views)
    if set(data.split.hashes) != set(plan.split.hashes):
        raise Refused(GONE)
    data = replace(data, split=plan.part(cell.share))
    return judged(plan, cell, learner, session, extractor, data)


def judged(
    plan: StudyPlan,
    cell: Cell,
    learner: Learner,
    session: Session,
    extractor: Extractor,
    data: LearningData,
    seconds: float = 0.0,
    trained: int = 0,
) -> dict[str, Any]:
    """What a learner answers from features, with what it cost beside what it has cost already."""
    images, clock = sum(map(len, data.train.values())), time.perf_counter()
    for _ in learner.learn(data.task()):
        pass
    learning = time.perf_counter() - clock
    head, asked = learner.head(), data.of(plan.hashes)
    answers = learner.answers(asked)
    looking = learner.views * images * seconds_an_image(session, extractor)
    backbone, whole = extractor.backbone, cell.share == WHOLE
    used = in_use(backbone, head, learner.views, names_of(plan)) if whole else {}
    return {
        "answers": answers.tolist(),
        "images": images,
        "seconds": seconds + looking + learning,
        "trained": trained,
        **costs(backbone, head, learner.views),
        **used,
    }


def names_of(plan: StudyPlan) -> tuple[str, ...]:
    names = catalogue.class_names(plan.project)
    return tuple(names[number] for number in sorted(plan.split.train))


def seconds_an_image(session: Session, extractor: Extractor) -> float:
    """A pass of the network, timed once on random pixels; the first pass is not counted."""

    def timed() -> float:
        size = extractor.backbone.preprocessing.size
        pixels = np.random.default_rng(0).integers(0, 256, (TIMED, size, size, 3), np.uint8)
        extractor(pixels)
        clock = time.perf_counter()
        extractor(pixels)
        return (time.perf_counter() - clock) / TIMED

    return float(session.keep(("seconds an image", extractor.key), timed))


def costs(backbone: Backbone, head: nn.Module, views: int) -> dict[str, int]:
    """Multiply-adds for one image, and the bytes of all weights, with the head's."""
    size, trunk = backbone.preprocessing.size, backbone.below()
    macs = macs_of(trunk, torch.zeros(1, 3, size, size)) * views * backbone.looks
    macs += macs_of(head, torch.zeros(1, views, backbone.width))
    return {"macs": int(macs), "bytes": bytes_of(trunk) + bytes_of(head)}


def bytes_of(module: nn.Module) -> int:
    """Of parameters and of what else a module keeps, such as the statistics of batch norms."""
    return sum(t.numel() * t.element_size() for t in (*module.parameters(), *module.buffers()))


# What is tuned.


def tuned(session: Session, plan: StudyPlan, cell: Cell) -> Generator[Event, None, dict[str, Any]]:
    """A tuned network with the head that was trained on it, or a closed form."""
    place = place_of(plan, cell)
    if cell.strategy.network:
        session = session.with_network((yield from other_network(session, plan, cell.strategy)))
    course = yield from trained_course(session, plan, cell, place)
    if isinstance(course, AdaptingRun) and course.collapsed:
        raise Diverged(COLLAPSED)
    trained, seconds = weights_trained(course), course.account.seconds
    backbone, content = network_after(session, course, cell.strategy.network)
    if cell.strategy.own_head:
        head, images = OwnHead(course.stack.parts[HEAD].cpu()), plan.learnt_of(cell.share)
        answers = yield from answers_of(plan, course)
        found = {"answers": answers, "images": images, "seconds": seconds, "trained": trained}
        whole = cell.share == WHOLE
        used = in_use(backbone, head, 1, names_of(plan)) if whole else {}
        return {**found, **costs(backbone, head, 1), **used}
    if cell.share == WHOLE:
        keep_network(plan, cell, content)
    return (yield from by_closed_form(session, plan, cell, backbone, seconds, trained))


def keep_network(plan: StudyPlan, cell: Cell, content: bytes) -> None:
    """Writes the network that a row made, so that it can be used without training it again."""
    path = network_of(plan, cell)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, content)


class OwnHead(nn.Module):
    """A head over plain features as one that takes several views."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def forward(self, features: Tensor) -> Tensor:
        return self.head(features[:, 0])


def trained_course(
    session: Session, plan: StudyPlan, cell: Cell, place: Path
) -> Generator[Event, None, TuningRun]:
    """A run that is in no list, to its last step; it goes on from its checkpoint, and leaves one
    where it is left."""
    strategy, settings = cell.strategy, cell.settings["tuned"]
    place.mkdir(parents=True, exist_ok=True)
    run = Run(
        0, "", strategy.title, strategy.tuner, strategy.schedule, settings, "", "", {}, {}, "", 0.0
    )
    share = plan.part(cell.share).train.values() if cell.share < WHOLE else ()
    only = {sha256 for hashes in share for sha256 in hashes}
    course = yield from course_of(session, run, place, only)
    course.watched = False  # only what it is after its last step counts
    try:
        yield from course.follow()
    except (GeneratorExit, EndEarly):
        course.save()
        raise
    course.stack.freeze(())
    course.stack.eval()
    return course


def weights_trained(course: TuningRun) -> int:
    """How many weights learnt in any step, those of the head beside the stages too."""
    head = course.stack.parts[HEAD]
    return weights_tuned(course) + sum(parameter.numel() for parameter in head.parameters())


def weights_tuned(course: TuningRun) -> int:
    """How many weights of the stages learn in any step."""
    stack, table = course.stack, course.lessons.timetable
    return sum(
        parameter.numel()
        for number, (name, part) in enumerate(stack.parts.items())
        if name != HEAD
        and not all(table.stands(number, position) for position in range(course.total))
        for own, parameter in part.named_parameters()
        if f"{name}.{own}" not in stack.fixed
    )


def network_after(session: Session, course: TuningRun, network: str) -> tuple[Backbone, bytes]:
    """The stages that were trained, as a network like the project's or another `network`, and as
    the bytes of a file."""
    backbone = session.extractor().backbone
    parts = course.stack.parts.items()
    stages = [Stage(name, part.cpu()) for name, part in parts if name != HEAD]
    origin = origin_for(session.require(), backbone)
    if network:
        size, terms = backbone.preprocessing.size, backbone.licence
        origin = Origin(backbone.name, "", size, backbone.digest, terms)
    growth = course.tuning.growth(growth_of(backbone))
    stages = course.tuning.undressed(stages)
    tuned = as_tuned(replace(backbone, stages=stages), facts_for(origin, growth))
    return tuned, tuned_bytes(stages, origin, growth)


def answers_of(plan: StudyPlan, course: TuningRun) -> Generator[Event, None, list[int]]:
    """What the head that was trained says of the held-out images: class numbers."""
    numbers, said, shown = sorted(plan.split.train), dict[str, int](), course.shown
    stack = course.stack.cpu()
    for at in range(0, len(shown.corpus), 64):
        rows = np.arange(at, min(at + 64, len(shown.corpus)))
        with torch.no_grad():
            best = stack(shown(rows, np.zeros(len(rows), np.int64))).argmax(1)
        for row, place in zip(rows, best.tolist(), strict=True):
            said[shown.corpus.files[row]] = numbers[place]
        yield Progress(at + len(rows), len(shown.corpus), "Answering")
    if not said.keys() >= set(plan.hashes):
        raise Refused(GONE)
    return [said[sha256] for sha256 in plan.hashes]


@dataclass
class InMemory:
    """Features of a network that the project does not keep."""

    key: str
    moments: int
    known: dict[str, np.ndarray] = field(default_factory=dict)

    def get(self, hashes: Sequence[str]) -> np.ndarray:
        return np.stack([self.known[sha256] for sha256 in hashes])

    def missing(self, hashes: Iterable[str]) -> list[str]:
        return [sha256 for sha256 in hashes if sha256 not in self.known]


def features_of(
    project: Project, every: Sequence[str], extractor: Extractor, views: int
) -> Generator[Event, None, InMemory]:
    """What a network makes of images, read where the project keeps it. Raises Refused where one is
    gone by now."""
    there = material.features_by(project, extractor, views)
    hashes = there.missing(every)
    have = sorted({*every}.difference(hashes))
    known = dict(zip(have, there.get(have), strict=True)) if have else {}
    found = InMemory(extractor.key, extractor.backbone.moments, known)
    if not hashes:
        return found
    eta, batch = Eta(len(hashes), "Looking at images"), dict[str, np.ndarray]()
    preprocessing = extractor.backbone.preprocessing
    with closing(catalogue.decoded(project, hashes, preprocessing)) as images:
        for number, (sha256, image) in enumerate(images, 1):
            if image is None:
                raise Refused(GONE)
            batch[sha256] = image.seen
            if len(batch) == material.BATCH or number == len(hashes):
                made = extractor(np.stack(list(batch.values())), views)
                found.known.update(zip(batch, made, strict=True))
                batch = {}
                yield eta.at(number)
    return found
