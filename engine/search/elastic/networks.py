"""The networks that an elastic search may choose from: the project's own, and those that are here.

The project's own is the one before it was narrowed: a narrowed network's file names it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from engine.errors import BadSetting, Refused, UnusableWeights
from engine.models.backbone import Backbone
from engine.models.backbones import TUNED, load_backbone, title_of, tuned_backbone
from engine.models.backbones.base import BACKBONES
from engine.models.elastic.blocks import blocks_of
from engine.models.growth import growth_of
from engine.models.provenance import Origin
from engine.session import Session
from engine.storage.project import Project

WHOLE = "whole"
"""In a narrowed network's file: backbone, weights and size of the project before."""
FAST = (
    "efficientnet_lite0",
    "efficientnet_lite1",
    "efficientnet_lite2",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "mobilenet_v3_large",
)
"""Networks made for small processors, which stand beside the project's own where they are here."""
RESOLUTIONS = (64, 96, 128, 160, 192, 224)
"""Multiples of 32: the strides of these networks then divide a map without a rest."""
LEAST_BLOCKS = 3


def root_of(session: Session) -> Origin:
    """The project's network as it was before it was narrowed.

    Raises Refused where it has nothing that could be narrowed.
    """
    project, backbone = session.require(), session.backbone()
    facts = project.facts
    name, weights, size = facts["backbone"], facts["weights"], facts["size"]
    if WHOLE in backbone.facts:
        name, weights, size = json.loads(str(backbone.facts[WHOLE]))
        backbone = network_of(project, Origin(name, weights, size, "", backbone.licence), size)
    growth = growth_of(backbone)
    if growth.adapters or growth.branches:
        raise Refused(
            "This network has adapters or branches, and can't be made smaller with them. Merge the "
            "branches, or choose a network again."
        )
    if len(blocks_of(backbone.stages)) < LEAST_BLOCKS:
        raise Refused(
            f"{title_of(backbone.name)} comes in one size. EfficientNet, EfficientNet-Lite and "
            "MobileNet can be made smaller: choose one of them."
        )
    return Origin(name, weights, size, backbone.digest, backbone.licence)


def network_of(project: Project, origin: Origin, resolution: int) -> Backbone:
    """A network at a resolution. Raises BadSetting where it can't take this one."""
    if origin.backbone == TUNED:
        content = project.blobs.get(origin.weights) or b""
        return tuned_backbone(content, project.blobs.path, resolution)
    file = project.blobs.path(origin.weights) if origin.weights else None
    return load_backbone(origin.backbone, file, resolution)


def others(root: Origin) -> Iterator[Origin]:
    """The networks beside the project's own whose weights are on this computer."""
    for name in FAST:
        facts: dict[str, Any] = BACKBONES.make(name).facts()
        if not facts["here"] or name == root.backbone:
            continue
        try:
            found = load_backbone(name)
        except (Refused, UnusableWeights):
            continue  # A file that is damaged is told where it is chosen.
        if found.digest != root.digest:
            yield Origin(name, "", facts["size"], found.digest, found.licence)


def possible(project: Project, origin: Origin, sizes: tuple[int, ...]) -> list[int]:
    """The resolutions among `sizes` that a network takes."""
    found = []
    for size in sizes:
        try:
            network_of(project, origin, size)
        except BadSetting:
            continue
        found.append(size)
    return found


def places_of(project: Project, origin: Origin) -> list[str]:
    """The blocks of a network that can be narrowed."""
    return list(blocks_of(network_of(project, origin, origin.size).stages))
