"""Subnets of a project's supernet: taken out, recalibrated with its images, and scored.

A measurement is no training: batch norms are measured on training images, features of a stratified
sample are computed at the subnet's resolution, the project's learner makes its head of them in
closed form, and held-out images are scored. The same subnet and images give the same figure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from engine import catalogue
from engine.backbones import SUBNET, holds_many
from engine.backbones.elastic.architecture import Architecture, largest
from engine.backbones.elastic.as_onnx import network_onnx
from engine.backbones.elastic.files import Origin, subnet_bytes
from engine.backbones.elastic.net import MobileNet
from engine.backbones.elastic.recalibrate import recalibrate
from engine.backbones.elastic.supernet import Supernet
from engine.errors import Refused, UnusableImage
from engine.evaluate import logits_of
from engine.events import Progress
from engine.frozen import Frozen, Normalise
from engine.images import open_many
from engine.learners import Learner, Task
from engine.net import Preprocessing
from engine.pace import Pace
from engine.running import open_session
from engine.session import Session

VERSION = 2
"""Goes up when the way of measuring changes, so that no older figure is taken for a new one."""
SAMPLE = 1000
"""Training images at most from which a measurement's head is made; a tenth more classes first."""
HELD_OUT = 800
CALIBRATE = 256
"""Images whose statistics a measurement's batch norms take."""
SETTLE = 2000
"""Images at most whose statistics a network takes that is used or exported."""
ENOUGH = 10_000_000
"""Pixels, about, that need not be more for it: 2,000 images at 70 pixels, 199 at 224."""
BATCH = 64


@dataclass
class Sample:
    """The images that subnets are measured with: hashes, class numbers, and decoded pixels."""

    train: list[tuple[str, int]]
    held_out: list[tuple[str, int]]
    pixels: dict[int, dict[str, np.ndarray]] = field(default_factory=dict)

    @property
    def hashes(self) -> list[str]:
        return [sha256 for sha256, _ in (*self.train, *self.held_out)]

    @property
    def key(self) -> str:
        """Changes with any image, class or split in the sample."""
        text = repr((self.train, self.held_out))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def of(self, pairs: Sequence[tuple[str, int]], size: int) -> tuple[np.ndarray, np.ndarray]:
        """Pixels uint8 (n, size, size, 3) and class numbers (n,), without images that are lost."""
        there = [(h, n) for h, n in pairs if h in self.pixels[size]]
        pixels = np.stack([self.pixels[size][h] for h, _ in there])
        return pixels, np.array([n for _, n in there])


def sample_of(session: Session) -> Sample:
    """A stratified choice of the project's images, the same as long as the images are the same.

    Raises Refused where there is too little to measure with.
    """
    project = session.require()
    train, held_out = (catalogue.to_learn(project, split) for split in ("train", "validation"))
    held_out = {number: hashes for number, hashes in held_out.items() if number in train}
    if len(train) < 2 or sum(map(len, held_out.values())) < 10:
        raise Refused(
            "There is too little to measure networks with. Add images on Images until there are "
            "two classes and at least ten validation images."
        )
    return Sample(chosen(train, SAMPLE), chosen(held_out, HELD_OUT))


def chosen(classes: Mapping[int, Sequence[str]], most: int) -> list[tuple[str, int]]:
    """Of each class its share of `most` images, those with the smallest hashes."""
    part = min(1.0, most / max(1, sum(map(len, classes.values()))))
    return [
        (sha256, number)
        for number, hashes in sorted(classes.items())
        for sha256 in hashes[: max(2, round(part * len(hashes)))]
    ]


def decode(
    session: Session, hashes: Sequence[str], resolution: int
) -> Generator[Progress, None, dict[str, np.ndarray]]:
    """The pixels that a network of a resolution sees of images, by the one preprocessing."""
    project = session.require()
    rows = {row["sha256"]: row for row in project.db["image"].rows}
    files = [catalogue.file_of(project, rows[sha256]) for sha256 in hashes]
    preprocessing = preprocessing_at(resolution)
    pace = Pace(len(files), f"Looking at images at {resolution} pixels")
    found: dict[str, np.ndarray] = {}
    opened = open_many(files, preprocessing)
    try:
        for number, (sha256, (_, picture)) in enumerate(zip(hashes, opened, strict=True), 1):
            if not isinstance(picture, UnusableImage) and picture.sha256 == sha256:
                found[sha256] = picture.pixels
            if number % BATCH == 0 or number == len(files):
                yield pace.at(number)
    finally:
        opened.close()
    return found


def preprocessing_at(resolution: int) -> Preprocessing:
    """What subnets see: pictures up to their shorter side, as every backbone of a project."""
    return Preprocessing(resolution, resolution)


@dataclass(frozen=True)
class Measured:
    """A subnet's accuracy on held-out images, in all and by class number."""

    accuracy: float
    per_class: Mapping[int, float]

    def plain(self) -> dict[str, Any]:
        classes = {str(number): share for number, share in self.per_class.items()}
        return {"accuracy": self.accuracy, "per_class": classes}


