"""The networks that an elastic search may choose from: the project's own, and those that are here.

The project's own is the one before it was narrowed: a narrowed network's file names it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from functools import lru_cache

from engine.errors import BadSetting, Refused, UnusableWeights
from engine.models.backbone import Backbone
from engine.models.backbones import TUNED, load_backbone, title_of, tuned_backbone
from engine.models.backbones.base import BACKBONES
from engine.models.elastic.blocks import blocks_of
from engine.models.growth import POOLED, growth_of
from engine.models.provenance import Origin
from engine.search.elastic.likely import OCTAVE
from engine.session import Session
from engine.storage.project import Project

WHOLE = "whole"
"""In a narrowed network's file: backbone, weights and size of the project before."""
CLASSES = "folded_on"
"""In the same file: the numbers of the classes on whose images it was folded."""
FAST = (
    "efficientnet_lite0",
    "efficientnet_lite1",
    "efficientnet_lite2",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "mobilenet_v3_large",
)
"""Networks made for small processors, which stand beside the project's own where they are here."""
LANDMARKS, LOWER = ("mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large"), (64, 96, 128)
"""Torchvision's, and the sizes at which they stand beside the project's own from the start."""
RESOLUTIONS = (64, 96, 128, 160, 192, 224)
"""Multiples of 32: the strides of these networks then divide a map without a rest."""
TAKEN: dict[tuple[str, str, int], bool] = {}
"""Whether a network, by its name and weights, takes images of a size: it always does or never."""
LEAST_BLOCKS = 3
PUBLISHED_AT = 224
"""Pixels at which most networks' accuracies are published."""


def root_of(session: Session) -> Origin:
    """The project's network as it was before it was narrowed.

    Raises Refused where it has nothing that could be narrowed.
    """
    project, backbone = session.require(), session.backbone()
    facts = project.facts
    name, weights, size = facts["backbone"], facts["weights"], facts["size"]
    growth = growth_of(backbone)
    if WHOLE in backbone.facts:
        name, weights, size = whole_of(backbone)
    elif growth.adapters or growth.branches:
        raise Refused(
            "This network has adapters or branches, and can't be made smaller with them. Merge the "
            "branches, or choose a network again."
        )
    licence = backbone.licence

    def whole() -> Backbone:
        return network_of(project, Origin(name, weights, size, "", licence), size)

    if WHOLE in backbone.facts or growth.features != POOLED:
        backbone = session.keep(("whole", name, weights, size), whole)
    if len(blocks_of(backbone.stages)) < LEAST_BLOCKS:
        raise Refused(
            f"{title_of(backbone.name)} comes in one size. EfficientNet, EfficientNet-Lite, "
            "ResNet-50 and MobileNet can be made smaller: choose one of them."
        )
    return Origin(name, weights, size, backbone.digest, backbone.licence)


def whole_of(backbone: Backbone) -> tuple[str, str, int]:
    """Backbone, weights and size before a network was narrowed. Raises UnusableWeights."""
    try:
        name, weights, size = json.loads(str(backbone.facts[WHOLE]))
        return str(name), str(weights), int(size)
    except (ValueError, TypeError) as error:
        raise UnusableWeights(
            "The project's narrowed network does not say any more what it was made of. Undo its "
            "use, or choose a network again."
        ) from error


def network_of(project: Project, origin: Origin, resolution: int) -> Backbone:
    """A network at a resolution, with pooled features: what is folded knows of no others.

    Raises BadSetting where it can't take this one.
    """
    if origin.backbone == TUNED:
        content = project.blobs.get(origin.weights) or b""
        return tuned_backbone(content, project.blobs.path, resolution, POOLED)
    file = project.blobs.path(origin.weights) if origin.weights else None
    return load_backbone(origin.backbone, file, resolution)


def others(root: Origin) -> Iterator[Origin]:
    """The networks beside the project's own whose weights are on this computer."""
    for name in FAST:
        file = BACKBONES.make(name).found()
        if file is None or name == root.backbone:
            continue
        origin = origin_in(name, str(file), file.stat().st_mtime_ns)
        if origin is not None and origin.digest != root.digest:
            yield origin


@lru_cache(maxsize=64)
def origin_in(name: str, file: str, changed: int) -> Origin | None:
    """A network by name, with the digest of its weights; None where its file is damaged, which is
    told where it is chosen. `file` and when it `changed` say until when that holds."""
    try:
        found = load_backbone(name)
    except (Refused, UnusableWeights):
        return None
    return Origin(name, "", found.preprocessing.size, found.digest, found.licence)


def published(names: Iterable[str]) -> dict[str, float]:
    """The accuracies on ImageNet of networks by name, where they were published, as if all looked
    at images of one size: larger ones were published at more pixels, which is a part of what they
    have more."""
    told = {name: BACKBONES.make(name).facts() for name in names if name in BACKBONES}
    return {
        name: facts["accuracy"] - OCTAVE[POOLED] * math.log2(facts["size"] / PUBLISHED_AT)
        for name, facts in told.items()
        if facts["accuracy"]
    }


def possible(project: Project, origin: Origin, sizes: tuple[int, ...]) -> list[int]:
    """The resolutions among `sizes` that a network takes; it is read once for each."""
    for size in sizes:
        key = (origin.backbone, origin.weights, size)
        if key not in TAKEN:
            try:
                network_of(project, origin, size)
                TAKEN[key] = True
            except BadSetting:
                TAKEN[key] = False
    return [size for size in sizes if TAKEN[origin.backbone, origin.weights, size]]


def can_be_narrowed(project: Project, origin: Origin) -> bool:
    return len(places_of(project, origin)) >= LEAST_BLOCKS


def places_of(project: Project, origin: Origin) -> list[str]:
    """The blocks of a network that can be narrowed."""
    return list(blocks_of(network_of(project, origin, origin.size).stages))
