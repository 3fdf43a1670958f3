"""Networks measured on a project's images: accuracy with the project's learner, time and size.

Nothing is trained: a fixed network's features of a stratified sample make the head in closed form,
and held-out images are scored. The same network and images give the same accuracy.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.errors import BadSetting, Refused
from engine.events import Event
from engine.images.preprocess import Preprocessing
from engine.learners import LEARNERS, Learner
from engine.learning.comparison import scored
from engine.learning.material import choice
from engine.models import timing
from engine.models.backbone import Backbone, parameters_of
from engine.models.backbones import title_of
from engine.models.extractor import Extractor
from engine.models.features import with_features
from engine.models.flops import counter
from engine.models.growth import POOLED, Kind
from engine.models.trunk import Normalise
from engine.search.elastic.likely import ACCURACY, LEFT_OUT
from engine.search.evaluation import sample_of
from engine.storage import catalogue
from engine.storage.project import Project
from engine.system.progress import Eta

VERSION = 2
"""Goes up when the way of measuring changes, so that no older figure is taken for a new one."""
SECONDS = 0.6
"""How long a network is timed."""
BUSY, TIMES = 1.2, 3
"""A median so much above the fastest runs tells of other work here: it is timed again, so often at
most, and the least median counts."""
DECODED = 64


@dataclass
class Bench:
    """One project's sample of images, decoded for one resolution at a time."""

    project: Project
    setting: timing.Setting = field(default_factory=timing.Setting)

    def __post_init__(self) -> None:
        self.sample = sample_of(catalogue.to_learn(self.project))
        self.learner, self.settings = choice(self.project)
        self.device = timing.device_key(self.setting)
        self.features = self.project.facts["features"]
        self.seen: tuple[str, dict[str, np.ndarray]] = ("", {})

    def key(self, digest: str) -> str:
        """Names all that a measurement of a network with these weights depends on."""
        learner = f"{self.learner}|{sorted(self.settings.items())}"
        text = f"elastic {VERSION}|{digest}|{learner}|{self.sample.key}{self.mark}"
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def mark(self) -> str:
        """Tells what was measured with other features than the pooled ones apart."""
        return "" if self.features == POOLED else f"|{self.features}"

    @property
    def mirror(self) -> bool:
        """Whether networks look at each image and its mirror image."""
        return Kind.parse(self.features).mirror

    @property
    def classes(self) -> list[int]:
        """The numbers of the classes whose images are looked at."""
        return sorted({number for _, number in self.sample.train})

    @property
    def judges(self) -> dict[str, int]:
        """How many images say how accurate a network is, by the name of the accuracy."""
        return {ACCURACY: len(self.sample.held_out), LEFT_OUT: len(self.sample.train)}

    def dressed(self, network: Backbone) -> Backbone:
        """A network of pooled features with those that the project has, where it can give them."""
        try:
            return with_features(network, self.features)
        except BadSetting:
            return network

    def prepare(self, preprocessing: Preprocessing) -> Generator[Event, None, None]:
        """Decodes the sample as a network sees it, and lets go what was decoded before."""
        name = f"{preprocessing.interpolation}-{preprocessing.resize}-{preprocessing.size}"
        if self.seen[0] == name:
            return
        hashes, found = self.sample.hashes, dict[str, np.ndarray]()
        self.seen = ("", {})
        eta = Eta(len(hashes), f"Looking at images at {preprocessing.size} pixels")
        with closing(catalogue.decoded(self.project, hashes, preprocessing)) as images:
            for number, (sha256, image) in enumerate(images, 1):
                if image is not None:
                    found[sha256] = image.seen
                if number % DECODED == 0 or number == len(hashes):
                    yield eta.at(number)
        self.seen = (name, found)

    def of(self, pairs: Sequence[tuple[str, int]]) -> tuple[np.ndarray, np.ndarray]:
        """Pixels uint8 (n, size, size, 3) and class numbers (n,), without images that are lost."""
        there = [(h, n) for h, n in pairs if h in self.seen[1]]
        if not there:
            raise Refused("The images of this project can't be read now. Drop them again.")
        return np.stack([self.seen[1][h] for h, _ in there]), np.array([n for _, n in there])

    def facts_of(self, backbone: Backbone) -> dict[str, Any]:
        """Accuracy, sizes and time of a network; `prepare` was called for its preprocessing."""
        learner = LEARNERS.make(self.learner, self.settings)
        train, classes = self.of(self.sample.train)
        held_out, truth = self.of(self.sample.held_out)
        backbone = self.dressed(backbone)
        with tempfile.TemporaryDirectory(prefix="espalier-") as folder:
            extractor = Extractor(backbone, device="cpu", cache=Path(folder))
            timed = self.timed(extractor)
            known, asked = (
                torch.from_numpy(extractor(p, learner.views)) for p in (train, held_out)
            )
            size = extractor.file(Path(folder), 1).stat().st_size
        measured = scored(learner, known, classes, asked, truth, backbone.moments).plain()
        measured |= left_out(learner, known, classes)
        return {**measured, **sizes_of(backbone), "file_bytes": size, "timed": timed}

    def timed(self, extractor: Extractor) -> dict[str, dict[str, float]]:
        """Milliseconds for one image by the graph that is exported, under this device's name."""
        session = extractor.session(1)
        if session is None or extractor.cache is None:
            name = title_of(extractor.backbone.name)
            raise Refused(f"{name} can't be run by ONNX Runtime, so it can't be timed here.")
        file, size = extractor.file(extractor.cache, 1), extractor.backbone.preprocessing.size
        found: list[dict[str, float]] = []
        while len(found) < TIMES and (not found or found[-1]["p50"] > BUSY * found[-1]["low"]):
            found.append(timing.time_network(file, size, self.setting, SECONDS))
        return {self.device: min(found, key=lambda timed: timed["p50"])}

    def only_timed(self, backbone: Backbone) -> dict[str, dict[str, float]]:
        with tempfile.TemporaryDirectory(prefix="espalier-") as folder:
            extractor = Extractor(self.dressed(backbone), device="cpu", cache=Path(folder))
            return self.timed(extractor)