class Bench:
    """Measures subnets of one supernet on one sample, with one learner."""

    def __init__(self, session: Session, supernet: Supernet, origin: Origin) -> None:
        self.session, self.supernet, self.origin = session, supernet, origin
        self.sample = sample_of(session)
        facts = session.require().facts
        self.learner, self.settings = facts["learner"], facts["settings"]

    @property
    def key(self) -> str:
        """Names all that a measurement depends on, besides the architecture."""
        learner = f"{self.learner}|{sorted(self.settings.items())}"
        text = f"{VERSION}|{self.origin.digest}|{learner}|{self.sample.key}"
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def prepare(self, resolution: int) -> Iterator[Progress]:
        """Decodes the sample at a resolution, once."""
        if resolution not in self.sample.pixels:
            hashes = self.sample.hashes
            self.sample.pixels[resolution] = yield from decode(self.session, hashes, resolution)

    def measure(self, architecture: Architecture) -> Measured:
        """The accuracy of a subnet. `prepare` was called for its resolution."""
        resolution = architecture.resolution
        train, train_classes = self.sample.of(self.sample.train, resolution)
        held_out, truth = self.sample.of(self.sample.held_out, resolution)
        network = self.supernet.subnet(architecture)
        recalibrate(network, normalised(shuffled(train)[:CALIBRATE], resolution))
        learner = self.session.learner(self.learner, dict(self.settings))
        features = Featurer(network, resolution, learner.views)
        return scored(learner, features(train), train_classes, features(held_out), truth)


def scored(
    learner: Learner, known: torch.Tensor, numbers: np.ndarray, asked: torch.Tensor,
    truth: np.ndarray,
) -> Measured:  # fmt: skip
    """Learns from features (n, views, width) with class numbers (n,); scores held-out ones."""
    classes = torch.from_numpy(numbers)
    new = {int(n): known[classes == n] for n in classes.unique()}
    for _ in learner.learn(Task(new, known, classes)):
        pass
    right = truth == np.array(learner.classes)[logits_of(learner.head(), asked).argmax(1).numpy()]
    per_class = {int(n): float(right[truth == n].mean()) for n in np.unique(truth)}
    return Measured(float(right.mean()), per_class)


def shuffled(pixels: np.ndarray) -> np.ndarray:
    """The same images in an order that mixes the classes, always the same."""
    return pixels[np.random.default_rng(0).permutation(len(pixels))]


def normalised(pixels: np.ndarray, resolution: int) -> Iterator[torch.Tensor]:
    """Batches float32 (n, 3, r, r) as networks see them, channels last."""
    normalise = Normalise(preprocessing_at(resolution))
    # From 112 pixels on smaller batches: what a layer makes of 64 such pictures leaves the caches.
    batch = min(BATCH, max(8, BATCH * 112**2 // resolution**2))
    # Parts of like size: one picture alone has no variance.
    for part in np.array_split(pixels, -(-len(pixels) // batch)):
        yield normalise(torch.from_numpy(part)).contiguous(memory_format=torch.channels_last)


class Featurer:
    """Features (n, views, width) of pixels by a recalibrated subnet, run by ONNX Runtime.

    Learners that look at several views are rare here, and run by PyTorch.
    """

    def __init__(self, network: MobileNet, resolution: int, views: int) -> None:
        self.views = views
        if views == 1:
            self.session = open_session(network_onnx(network, resolution))
        else:
            trunk = torch.nn.Sequential(*(part for _, part in network.stages()))
            self.frozen = Frozen(preprocessing_at(resolution), trunk, views).eval()

    def __call__(self, pixels: np.ndarray) -> torch.Tensor:
        parts = []
        for start in range(0, len(pixels), BATCH):
            batch = pixels[start : start + BATCH]
            if self.views == 1:
                parts.append(torch.from_numpy(self.session.run(None, {"pixels": batch})[0]))
            else:
                with torch.inference_mode():
                    parts.append(self.frozen(torch.from_numpy(batch)))
        return torch.cat(parts)


def settled(
    session: Session, supernet: Supernet, architecture: Architecture
) -> Generator[Progress, None, MobileNet]:
    """A subnet with batch norms measured on many of the project's training images.

    Raises Refused where there is nothing to measure them on.
    """
    train = catalogue.to_learn(session.require(), "train")
    count = min(SETTLE, ENOUGH // architecture.resolution**2)
    few = sorted(sha256 for found in train.values() for sha256 in found)[: max(BATCH, count)]
    pixels = yield from decode(session, few, architecture.resolution)
    if len(pixels) < 2:
        raise Refused("There is nothing to learn from. Add folders of images first.")
    network = supernet.subnet(architecture)
    yield Progress(0, None, "Measuring the network's statistics")
    recalibrate(network, normalised(np.stack(list(pixels.values())), architecture.resolution))
    return network


def take(
    session: Session, gesture: int, architecture: Architecture
) -> Generator[Progress, None, None]:
    """Makes a subnet the project's backbone, as a part of a gesture. Nothing is learnt yet."""
    project, (supernet, origin) = session.require(), session.supernet()
    network = yield from settled(session, supernet, architecture)
    blob = project.blobs.put(subnet_bytes(network, architecture, origin))
    with project.transaction(gesture) as db:
        if origin.weights:
            why = "the supernet of a subnet in use"
            db.execute("INSERT OR IGNORE INTO kept VALUES (?, ?)", [origin.weights, why])
        project.set_facts(backbone=SUBNET, weights=blob, size=architecture.resolution, step=None)


def is_mixture(session: Session) -> bool:
    """Whether the project's backbone is a supernet of which no subnet was taken out yet."""
    return holds_many(session.require().facts["backbone"])


def settle(session: Session, gesture: int) -> Generator[Progress, None, None]:
    """Before anything is learnt with a supernet: takes its largest subnet out, recalibrated.

    A supernet's own statistics are a mixture, with which its features are of no use.
    """
    if is_mixture(session):
        yield from take(session, gesture, largest(session.require().facts["size"]))
