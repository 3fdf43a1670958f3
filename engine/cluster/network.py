"""A frozen network as workers get it: one file, known by its digest."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Any

from engine.images.preprocess import Preprocessing
from engine.models.extractor import Extractor


@dataclass(frozen=True, eq=False)
class Network:
    """What computes features: the bytes of an ONNX file, and what an image is made into for it."""

    digest: str
    content: bytes
    preprocessing: Preprocessing
    views: int
    width: int

    def asked(self) -> dict[str, Any]:
        """What goes with each share."""
        shape = [self.views, self.width]
        sees = asdict(self.preprocessing)
        return {"network": self.digest, "preprocessing": sees, "shape": shape}


def network_of(extractor: Extractor, views: int) -> Network | None:
    """The file that runs on processors, whatever runs here; None where a network has none."""
    own = extractor
    if extractor.device.type != "cpu":
        own = Extractor(extractor.backbone, extractor.cut, "cpu", extractor.cache)
    if own.cache is None or own.session(views) is None:
        return None
    content = own.file(own.cache, views).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    backbone = own.backbone
    return Network(digest, content, backbone.preprocessing, views, backbone.width)
