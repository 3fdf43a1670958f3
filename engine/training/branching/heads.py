"""Branches in a project: what they are grown on, and how their heads are joined."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.errors import Refused
from engine.events import Event
from engine.learners import LEARNERS, Learner
from engine.learners.joining import Scale, written_scales, written_split
from engine.learning import material
from engine.learning.material import LearningData, features_by, learning_data
from engine.models.backbone import Backbone
from engine.models.branches import Branch, branches_of, classes_of, plain, widths_of
from engine.models.extractor import Extractor
from engine.storage import catalogue, runs, steps
from engine.storage.catalogue import Split
from engine.storage.project import Project
from engine.storage.steps import StepMemory
from engine.training.branching.training import BranchData, branch_data
from engine.training.dataset import of_project
from engine.training.setup import LARGER
from engine.training.tuner import Tuning

PER_BRANCH = "per_branch"


@contextmanager
def workplace(project: Project) -> Iterator[Path]:
    """A folder for what is needed while a branch grows; it is gone afterwards, and before."""
    folder = project.path / "runs" / runs.BRANCH
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def known_classes(project: Project) -> set[int]:
    """The classes that the step in use knows."""
    row = steps.current(project)
    return {c["id"] for c in row["classes"]} if row else set()


def unlearnt(project: Project) -> list[int]:
    """The classes that have images to learn from and that the step in use does not know."""
    return sorted(set(catalogue.to_learn(project).train) - known_classes(project))


def check_enough(split: Split, numbers: Sequence[int]) -> None:
    """Raises Refused where classes are too few, or have too little, to grow a branch for."""
    if len(numbers) < 2:
        raise Refused(
            "A branch learns to tell its classes apart, so it takes two new ones at least. Add "
            "folders of new classes, or learn this one without a branch."
        )
    if not any(split.validation.get(number) for number in numbers):
        raise Refused(
            "The new classes have no validation images, so nobody could say how well a branch "
            "does. Add more images of each."
        )


def earlier(
    train: Mapping[int, Sequence[str]], known: set[int], numbers: Sequence[int], memory: float
) -> set[str]:
    """Training images of classes that are `known` already, to be seen beside those of `numbers`.

    `memory` for each new image, as many of each class, chosen by their hashes: at random, and the
    same in whatever order they came. None where that is less than one of each class.
    """
    old = sorted(known & set(train) - set(numbers))
    each = int(memory * sum(len(train[n]) for n in numbers) / max(1, len(old)))
    return {sha256 for n in old for sha256 in sorted(train[n])[:each]}


def ground_for(
    project: Project,
    extractor: Extractor,
    numbers: Sequence[int],
    tuning: Tuning,
    folder: Path,
    beside: Collection[str] = (),
    branches: Sequence[Branch] = (),
) -> Generator[Event, None, BranchData]:
    """What a branch for some classes is grown on, with images of other classes `beside` theirs.

    Held-out images are of the new classes only. `branches` are those that one could begin as.
    """
    original, everything = plain(extractor.backbone), catalogue.to_learn(project)
    size, train = original.preprocessing.size, {}
    for number, hashes in everything.train.items():
        if few := [h for h in hashes if number in numbers or h in beside]:
            train[number] = few
    held_out = {n: everything.validation[n] for n in numbers if n in everything.validation}
    split, larger = Split(train, held_out), round(size * LARGER)
    corpus = yield from of_project(project, split, "train", folder / "larger", larger)
    shown = yield from of_project(project, split, "validation", folder / "held out", size)
    kept = folder / "kept"
    return branch_data(original, tuning, corpus, shown, extractor.device, kept, branches)


# Heads.


@dataclass(frozen=True)
class Head:
    """A learner that has learnt with a changed network, and what it is made again from."""

    name: str
    settings: Mapping[str, Any]
    learner: Learner
    known: StepMemory


def exact_choice(project: Project) -> tuple[str, dict[str, Any]]:
    """The learner that makes one head on all features: the project's, or the one inside it."""
    name, settings = material.choice(project)
    if name != PER_BRANCH:
        return name, settings
    inner: Any = LEARNERS.make(name, settings)  # what has an inner learner says which
    options = dict(pair.partition("=")[::2] for pair in inner.options.split(",") if pair)
    return inner.inner, options


