"""What the leader sends to the others before the first step: settings, network, images.

It goes as tensors and JSON, as in a checkpoint: nothing that could run code. Images are read where
they lie decoded, by all who find the same file there; else the leader sends them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from engine.models.backbone import Backbone
from engine.models.backbones import TUNED, by_name, load_backbone, network_named, tuned_backbone
from engine.models.features import with_features
from engine.models.provenance import facts_in, origin_of
from engine.storage.project import Project
from engine.storage.runs import Run
from engine.training.checkpoints import packed, unpacked
from engine.training.dataset import ImageArray, Selection
from engine.training.distributed.group import TAKES, Group
from engine.training.loop import Stack, Training
from engine.training.run import TuningRun
from engine.training.supernet.shrinking import Shrinking, of_supernet
from engine.training.supernet.trainable import SupernetData
from engine.training.tuner import HEAD

Sent = Mapping[str, Any]


def share_course(project: Project, run: Run, course: TuningRun) -> None:
    """Gives all others what they need to make the same run as `course`."""
    group, lessons = course.training.group, course.lessons
    if group.size == 1:
        return
    teacher, prefix = getattr(course.loss, "teacher", None), lessons.prefix
    sent = {
        "tuner": run.tuner,
        "schedule": run.schedule,
        "settings": dict(run.settings),
        "network": network_of(project),
        "outputs": outputs_of(course.stack),
        "new": sorted(course.new),
        "teacher": teacher.state_dict() if teacher is not None else None,
        "kept": {"views": prefix.count, "levels": sorted(prefix.levels)} if prefix else None,
    }
    send(group, sent, lessons.views.corpus)


def share_supernet(
    tuner: Shrinking, training: Training, lessons: SupernetData, shrunk: bool
) -> None:
    """Gives all others what they need to train the same supernet."""
    if training.group.size == 1:
        return
    (pupil, plan), teacher = of_supernet(training), lessons.teacher
    sent = {
        "method": tuner.name,
        "settings": dict(vars(tuner)),
        "network": {"width": pupil.network.multiplier, "outputs": len(lessons.corpus.names)},
        "master": pupil.master is not None,
        "alone": plan.phases[0].alone,
        "shrunk": shrunk,
        "teacher": None,
    }
    if teacher is not None:
        features = torch.from_numpy(np.array(teacher.features))
        sent["teacher"] = [features, teacher.weight, teacher.bias]
    send(training.group, sent, lessons.corpus)


def outputs_of(stack: Stack) -> int:
    """How many classes the head tells apart; 0 for one of a method without classes."""
    head = stack.parts[HEAD]
    return head.out_features if isinstance(head, nn.Linear) else 0


def send(group: Group, sent: Sent, images: ImageArray) -> None:
    """Gives all others what they need to train beside this process."""
    if group.size == 1:
        return
    group.say(TAKES)
    group.send(packed({**sent, "images": named(images)}))
    pixels = whole(images)
    if group.any(False):
        group.send(np.ascontiguousarray(pixels).data.cast("B"))


def receive(group: Group, folder: Path) -> tuple[Sent, ImageArray] | None:
    """What the leader sent, and the images; None where it ended before. `folder` is one's own."""
    if group.hear() != TAKES:
        return None
    sent = unpacked(bytes(group.receive()))
    about = sent["images"]
    found = there(about, folder)
    if group.any(found is None):
        content = group.receive()
        found = kept(content, about, folder) if found is None else found
    assert found is not None
    pixels: np.ndarray | Selection = found
    if about["rows"] is not None:
        pixels = Selection(found, about["rows"].numpy())
    classes, files = about["classes"].numpy(), tuple(about["files"])
    return sent, ImageArray(pixels, classes, tuple(about["names"]), files)


# Images.


def whole(images: ImageArray) -> np.ndarray:
    """All pixels of the file of which `images` may be some rows."""
    pixels = images.images
    while isinstance(pixels, Selection):
        pixels = pixels.images
    return pixels


def rows_in(pixels: np.ndarray | Selection) -> np.ndarray | None:
    """Which rows of the file are meant; None for all."""
    if not isinstance(pixels, Selection):
        return None
    below = rows_in(pixels.images)
    return pixels.rows if below is None else below[pixels.rows]


def named(images: ImageArray) -> dict[str, Any]:
    """Where the pixels lie, and what tells that they are the same elsewhere."""
    pixels, rows = whole(images), rows_in(images.images)
    return {
        "path": str(getattr(pixels, "filename", "") or ""),
        "shape": list(pixels.shape),
        "digest": digest_of(pixels),
        "rows": None if rows is None else torch.from_numpy(rows),
        "classes": torch.from_numpy(images.classes),
        "names": list(images.names),
        "files": list(images.files),
    }


def digest_of(pixels: np.ndarray) -> str:
    """The sha256 of a thousand images, evenly taken: enough to tell one set from another."""
    chosen = np.unique(np.linspace(0, len(pixels) - 1, 1000).astype(int))
    found = hashlib.sha256(str(pixels.shape).encode())
    for row in chosen:
        found.update(np.ascontiguousarray(pixels[row]).data)
    return found.hexdigest()


def there(about: Sent, folder: Path) -> np.ndarray | None:
    """The same pixels in a file that is here, or was received before."""
    for path in (Path(about["path"]), received(about, folder)):
        with suppress(OSError, ValueError):
            found = np.load(path, mmap_mode="r")
            if list(found.shape) == about["shape"] and digest_of(found) == about["digest"]:
                return found
    return None


def received(about: Sent, folder: Path) -> Path:
    return folder / f"images-{about['digest'][:16]}.npy"


def kept(content: bytearray, about: Sent, folder: Path) -> np.ndarray:
    pixels = np.frombuffer(content, np.uint8).reshape(about["shape"])
    np.save(received(about, folder), pixels)
    found: np.ndarray = np.load(received(about, folder), mmap_mode="r")
    return found


# The network.


def network_of(project: Project) -> dict[str, Any]:
    """The project's network as `network_from` takes it: its facts, and its files by name."""
    facts = project.facts
    name, weights, files = facts["backbone"], facts["weights"], dict[str, torch.Tensor]()
    if weights:
        files[weights] = tensor_of(project.blobs.path(weights))
    elif file := network_named(name).found():
        files[""] = tensor_of(file)
    if name == TUNED:
        began = origin_of(facts_in(project.blobs.get(weights) or b""))
        if began.weights:
            files[began.weights] = tensor_of(project.blobs.path(began.weights))
    known = ("backbone", "weights", "size", "features")
    return {**{fact: facts[fact] for fact in known}, "files": files}


def tensor_of(file: Path) -> torch.Tensor:
    return torch.from_numpy(np.fromfile(file, np.uint8))


def network_from(sent: Sent, folder: Path) -> Backbone:
    """The leader's network; its files are kept in `folder`."""
    for name, content in sent["files"].items():
        content.numpy().tofile(folder / f"network-{name}")

    def find(name: str) -> Path:
        return folder / f"network-{name}"

    name, weights, size = sent["backbone"], sent["weights"], sent["size"]
    if name == TUNED:
        return tuned_backbone(find(weights).read_bytes(), find)
    if weights:
        return load_backbone(name, find(weights), size, sent["features"])
    file = find("") if "" in sent["files"] else None
    return with_features(by_name(name, size, file), sent["features"])