def left_out(learner: Learner, known: Tensor, classes: np.ndarray) -> dict[str, float]:
    """The accuracy on the images just learnt, features (n, views, width) and class numbers (n,),
    each judged as if it had not been; nothing where the learner can't tell."""
    logits = learner.left_out(known, torch.from_numpy(classes))
    if logits is None:
        return {}
    answers = np.array(learner.classes)[logits.argmax(dim=1).numpy()]
    return {LEFT_OUT: float((answers == classes).mean())}


def sizes_of(backbone: Backbone) -> dict[str, int]:
    """Multiplications for one image, parameters, and bytes that are alive together at most."""
    size = backbone.preprocessing.size
    x, most = torch.zeros(1, 3, size, size), 0

    def look(_: torch.nn.Module, given: tuple[Tensor, ...], found: Tensor) -> None:
        nonlocal most
        most = max(most, 4 * (sum(x.numel() for x in given) + found.numel()))

    leaves = [m for s in backbone.stages for m in s.module.modules() if not list(m.children())]
    hooks = [leaf.register_forward_hook(look) for leaf in leaves]
    count = counter()
    try:
        with torch.inference_mode(), count:
            backbone.below()(x)
    finally:
        for hook in hooks:
            hook.remove()
    parameters = parameters_of(stage.module for stage in backbone.stages)
    macs, looks = count.get_total_flops() // 2, backbone.looks
    return {"macs": looks * macs, "params": parameters, "memory": looks * most}


def batches_of(pixels: np.ndarray, preprocessing: Preprocessing) -> list[Tensor]:
    """Images as float32 (n, 3, size, size) in batches, mixed and always in the same order."""
    mixed = pixels[np.random.default_rng(0).permutation(len(pixels))]
    normalise = Normalise(preprocessing)
    parts = np.array_split(mixed, max(1, len(mixed) // max(4, min(32, len(mixed) // 8))))
    return [
        normalise(torch.from_numpy(part)).contiguous(memory_format=torch.channels_last)
        for part in parts
    ]
