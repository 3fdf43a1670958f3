"""A supernet's project takes a subnet out before it learns."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing

import numpy as np
import torch

from engine.errors import Refused
from engine.events import Progress
from engine.images.preprocess import Preprocessing
from engine.models.backbones import SUBNET, holds_many
from engine.models.batch_norm import recalibrate
from engine.models.provenance import Origin
from engine.models.supernet.architecture import Architecture, largest
from engine.models.supernet.files import subnet_bytes
from engine.models.supernet.mobilenet import MobileNet
from engine.models.supernet.supernet import Supernet
from engine.models.trunk import Normalise
from engine.session import Session
from engine.storage import catalogue
from engine.storage.project import Project
from engine.system.progress import Eta

SETTLE = 2000
"""Images at most whose statistics a network takes that is used or exported."""
ENOUGH = 10_000_000
"""Pixels, about, that need not be more for it: 2,000 images at 70 pixels, 199 at 224."""
BATCH = 64


def decode(
    project: Project, hashes: Sequence[str], resolution: int
) -> Generator[Progress, None, dict[str, np.ndarray]]:
    """The pixels that a network of a resolution sees of images, by the one preprocessing."""
    eta = Eta(len(hashes), f"Looking at images at {resolution} pixels")
    found: dict[str, np.ndarray] = {}
    with closing(catalogue.decoded(project, hashes, preprocessing_at(resolution))) as images:
        for number, (sha256, image) in enumerate(images, 1):
            if image is not None:
                found[sha256] = image.seen
            if number % BATCH == 0 or number == len(hashes):
                yield eta.at(number)
    return found


def preprocessing_at(resolution: int) -> Preprocessing:
    """What subnets see: images up to their shorter side, as every backbone of a project."""
    return Preprocessing(resolution, resolution)


def shuffled(pixels: np.ndarray) -> np.ndarray:
    """The same images in an order that mixes the classes, always the same."""
    return pixels[np.random.default_rng(0).permutation(len(pixels))]


def normalised(pixels: np.ndarray, resolution: int) -> Iterator[torch.Tensor]:
    """Batches float32 (n, 3, r, r) as networks see them, channels last."""
    normalise = Normalise(preprocessing_at(resolution))
    # From 112 pixels on smaller batches: what a layer makes of 64 such images leaves the caches.
    batch = min(BATCH, max(8, BATCH * 112**2 // resolution**2))
    # Parts of like size: one image alone has no variance.
    for part in np.array_split(pixels, -(-len(pixels) // batch)):
        yield normalise(torch.from_numpy(part)).contiguous(memory_format=torch.channels_last)


def settled(
    project: Project, supernet: Supernet, architecture: Architecture
) -> Generator[Progress, None, MobileNet]:
    """A subnet with batch norms measured on many of the project's training images.

    Raises Refused where there is nothing to measure them on.
    """
    train = catalogue.to_learn(project).train
    count = min(SETTLE, ENOUGH // architecture.resolution**2)
    few = sorted(sha256 for found in train.values() for sha256 in found)[: max(BATCH, count)]
    pixels = yield from decode(project, few, architecture.resolution)
    if len(pixels) < 2:
        raise Refused("There is nothing to learn from. Add folders of images first.")
    network = supernet.subnet(architecture)
    yield Progress(0, None, "Measuring the network's statistics")
    recalibrate(network, normalised(np.stack(list(pixels.values())), architecture.resolution))
    return network


def use_subnet(
    session: Session,
    gesture: int,
    architecture: Architecture,
    inside: tuple[Supernet, Origin] | None = None,
) -> Generator[Progress, None, None]:
    """Makes a subnet the project's backbone, as a part of a gesture; it lies `inside` the network
    that the project's came from, unless another is named. Nothing is learnt yet."""
    project, (supernet, origin) = session.require(), inside or session.supernet()
    network = yield from settled(project, supernet, architecture)
    blob = project.blobs.put(subnet_bytes(network, architecture, origin))
    with project.transaction(gesture) as db:
        if origin.weights:
            why = "the supernet of a subnet in use"
            db.execute("INSERT OR IGNORE INTO kept VALUES (?, ?)", [origin.weights, why])
        project.set_facts(backbone=SUBNET, weights=blob, size=architecture.resolution, step=None)


def is_mixture(project: Project) -> bool:
    """Whether the project's backbone is a supernet of which no subnet was taken out yet."""
    return holds_many(project.facts["backbone"])


def ensure_subnet(session: Session, gesture: int) -> Generator[Progress, None, None]:
    """Before anything is learnt with a supernet: takes its largest subnet out, recalibrated.

    A supernet's own statistics are a mixture, with which its features are of no use.
    """
    if is_mixture(session.require()):
        yield from use_subnet(session, gesture, largest(session.require().facts["size"]))
