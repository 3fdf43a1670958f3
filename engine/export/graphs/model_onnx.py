"""A model as an ONNX graph: what all formats that are made from ONNX begin with."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import torch
from onnx import compose
from torch import nn

from engine.errors import Refused
from engine.export.exported import OUTPUTS
from engine.export.graphs.preprocess_onnx import Before, picture_graph, with_preprocessing
from engine.export.receipts.measured import in_words, program_version
from engine.models.backbone import Model
from engine.models.onnx_export import CantExport, Names, write_onnx
from engine.models.trunk import Frozen


class Whole(nn.Module):
    """From cropped pictures, uint8 (n, size, size, 3), to probabilities and distance."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.frozen = Frozen.of(model.backbone, model.views)
        self.head = model.head

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.head(self.frozen(pixels))


def network_graph(model: Model, path: Path) -> onnx.ModelProto:
    """The model without its resizing: uint8 "pixels" (n, size, size, 3) to `OUTPUTS`.

    `path` is used for a moment. Raises Refused where ONNX can't say this model.
    """
    return written(Whole(model), pixels_of(model), path, ("pixels", OUTPUTS))


def halves(model: Model, path: Path) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    """The same as two graphs: "pixels" to "features" (n, views, width), and these to `OUTPUTS`."""
    frozen = Frozen.of(model.backbone, model.views)
    below = written(frozen, pixels_of(model), path, ("pixels", ["features"]))
    features = torch.rand(2, model.views, model.backbone.width)
    return below, written(model.head, features, path, ("features", OUTPUTS))


def joined(below: onnx.ModelProto, above: onnx.ModelProto) -> onnx.ModelProto:
    """The two graphs of `halves` as one."""
    below.ir_version = above.ir_version = max(below.ir_version, above.ir_version)
    frozen, head = (
        compose.add_prefix(graph, prefix, rename_inputs=False, rename_outputs=False)
        for graph, prefix in ((below, "backbone/"), (above, "head/"))
    )
    return compose.merge_models(frozen, head, io_map=[("features", "features")])


def pixels_of(model: Model) -> torch.Tensor:
    """Two cropped pictures, to export with."""
    size = model.backbone.preprocessing.size
    return torch.zeros(2, size, size, 3, dtype=torch.uint8)


def written(module: nn.Module, sample: torch.Tensor, path: Path, names: Names) -> onnx.ModelProto:
    """A module as a graph. Raises Refused where ONNX can't say it."""
    try:
        write_onnx(module.eval(), sample, path, names)
    except CantExport as error:
        raise Refused(
            "This network or learner can't be written as ONNX. Choose another one, and report "
            f"this: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        ) from error
    return onnx.load(path)


def whole_graph(model: Model, path: Path) -> onnx.ModelProto:
    """The model with preprocessing and with what it says of itself: input "pictures"."""
    return complete(model, network_graph(model, path))


def complete(
    model: Model, network: onnx.ModelProto, graph: Before = picture_graph
) -> onnx.ModelProto:
    """A graph of `network_graph`'s form with preprocessing before it and its metadata."""
    whole = with_preprocessing(network, model.backbone.preprocessing, OUTPUTS, graph)
    whole.producer_name, whole.producer_version = "Espalier", program_version()
    onnx.helper.set_model_props(whole, metadata(model))
    return whole


def metadata(model: Model) -> dict[str, str]:
    """What an exported file says of itself; all values are text."""
    backbone, p = model.backbone, model.backbone.preprocessing
    facts = {
        # ASCII: any name survives, also one from a folder whose name is no valid UTF-8.
        "class_names": json.dumps(list(model.class_names)),
        "threshold": repr(float(model.threshold)),
        "promise": repr(model.promise.rate if model.promise else 0.0),
        "least": json.dumps(list(model.least)),
        "within": json.dumps(list(model.groups.within)),
        "backbone": backbone.name,
        "weights_sha256": backbone.digest,
        "preprocessing": in_words(p),
        "sizes": json.dumps({"size": p.size, "resize": p.resize, "interpolation": p.interpolation}),
        "views": str(model.views),
        "licence": backbone.licence,
        "program": f"Espalier {program_version()}",
        "input": "pictures: uint8 RGB (n, height, width, 3), any size, turned upright",
        "output": "probabilities (n, classes); distance (n): above threshold is none of these; an "
        "answer below its class's least probability is not sure",
    }
    return facts | {f"{name}_sha256": digest for name, digest in model.digests.items()}
