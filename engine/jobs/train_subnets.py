"""Training a supernet on images of one's own: the verb, its checks, its estimate and its file."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.events import Event, Progress, Work
from engine.jobs import job
from engine.results.specialise import SupernetTrained, SupernetTuners
from engine.results.tune import Estimate
from engine.search.search import usual_resolutions
from engine.storage import catalogue
from engine.system import device as devices
from engine.training.batches import check_batch
from engine.training.dataset import ImageArray, listed_in_project
from engine.training.distributed.joined import joined
from engine.training.distributed.sent import share_supernet
from engine.training.loop import Training
from engine.training.supernet.distillation import check_corpora, resumed
from engine.training.supernet.run import (
    TIMING,
    CheckpointWriter,
    calibration,
    check_files,
    counted,
    estimated,
    images,
    say_how_long,
    started,
    tuner_of,
)
from engine.training.supernet.shrinking import SUPERNET_TUNERS, of_supernet
from engine.training.supernet.start import NOT_OFFERED, base_of, proposed
from engine.training.supernet.teacher import taught
from engine.training.supernet.trainable import SupernetData

if TYPE_CHECKING:
    from engine.session import Session


@job("Training a once-for-all network")
def shrink(
    session: Session,
    *,
    out: str,
    base: str = "embedded",
    data: str = "",
    work: str = "",
    method: str = "sandwich",
    teacher: str = "",
    **settings: Any,
) -> Work[SupernetTrained]:
    """Trains the supernet `base`, so that all its subnets are good, and writes it to `out`.

    `base` is "project" (the open one's, also where a subnet is in use), "embedded", the name of a
    once-for-all network, or a supernet's file. `data` holds train/ and val/, one folder a class;
    without it the open project's own images are taken, by their split. `teacher`, a safetensors
    file of torchvision's mobilenet_v2, teaches beside the labels. `work` (beside `out` where it is
    empty) keeps decoded images and the checkpoint: the same call again goes on where it was, also
    with other `epochs`. `settings` are the fields of the tuner `method`. `out` is written after
    each scoring.
    """
    tuner = tuner_of(method, settings)
    check_files(out, base, teacher)
    device, begun = devices.choose(session.device), base_of(session, base)
    folder = Path(work) if work else Path(out).with_suffix(".work")
    corpus, shown = yield from images(session.project, data, folder, tuner)
    check_corpora(corpus, shown, tuner.batch)
    group = joined()
    group.check(tuner.batch)
    lessons = SupernetData(corpus, None, calibration(corpus, tuner, device), group)
    lessons = yield from with_teacher(lessons, teacher, tuner.teacher_size, folder / "train")
    training = started(tuner, begun, lessons, shown)
    keeper = CheckpointWriter(tuner, begun, lessons, shown, Path(out), folder / "shrink.pt")
    yield from resumed(training, keeper.fixed(), keeper.checkpoint)
    yield from say_how_long(tuner, training, lessons, shown)
    share_supernet(tuner, training, lessons, begun.shrunk)
    yield from keeper.follow(training)
    figures = yield from keeper.scored(training, len(shown))
    size = max(tuner.resolutions())
    return {"path": out, "work": str(folder), "steps": training.position, "size": size, **figures}


def with_teacher(
    lessons: SupernetData, file: str, size: int, folder: Path
) -> Generator[Event, None, SupernetData]:
    """Images with what a teacher's weights in `file` make of them; as they are without a file."""
    if not file:
        return lessons
    teacher = yield from taught(lessons.corpus.images, Path(file), size, folder)
    return replace(lessons, teacher=teacher)


@job("Estimating the time of a training", reads=True)
def estimate_shrink(
    session: Session,
    *,
    base: str = "embedded",
    data: str = "",
    method: str = "sandwich",
    teacher: str = "",
    out: str = "",
    work: str = "",
    **settings: Any,
) -> Work[Estimate]:
    """How long `shrink` with the same arguments takes: two real steps of each phase are timed.

    Decoding the images, and what a teacher makes of them, come on top at the first call. Nothing is
    written.
    """
    tuner = tuner_of(method, settings)
    begun, device = base_of(session, base), devices.choose(session.device)
    counts, names = counted(session.project, data)
    check_batch(counts[0], tuner.batch)
    yield Progress(0, None, TIMING)
    side = tuner.stored or max(tuner.resolutions())
    made = np.random.default_rng(0).integers(0, 256, (tuner.batch, side, side, 3), np.uint8)
    corpus = ImageArray(made, np.arange(tuner.batch) % len(names), names)
    lessons = SupernetData(corpus, None, calibration(corpus, tuner, device))
    trial = started(tuner, begun, lessons, None)
    alone = of_supernet(trial)[1].phases[0].alone
    plan = tuner.plan(counts[0], alone, begun.shrunk)
    training = Training(trial.network, trial.optimiser, plan)
    seconds = yield from estimated(tuner, training, lessons, corpus, counts[1])
    return {"seconds": seconds, "steps": plan.total, "pictures": counts[0]}


@job("List the ways to train subnets", reads=True)
def list_tuners(session: Session) -> Work[SupernetTuners]:
    """Every tuner of supernets, from whose settings forms are made, and what suits the project.

    `proposed` are settings for so many images, at the resolutions of the Specialise page. Raises
    Refused where the project has no supernet, or no images.
    """
    yield Progress(0, None, "Reading")
    images = len(listed_in_project(catalogue.to_learn(session.require()), "train")[0])
    sizes = usual_resolutions(session.supernet()[1].size)
    offered = [
        replace(view, settings=tuple(s for s in view.settings if s.name not in NOT_OFFERED))
        for view in SUPERNET_TUNERS.describe()
    ]
    return {"tuners": offered, "proposed": proposed(images, sizes), "pictures": images}
