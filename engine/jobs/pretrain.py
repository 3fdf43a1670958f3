"""Trains the embedded backbone: labels of small images, and a teacher's features of them.

The network learns from class labels (smoothed), from a linear map of its features to the teacher's
(Romero et al. 2015), and from the class scores that the teacher's own classifier gives to that map
(Hinton et al. 2015). The network is small at first and grows (Chen et al. 2016): most epochs are
cheap.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.events import Saved, Step, Work
from engine.jobs import job
from engine.results.specialise import Pretrained
from engine.training.dataset import of_folder
from engine.training.supernet.distillation import resumed
from engine.training.supernet.pretraining import STORED, Recipe, check, one_epoch, started, written
from engine.training.supernet.teacher import taught


@job("Training the embedded network")
def pretrain(
    session: object, *, data: str, teacher: str, out: str, work: str, **settings: Any
) -> Work[Pretrained]:
    """Trains a backbone on `data` (train/ and val/, one folder a class) and writes it to `out`.

    `teacher` is a safetensors file of torchvision's mobilenet_v2. `work` keeps decoded images,
    the teacher's features and the checkpoint: the same call again goes on where it was, also with
    other `epochs`, to which the rest is planned anew. `settings` are the fields of Recipe. The
    weights are written after each epoch. The accuracy is that on val/.
    """
    recipe, folder = Recipe.made(settings), Path(work)
    shown = yield from of_folder(Path(data) / "val", folder / "val", STORED)
    corpus = yield from of_folder(Path(data) / "train", folder / "train", STORED)
    check(recipe, corpus, shown, Path(teacher))
    taught_by = yield from taught(
        corpus.images, Path(teacher), recipe.teacher_size, folder / "train"
    )
    training, checkpoint = started(recipe, corpus, taught_by), folder / "checkpoint.pt"
    yield from resumed(training, recipe.fixed(), checkpoint)
    while True:
        if training.position < training.schedule.total:
            yield from one_epoch(training, recipe, corpus, taught_by, checkpoint)
        accuracy = written(training, recipe, shown, Path(out))
        yield Step(training.position, training.schedule.total, {"accuracy": accuracy})
        yield Saved("weights", out)
        if training.position >= training.schedule.total:
            return {"path": out, "steps": training.position, "accuracy": accuracy}
