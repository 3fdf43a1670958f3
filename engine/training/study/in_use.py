"""What a row's model costs in use: how long it takes for an image here, and how large its file is.

The file is the one that an export would write (ONNX, 32 bits, preprocessing inside), with a head of
the same shape; it is timed as it is run here, one image of the network's size at a time.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from torch import nn

from engine.errors import Refused
from engine.export.graphs.model_onnx import whole_graph
from engine.learners.confidence import Calibration, calibrated
from engine.learners.evidence import SPACE, Evidence
from engine.models.backbone import Backbone, Model
from engine.models.timing import Setting, time_network
from engine.system import device as devices

SECONDS = 0.3
"""For how long a model is timed."""


def in_use(
    backbone: Backbone, head: nn.Module, views: int, names: tuple[str, ...]
) -> dict[str, Any]:
    """The median in ms and the file's bytes; both None where ONNX can't say this model."""
    directions, space = (
        np.zeros(shape, np.float32)
        for shape in ((len(names), backbone.width), (backbone.width, SPACE))
    )
    evidence = Evidence(np.ones(3), 0.0, space[:, 0], space)
    answering = calibrated(head, Calibration(1.0, 1.0, directions, evidence))
    model = Model(backbone, answering, names, threshold=1.0, views=views)
    with tempfile.TemporaryDirectory(prefix="espalier-") as folder:
        path = Path(folder) / "model.onnx"
        try:
            onnx.save(whole_graph(model, path), path)
            setting = Setting(threads=devices.threads())
            timed = time_network(path, backbone.preprocessing.size, setting, SECONDS)
        except Refused:
            return {"p50": None, "export": None}
        return {"p50": timed["p50"], "export": path.stat().st_size}
