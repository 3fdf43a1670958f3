"""The map of a project: drawn once, then kept, and what comes later is placed on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch

from engine.errors import Refused
from engine.events import Progress, Saved, Work
from engine.heap.making import check_network
from engine.learners import LEARNERS, Learner, Task
from engine.learning import material
from engine.map import refining
from engine.map.projection import AXES, Projection, parting, principal
from engine.session import Session
from engine.storage import catalogue, maps, steps
from engine.storage.feature_cache import Features
from engine.storage.maps import KeptMap
from engine.storage.project import Project

POOLING = "slda"
"""The learner whose covariance is taken where the project's has none."""
SAMPLE = 2000
"""So many images say along which axes all differ."""
SPACE = (10, 50)
"""Axes along which neighbours are looked for, at least and at most."""
WORK = 2e10
"""Multiplications, about, that a covariance may take which no step has kept."""
ROWS = 4096
Spread = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Means of classes, how many images each has, and the covariance inside them."""


def drawn(session: Session, anew: bool = False) -> Work[KeptMap]:
    """The map with all images on it. What lies on it already stays where it is, to the last bit,
    but for a map that is drawn `anew`."""
    project = session.require()
    check_network(project)
    features = features_of(session)
    views = LEARNERS.make(*material.choice(project)).views
    lost = yield from material.ensure(project, session.extractor(), views, heap=True)
    yield Progress(0, None, "Drawing the map")
    hashes = [h for h in every_hash(project) if h not in lost]
    known = None if anew else maps.kept_map(project, features.key)
    if known is not None:
        there = set(known.hashes)
        if not (fresh := [h for h in hashes if h not in there]):
            return known
        made = yield from with_new(known, fresh, features)
    else:
        made = first(project, hashes, features)
    maps.keep_map(project, features.key, made)
    yield Saved("map")
    return made


def features_of(session: Session) -> Features:
    """The cache of what the project's network gives, as its learner asks for it."""
    project = session.require()
    views = LEARNERS.make(*material.choice(project)).views
    return material.features_by(project, session.extractor(), views)


def every_hash(project: Project) -> list[str]:
    """All images that are to lie on the map, in the order of their hashes."""
    found = project.db.execute(
        "SELECT sha256 FROM image UNION SELECT sha256 FROM unsorted WHERE NOT aside ORDER BY sha256"
    )
    return [sha256 for (sha256,) in found]


def seen(features: Features, hashes: Sequence[str]) -> np.ndarray:
    """What the network makes of images: float32 (images, width), views averaged."""
    x = features.get(hashes)
    return x[:, 0] if x.shape[1] == 1 else x.mean(axis=1)


# The first drawing: a projection.


def first(project: Project, hashes: Sequence[str], features: Features) -> KeptMap:
    x = torch.from_numpy(seen(features, hashes))
    found = projection_of(project, hashes, x, features)
    origin, axes = (part.numpy().astype(np.float32) for part in (found.origin, found.axes))
    return KeptMap(hashes, projected(origin, axes, x), origin, axes, found.parted)


def projected(origin: np.ndarray, axes: np.ndarray, x: torch.Tensor) -> np.ndarray:
    """By kept axes, so that an image comes to the same place whenever it comes."""
    along = Projection(torch.from_numpy(origin), torch.from_numpy(axes))
    spots = torch.cat([x.new_zeros(0, axes.shape[1]), *map(along, x.split(ROWS))])
    return spots.nan_to_num().numpy()  # a network can give what is no number


def projection_of(
    project: Project,
    hashes: Sequence[str],
    x: torch.Tensor,
    features: Features,
    least: int = AXES,
    most: int = AXES,
) -> Projection:
    """The axes that part the classes; where there are less than two, principal components."""
    sample = x[:: -(-len(x) // SAMPLE) or 1].double()
    spread = learnt(project, features)
    if spread is None:
        place = {sha256: at for at, sha256 in enumerate(hashes)}
        train = catalogue.to_learn(project).train
        found = {n: [place[h] for h in some if h in place] for n, some in train.items()}
        rows = {number: some for number, some in found.items() if some}
        spread = learn(rows, x).spread() if len(rows) > 1 else None
    return parting(*spread, sample, least, most) if spread else principal(sample, most)


def learnt(project: Project, features: Features) -> Spread | None:
    """What the step in use has learnt, where it knows the classes of now by a covariance."""
    row, classes = steps.current(project), set(catalogue.fingerprints(project))
    same = row is not None and row["features_key"] == features.key and len(classes) > 1
    kept = steps.learnt(project, row) if row is not None and same else None
    if row is None or kept is None:
        return None
    learner = LEARNERS.make(row["learner"], row["settings"])
    learner.restore(kept.memory)
    return learner.spread() if set(learner.classes) == classes else None


def learn(rows: Mapping[int, Sequence[int]], x: torch.Tensor) -> Learner:
    """The same, from as many images as can be learnt in a moment, evenly of each class."""
    part = min(1.0, WORK / x.shape[1] ** 2 / sum(map(len, rows.values())))
    few = {n: some[: max(2, round(part * len(some)))] for n, some in rows.items()}
    new = {number: x[some][:, None] for number, some in few.items()}
    numbers = torch.cat([torch.full((len(some),), n) for n, some in new.items()])
    every = -(-len(numbers) // material.SAMPLE)
    learner = LEARNERS.make(POOLING)
    for _ in learner.learn(Task(new, torch.cat(list(new.values()))[::every], numbers[::every])):
        pass
    return learner


# What comes later.


def with_new(known: KeptMap, fresh: Sequence[str], features: Features) -> Work[KeptMap]:
    """The map with images on it that it did not have."""
    x = torch.from_numpy(seen(features, fresh))
    if not known.refined:
        spots = projected(known.origin, known.axes, x)
    else:
        space = known.refined["middle"], known.refined["directions"]
        missing = set(features.missing(known.hashes))  # of images that were removed
        there = [at for at, sha256 in enumerate(known.hashes) if sha256 not in missing]
        old = torch.from_numpy(seen(features, [known.hashes[at] for at in there]))
        near = projected(*space, x), projected(*space, old)
        spots = yield from refining.placed(*near, known.spots[there])
    return replace(
        known, hashes=[*known.hashes, *fresh], spots=np.concatenate([known.spots, spots])
    )


# Drawn together.


def refined(session: Session) -> Work[KeptMap]:
    """The kept map with what is alike drawn together; nothing is kept here. Raises Refused."""
    project, features = session.require(), features_of(session)
    known = maps.kept_map(project, features.key)
    if known is None:
        raise Refused("There is no map yet. Draw it first.")
    check_extra()
    missing = set(features.missing(known.hashes))
    there = [at for at, sha256 in enumerate(known.hashes) if sha256 not in missing]
    if len(there) < refining.LEAST:
        raise Refused(f"With fewer than {refining.LEAST} images the map stays as it is.")
    yield Progress(0, None, "Looking for what is alike")
    hashes = [known.hashes[at] for at in there]
    x = torch.from_numpy(seen(features, hashes))
    space = projection_of(project, hashes, x, features, *SPACE)
    middle, directions = (part.numpy().astype(np.float32) for part in (space.origin, space.axes))
    near = projected(middle, directions, x)
    spots = yield from refining.refined(known.spots[there], near)
    kept = {"middle": middle, "directions": directions}
    return replace(known, hashes=hashes, spots=spots, refined=kept)


def check_extra() -> None:
    """Raises Refused where openTSNE is not installed."""
    if not refining.can_refine():
        raise Refused(
            "Drawing together what is alike needs openTSNE. Install it with: "
            'pip install "espalier[map]".'
        )
