"""The embedded backbone: the largest once-for-all MobileNetV3 at width 0.5, from resources/."""

from __future__ import annotations

import os
from importlib.resources import as_file, files
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from engine.backbones.elastic.net import ElasticNet
from engine.errors import UnusableWeights
from engine.net import Backbone, Preprocessing, Stage, digest_of, parameters_of

NAME = "embedded"
LICENCE = (
    "Trained on a part of Tiny-ImageNet, whose pictures are for research; the teacher is "
    "torchvision's MobileNetV2 (BSD). See resources/backbone.md."
)


def write_weights(network: ElasticNet, path: Path, facts: dict[str, object]) -> None:
    """Writes a network's weights as float16 safetensors, with `facts` (width, scores) as text."""
    state = {
        name: (t.half() if t.is_floating_point() else t).contiguous()
        for name, t in network.state_dict().items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(".half")
    save_file(state, half, {key: str(value) for key, value in facts.items()})
    os.replace(half, path)


def read_weights(path: Path) -> tuple[ElasticNet, dict[str, str]]:
    """The network that `write_weights` wrote, in float32, and its facts.

    Raises UnusableWeights where the file is broken or holds a weight that is no number.
    """
    try:
        with safe_open(path, "pt") as file:
            facts = dict(file.metadata() or {})
            names = file.keys()
            state = {name: file.get_tensor(name) for name in names}
        network = ElasticNet(len(state["classifier.linear.bias"]), float(facts["width"]))
        network.load_state_dict(
            {k: v.float() if v.dtype == torch.float16 else v for k, v in state.items()}
        )
    except (SafetensorError, RuntimeError, KeyError, OSError) as error:
        raise UnusableWeights(
            f"The weights {path.name} can't be read. Install Espalier again."
        ) from error
    broken = [name for name, tensor in network.state_dict().items() if not tensor.isfinite().all()]
    if broken:
        raise UnusableWeights(
            f"The weights {path.name} hold values that are no number: {broken[0]}."
        )
    return network.eval(), facts


def embedded_backbone() -> Backbone:
    """The backbone that comes with the program, in stages; its features have 640 numbers."""
    with as_file(files("resources") / "backbone.safetensors") as path:
        network, facts = read_weights(path)
    stages = [Stage(name, part.eval()) for name, part in network.stages()]
    size = int(facts["use_size"])
    return Backbone(
        name=NAME,
        stages=stages,
        preprocessing=Preprocessing(size, round(size * 8 / 7)),
        width=network.width,
        digest=digest_of(network.state_dict()),
        licence=LICENCE,
        facts={**facts, "parameters": parameters_of([s.module for s in stages])},
    )
