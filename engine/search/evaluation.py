"""Subnets of a project's supernet: taken out, recalibrated with its images, and scored.

A measurement is no training: batch norms are measured on training images, features of a stratified
sample are computed at the subnet's resolution, the project's learner makes its head of them in
closed form, and held-out images are scored. The same subnet and images give the same figure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from engine.errors import Refused
from engine.events import Progress
from engine.learners import LEARNERS, Learner
from engine.learning.comparison import Measured, scored
from engine.learning.material import choice
from engine.learning.subnet import BATCH, decode, normalised, preprocessing_at, shuffled
from engine.models.batch_norm import recalibrate
from engine.models.ort import open_session
from engine.models.provenance import Origin
from engine.models.supernet.architecture import Architecture
from engine.models.supernet.as_onnx import network_onnx
from engine.models.supernet.mobilenet import MobileNet
from engine.models.supernet.supernet import Supernet
from engine.models.trunk import Frozen
from engine.storage import catalogue
from engine.storage.catalogue import Split
from engine.storage.project import Project

VERSION = 2
"""Goes up when the way of measuring changes, so that no older figure is taken for a new one."""
SAMPLE = 1000
"""Training images at most from which a measurement's head is made; a tenth more classes first."""
HELD_OUT = 800
CALIBRATE = 256
"""Images whose statistics a measurement's batch norms take."""


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


def sample_of(split: Split) -> Sample:
    """A stratified choice of the project's images, the same as long as the images are the same.

    Raises Refused where there is too little to measure with.
    """
    train = split.train
    held_out = {number: hashes for number, hashes in split.validation.items() if number in train}
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


class SubnetEvaluator:
    """Measures subnets of one supernet on one sample, with one learner."""

    def __init__(self, project: Project, supernet: Supernet, origin: Origin) -> None:
        self.project, self.supernet, self.origin = project, supernet, origin
        self.sample = sample_of(catalogue.to_learn(project))
        self.learner, self.settings = choice(project)

    @property
    def key(self) -> str:
        """Names all that a measurement depends on, besides the architecture."""
        learner = f"{self.learner}|{sorted(self.settings.items())}"
        text = f"{VERSION}|{self.origin.digest}|{learner}|{self.sample.key}"
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def fresh_learner(self) -> Learner:
        """The project's learner, before it has learnt anything."""
        return LEARNERS.make(self.learner, self.settings)

    def prepare(self, resolution: int) -> Iterator[Progress]:
        """Decodes the sample at a resolution, once."""
        if resolution not in self.sample.pixels:
            hashes = self.sample.hashes
            self.sample.pixels[resolution] = yield from decode(self.project, hashes, resolution)

    def measure(self, architecture: Architecture) -> Measured:
        """The accuracy of a subnet. `prepare` was called for its resolution."""
        resolution = architecture.resolution
        train, train_classes = self.sample.of(self.sample.train, resolution)
        held_out, truth = self.sample.of(self.sample.held_out, resolution)
        network = self.supernet.subnet(architecture)
        recalibrate(network, normalised(shuffled(train)[:CALIBRATE], resolution))
        learner = self.fresh_learner()
        features = Featurer(network, resolution, learner.views)
        return scored(learner, features(train), train_classes, features(held_out), truth)


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
