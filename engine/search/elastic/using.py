"""A network that a search found as the project's own, and as it is told to a person."""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

from engine.errors import Refused
from engine.events import Event, Progress
from engine.models.backbone import Backbone
from engine.models.backbones import TUNED, tuned_backbone
from engine.models.elastic.architecture import ElasticArchitecture
from engine.models.elastic.blocks import blocks_of, layers_of
from engine.models.growth import growth_of
from engine.models.provenance import Origin, origin_of
from engine.models.tuned import as_tuned, facts_for, tuned_bytes
from engine.results.specialise import Block
from engine.search.elastic import folding, networks
from engine.search.elastic.choice import Choice

BLOB = "blob"
"""Among what was measured of a form that was trained: its file."""


@dataclass(frozen=True)
class Found:
    """A network that can take the project's place: as a file of its own where it was narrowed, as
    another size of a known one where not."""

    backbone: Backbone
    facts: dict[str, Any]
    """backbone, weights and size, as a project names them; no weights where there is a file."""
    content: bytes
    keeps: tuple[str, ...]
    """Blobs from which it was made, to be kept with it."""


def origin_named(choice: Choice, wanted: ElasticArchitecture) -> Origin:
    """Raises Refused where the network is not here any more."""
    if wanted.network not in choice.origins:
        raise Refused("This network is not on this computer any more. Search again.")
    return choice.origins[wanted.network]


def found(choice: Choice, wanted: ElasticArchitecture) -> Generator[Event, None, Found]:
    """The network of an architecture, folded anew if it is narrower: that is always the same."""
    origin = origin_named(choice, wanted)
    project, size = choice.bench.project, wanted.resolution
    if wanted.trained:
        return (yield from found_trained(choice, origin, wanted))
    if not wanted.shares and origin.backbone != TUNED:
        network = choice.bench.dressed(networks.network_of(project, origin, size))
        facts = {"backbone": origin.backbone, "weights": origin.weights, "size": size}
        return Found(network, facts | features_in(network), b"", ())
    calibration = yield from folding.calibrated(choice.bench, origin)
    assert calibration is not None
    network = yield from folding.folded(choice.bench, origin, wanted, calibration)
    return as_file(choice, origin, wanted, network)


def as_file(
    choice: Choice, origin: Origin, wanted: ElasticArchitecture, network: Backbone
) -> Found:
    """A network of pooled features as a file of its own, with the features that the project has."""
    size, network = wanted.resolution, choice.bench.dressed(network)
    began = origin_of(network.facts) if origin.backbone == TUNED else origin
    more = {
        "architecture": str(wanted),
        networks.WHOLE: json.dumps([origin.backbone, origin.weights, origin.size]),
        networks.CLASSES: json.dumps(choice.bench.classes),
    }
    told = replace(began, size=size), growth_of(network), more
    content = tuned_bytes(network.stages, *told)
    keeps = tuple(blob for blob in (origin.weights, began.weights) if blob)
    facts = {"backbone": TUNED, "weights": "", "size": size, **features_in(network)}
    return Found(as_tuned(network, facts_for(*told)), facts, content, keeps)


def found_trained(
    choice: Choice, origin: Origin, wanted: ElasticArchitecture
) -> Generator[Event, None, Found]:
    """A form whose weights were kept when it was trained."""
    yield Progress(0, None, "Reading the network")
    content = trained_content(choice, wanted)
    network = tuned_backbone(content, choice.bench.project.blobs.path, wanted.resolution)
    began = origin_of(network.facts)
    keeps = tuple(blob for blob in (origin.weights, began.weights) if blob)
    facts = {"backbone": TUNED, "weights": "", "size": wanted.resolution, **features_in(network)}
    return Found(network, facts, content, keeps)


def trained_content(choice: Choice, wanted: ElasticArchitecture) -> bytes:
    """The file of a form that was trained. Raises Refused where it is gone."""
    facts = choice.facts().get(str(wanted), {})
    content = choice.bench.project.blobs.get(facts.get(BLOB, ""))
    if not content:
        raise Refused("The weights of this network are gone. Train it once more.")
    return content


def features_in(network: Backbone) -> dict[str, str]:
    return {"features": growth_of(network).features}


def in_use(backbone: Backbone, root: Origin) -> str:
    """The architecture of the network that the project uses."""
    if networks.WHOLE in backbone.facts:
        return str(backbone.facts["architecture"])
    return str(ElasticArchitecture(root.backbone, root.size))


def stages_of(network: Backbone, wanted: ElasticArchitecture) -> list[list[Block]]:
    """The blocks that can be narrowed, as they are in an architecture, by stage."""
    blocks = blocks_of(network.stages)
    shares, stages = wanted.by_place(list(blocks)), dict[str, list[Block]]()
    for place, module in blocks.items():
        layers = layers_of(module)
        assert layers is not None
        wide = layers.width * shares.get(place, 1.0)
        # A bottleneck expands nothing: its width is told beside what comes to its filters.
        expand = (
            round(wide / layers.expand.in_channels, 1)
            if layers.inverted
            else round(wide / layers.spatial.in_channels, 2)
        )
        block: Block = {"kernel": layers.spatial.kernel_size[0], "expand": expand}
        stages.setdefault(place.partition(".")[0], []).append(block)
    return list(stages.values())
