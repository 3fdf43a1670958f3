"""The backbone that comes with the program, as one of the list. Its network is in elastic/."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

from engine.errors import Refused
from engine.models.backbone import Backbone
from engine.models.backbones.base import BACKBONES, Network, State, checked_size


@BACKBONES.register("embedded", "Embedded (small)")
@dataclass
class Embedded(Network):
    """Comes with the program and holds many sizes. Weaker than all others: for a first try."""

    many_sizes = True

    def facts(self) -> dict[str, Any]:
        """As Network.facts; it has no ImageNet accuracy, and nothing to download."""
        from engine.models.supernet.embedded import LICENCE

        file = files("resources") / "backbone.safetensors"
        here = file.is_file()
        return {
            "bytes": len(file.read_bytes()) if here else 0,
            "accuracy": None,
            "macs": None,
            "parameters": None,
            "licence": LICENCE,
            "url": "",
            "file": "",
            "digest": "",
            "here": here,
        }

    def signature(self) -> Mapping[str, tuple[int, ...]]:
        """Empty: no file but the program's own is read as this network."""
        return {}

    def assemble(self, state: State | None, size: int = 0) -> Backbone:
        """The program's own weights (`state` is not looked at). Raises Refused without them."""
        if not self.facts()["here"]:
            raise Refused(
                "The embedded network is missing from this copy of Espalier. Install it again, "
                "or choose another network."
            )
        # Not before it is asked for: the list of backbones must not pay for it.
        from engine.models.supernet.embedded import embedded_backbone

        backbone = embedded_backbone()
        size = checked_size(self.title, size, backbone.preprocessing.size, 32)
        return replace(backbone, preprocessing=backbone.preprocessing.at(size).whole())
