"""Other networks on the plot of subnets: the one in use, and MobileNets of torchvision's.

Each is timed as it would be exported, and scored with the same images and learner as the subnets.
"""

from __future__ import annotations

from collections.abc import Generator

import torch

from engine.errors import Refused, UnusableWeights
from engine.events import Event, Notice, Progress
from engine.learning.comparison import Measured, scored
from engine.models import timing as models_timing
from engine.models.backbone import Backbone
from engine.models.backbones import load_backbone
from engine.models.backbones.base import BACKBONES
from engine.models.extractor import Extractor
from engine.results.specialise import Landmark
from engine.search.evaluation import SubnetEvaluator
from engine.storage import subnet_results
from engine.storage.project import Project
from engine.system.paths import cache_folder

PEERS = ("mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large")
SIZES = (0.5, 0.75, 1.0)
"""Shares of the supernet's own input size at which a peer is measured."""
PREFIX = "landmark: "
SECONDS = 0.5


def stored(project: Project, key: str, device: str) -> list[Landmark]:
    """What was measured: name, size in pixels, latency in ms on this device, and accuracy."""
    found = subnet_results.stored(project, PREFIX + key)
    rows: list[Landmark] = [
        {
            "name": facts["name"],
            "size": facts["size"],
            "accuracy": facts["accuracy"],
            "latency_ms": facts["timed"][device]["p50"],
        }
        for facts in found.values()
        if device in facts["timed"]
    ]
    return sorted(rows, key=lambda row: row["latency_ms"])


def measure(
    bench: SubnetEvaluator, in_use: Backbone, setting: models_timing.Setting
) -> Generator[Event, None, None]:
    """Measures what is not yet known. Peers whose weights are not here are named in a Notice."""
    project, device = bench.project, models_timing.device_key(setting)
    networks = list(candidates_for(bench))
    missing = [BACKBONES.make(n).title for n in PEERS if not BACKBONES.make(n).facts()["here"]]
    networks.append((f"In use: {in_use.name}", in_use))
    for number, (name, backbone) in enumerate(networks):
        yield Progress(number, len(networks), f"Measuring {name}")
        size = backbone.preprocessing.size
        yield from bench.prepare(size)
        known = subnet_results.stored(project, PREFIX + bench.key).get(
            backbone.digest + f"@{size}", {}
        )
        facts = {"name": name, "size": size}
        if "accuracy" not in known:
            facts["accuracy"] = accuracy(bench, backbone).accuracy
        if device not in known.get("timed", {}):
            timed = timing(backbone, setting)
            facts["timed"] = {**known.get("timed", {}), device: timed}
        subnet_results.keep(project, PREFIX + bench.key, backbone.digest + f"@{size}", facts)
    if missing:
        yield Notice(
            f"Not compared, because their weights are not here: {', '.join(missing)}. Download "
            "them in the list of networks."
        )


def candidates_for(bench: SubnetEvaluator) -> Generator[tuple[str, Backbone], None, None]:
    """Torchvision's mobile networks whose weights are here, at sizes around the supernet's."""
    usual = bench.origin.size
    for name in PEERS:
        for size in sorted({max(32, 8 * round(usual * share / 8)) for share in SIZES}):
            try:
                yield BACKBONES.make(name).title, load_backbone(name, None, size)
            except (Refused, UnusableWeights):
                break


def accuracy(bench: SubnetEvaluator, backbone: Backbone) -> Measured:
    """The accuracy of a fixed network, measured as that of a subnet, without recalibration."""
    size = backbone.preprocessing.size
    learner = bench.fresh_learner()
    extractor = Extractor(backbone, device="cpu", cache=cache_folder())
    train, train_classes = bench.sample.of(bench.sample.train, size)
    held_out, truth = bench.sample.of(bench.sample.held_out, size)
    known = torch.from_numpy(extractor(train, learner.views))
    asked = torch.from_numpy(extractor(held_out, learner.views))
    return scored(learner, known, train_classes, asked, truth, backbone.moments)


def timing(backbone: Backbone, setting: models_timing.Setting) -> dict[str, float]:
    """Milliseconds for one image, by the graph that runs here and that the export holds.

    Raises Refused where ONNX Runtime can't run the network.
    """
    folder = cache_folder()
    extractor = Extractor(backbone, device="cpu", cache=folder)
    if extractor.session(1) is None:
        raise Refused(f"{backbone.name} can't be run by ONNX Runtime, so it can't be timed here.")
    size = backbone.preprocessing.size
    return models_timing.time_network(extractor.file(folder, 1), size, setting, SECONDS)