def exact_head(project: Project, extractor: Extractor) -> Generator[Event, None, Head]:
    """One head on all features of a network, of all classes."""
    name, settings = exact_choice(project)
    learner = LEARNERS.make(name, settings)
    material = yield from learning_data(project, extractor, learner.views)
    yield from taught(learner, material, material.train)
    return Head(name, settings, learner, StepMemory(learner.memory(), {}, material.train))


def joined_head(
    project: Project, extractor: Extractor, known: StepMemory | None = None
) -> Generator[Event, None, Head]:
    """A head for each branch; with what is `known` of all but the last, they stay as they are.

    The last one's scale is fitted on the project's validation images, of which nothing else is
    learnt; without anything known, all are.
    """
    backbone = extractor.backbone
    settings, count = split_settings(project, backbone), len(branches_of(backbone)) + 1
    learner: Any = LEARNERS.make(
        PER_BRANCH, {**settings, "scales": written_scales([Scale()] * count)}
    )
    material = yield from learning_data(project, extractor, learner.views)
    if known is None:
        images, scales = dict(material.train), [Scale()]
        yield from taught(learner, material, images)
        memory = learner.memory()
    else:
        images = {**material.train, **known.images}
        inner = LEARNERS.make(*exact_choice(project))
        yield from taught(inner, material, images)
        last = {f"{count - 1}/{name}": array for name, array in inner.memory().items()}
        scales = [Scale(*pair) for pair in known.memory["scales"].tolist()]
        memory = {**known.memory, **last}
    hashes, classes = material.held_out(sorted(images))
    asked, truth = material.of(hashes), torch.from_numpy(classes)
    for branch in range(len(scales), count + 1):
        given = written_scales([*scales, *[Scale()] * (count - len(scales))])
        learner = LEARNERS.make(PER_BRANCH, {**settings, "scales": given})
        learner.restore(memory)
        if branch < count:
            scales.append(learner.scale_of(branch, asked, truth))
    known = StepMemory(learner.memory(), {}, images)
    return Head(PER_BRANCH, {**settings, "scales": written_scales(scales)}, learner, known)


def taught(
    learner: Learner, material: LearningData, images: Mapping[int, Sequence[str]]
) -> Generator[Event, None, None]:
    """Lets a learner learn some images, and choose its settings from a sample of them."""
    yield from learner.learn(replace(material, split=Split(images, {})).task())


def split_settings(project: Project, backbone: Backbone) -> dict[str, Any]:
    """The settings of a learner with a head for each of a backbone's branches, without scales."""
    inner, options = exact_choice(project)
    named = classes_of(backbone)
    taken = {number for numbers in named for number in numbers}
    rest = [n for n in sorted(catalogue.to_learn(project).train) if n not in taken]
    return {
        "inner": inner,
        "options": ",".join(f"{name}={value}" for name, value in options.items()),
        "split": written_split(widths_of(backbone), [rest, *named]),
        "scales": "",
        "wide": True,
    }


def carried(project: Project, extractor: Extractor) -> StepMemory | None:
    """What the step in use knows, as heads of branches; None where that can't be said.

    Branches that were there before give the same features in a network that has grown, so what was
    learnt from them stays as it is, to the last bit.
    """
    backbone, row = extractor.backbone, steps.current(project)
    kept = steps.learnt(project, row) if row else None
    if row is None or kept is None:
        return None
    views = LEARNERS.make(row["learner"], row["settings"]).views
    there = {sha256 for (sha256,) in project.db.execute("SELECT sha256 FROM image")}
    gone = any(h not in there for hashes in kept.images.values() for h in hashes)
    if gone or row["features_key"] != features_by(project, extractor, views).key:
        return None
    if row["learner"] == PER_BRANCH:
        return kept if same_heads(row["settings"], split_settings(project, backbone)) else None
    if branches_of(backbone) or (row["learner"], row["settings"]) != exact_choice(project):
        return None
    memory = {f"0/{name}": array for name, array in kept.memory.items()}
    return replace(kept, memory={**memory, "scales": np.array([[1.0, 0.0]])})


def same_heads(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Whether two settings are of the same branches with the same learner inside.

    The first branch's classes need not be named.
    """
    heads = [
        (
            s.get("inner", "slda"),
            s.get("options", ""),
            s.get("wide", False),
            s.get("split", "").split("|")[1:],
        )
        for s in (first, second)
    ]
    return heads[0] == heads[1]
