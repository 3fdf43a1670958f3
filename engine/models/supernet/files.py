"""Supernets and subnets in files: float16 safetensors with a few facts as text beside the weights.

A supernet's file holds what the official checkpoint holds, under the same names. A subnet's file
holds a plain network with batch norms of its own, in float32, and says which architecture it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from safetensors import safe_open

from engine.errors import UnusableWeights
from engine.images.preprocess import Preprocessing
from engine.models.backbone import Backbone, Stage, digest_of, parameters_of
from engine.models.provenance import BROKEN, Origin, check_numbers, facts_in
from engine.models.supernet.architecture import Architecture
from engine.models.supernet.mobilenet import MobileNet
from engine.models.supernet.supernet import Supernet
from engine.models.weights import check_header
from engine.system.files import replace_file
from engine.system.trouble import pass_on

LEAST_WIDTH, MOST_WIDTH = 0.05, 4.0
SUBNET = "subnet"
"""The name of the backbone of a project that uses a subnet."""


def write_weights(supernet: Supernet, path: Path, facts: Mapping[str, object]) -> None:
    """Writes a supernet's weights as float16, with `facts` (scores, use_size) as text."""
    state = {
        name: (t.half() if t.is_floating_point() else t).contiguous()
        for name, t in supernet.state_dict().items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    noted = {"width": supernet.multiplier, **facts}
    content = safetensors.torch.save(state, {key: str(value) for key, value in noted.items()})
    replace_file(path, content)  # Its own way to a file says nothing of a full disk.


def read_weights(path: Path) -> tuple[Supernet, dict[str, str]]:
    """The supernet that `write_weights` wrote, in float32, and its facts.

    Raises UnusableWeights where the file is broken or holds a weight that is no number.
    """
    try:
        check_header(path, path.name)
        state, facts = read(path)
        supernet = Supernet(classes_of(state), width_of(facts))
        fill(supernet, state)
    except BROKEN as error:
        pass_on(error)
        raise UnusableWeights(
            f"{path.name} can't be read: it is damaged or holds something else. Get it again; if "
            "it came with Espalier, install Espalier again."
        ) from error
    check_numbers(path.name, supernet.state_dict())
    return supernet.eval(), facts


def read(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """All tensors of a safetensors file by name, and the texts beside them."""
    with safe_open(path, "pt") as file:
        facts, names = dict(file.metadata() or {}), file.keys()
        return {name: file.get_tensor(name) for name in names}, facts


def classes_of(state: Mapping[str, torch.Tensor]) -> int:
    """How many classes a file's classifier has. Raises KeyError or ValueError where it has none, or
    where memory would be taken for weights that are not there."""
    weight, bias = (state[f"classifier.linear.{part}"] for part in ("weight", "bias"))
    if weight.ndim != 2 or weight.shape[:1] != bias.shape:
        raise ValueError("a classifier of another shape")
    return len(bias)


def width_of(facts: Mapping[str, str]) -> float:
    """By how much a file's layers are wider than usual. Raises KeyError or ValueError."""
    width = float(facts["width"])
    if not LEAST_WIDTH <= width <= MOST_WIDTH:
        raise ValueError("no width of a network of this family")
    return width


def fill(network: MobileNet, state: Mapping[str, torch.Tensor]) -> None:
    """Loads weights of any float type. Matrices that a file lacks stay the identity."""
    own = {k: v for k, v in network.state_dict().items() if k.endswith("_matrix")}
    given = {k: v.float() if v.is_floating_point() else v for k, v in state.items()}
    network.load_state_dict({**own, **given})


def subnet_bytes(network: MobileNet, architecture: Architecture, origin: Origin) -> bytes:
    """A recalibrated subnet as the bytes of a file."""
    facts = {"architecture": str(architecture), "width": str(network.multiplier)}
    facts |= {f"origin_{name}": str(value) for name, value in vars(origin).items()}
    state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    return safetensors.torch.save(state, facts)


def read_subnet(content: bytes) -> Backbone:
    """The backbone that `subnet_bytes` wrote; its facts are those texts, and `architecture`.

    Raises UnusableWeights.
    """
    try:
        facts = facts_in(content)
        state = safetensors.torch.load(content)
        architecture = Architecture.parse(facts["architecture"])
        network = MobileNet(classes_of(state), width_of(facts), architecture)
        fill(network, state)
        licence = facts["origin_licence"]
    except BROKEN as error:
        pass_on(error)
        raise UnusableWeights(
            "The weights of this project's subnet are damaged. Choose a network, or use a subnet "
            "under Specialise again."
        ) from error
    check_numbers(SUBNET, state)
    return backbone_of(SUBNET, network.eval(), architecture.resolution, licence, facts)


def backbone_of(
    name: str, network: MobileNet, size: int, licence: str, facts: Mapping[str, object]
) -> Backbone:
    """A plain network of the family as a backbone; images are used up to their shorter side."""
    stages = [Stage(part, module.eval()) for part, module in network.stages()]
    return Backbone(
        name=name,
        stages=stages,
        preprocessing=Preprocessing(size, round(size * 8 / 7)),
        width=network.width,
        digest=digest_of(network.state_dict()),
        licence=licence,
        facts={**facts, "parameters": parameters_of([s.module for s in stages])},
    )
