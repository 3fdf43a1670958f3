"""The embedded backbone: the largest subnet of the supernet that comes with the program."""

from __future__ import annotations

from importlib.resources import as_file, files

from engine.models.backbone import Backbone
from engine.models.supernet.architecture import largest
from engine.models.supernet.files import backbone_of, read_weights
from engine.models.supernet.supernet import Supernet

NAME = "embedded"
LICENCE = (
    "Trained on a part of Tiny-ImageNet, whose images are for research; the teacher is "
    "torchvision's MobileNetV2 (BSD). Check that these terms allow your use."
)


def embedded_supernet() -> tuple[Supernet, dict[str, str]]:
    """The supernet in resources/, and the facts in its file."""
    with as_file(files("resources") / "backbone.safetensors") as path:
        return read_weights(path)


def embedded_backbone() -> Backbone:
    """The backbone that comes with the program, in stages; its features have 640 numbers."""
    supernet, facts = embedded_supernet()
    size = int(facts["use_size"])
    return backbone_of(NAME, supernet.subnet(largest(size)), size, LICENCE, facts)
