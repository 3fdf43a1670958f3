"""A model as OpenVINO's own two files, .xml and .bin, with its preprocessing inside."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import onnx

from engine.errors import Refused
from engine.events import Progress
from engine.export.formats import EXPORTERS, ExportData, Exporter, Facts
from engine.export.graphs.model_onnx import complete, metadata, network_graph
from engine.export.graphs.preprocess_matrix import matrix_graph
from engine.export.readers.openvino_ir import PLACE, WEIGHTS
from engine.export.receipts.script import script
from engine.models.backbone import Model

OPENED = """model = openvino.Core().read_model(str(Path(__file__).with_name({model!a})))
told = ("class_names", "threshold", "least", "within")
facts = {{k: model.get_rt_info(["{place}", k]).astype(str) for k in told}}
exact = {{"INFERENCE_PRECISION_HINT": "f32"}}  # else in 16 bits where the processor can
session = openvino.compile_model(model, "CPU", exact)"""
ASKED = """found = session(np.asarray(image)[None])
probabilities, distance = found["probabilities"], found["distance"]"""


@EXPORTERS.register("openvino", "OpenVINO IR")
@dataclass
class OpenvinoFiles(Exporter):
    """Two files, .xml and .bin, for OpenVINO on Intel's processors and graphics."""

    suffix = ".xml"
    whom = "For computers with Intel's processors or graphics."
    companions = (".bin",)

    @classmethod
    def missing(cls) -> str:
        if importlib.util.find_spec("openvino"):
            return ""
        return (
            "OpenVINO is not installed, so this format can't be written. Install it with: "
            'pip install "espalier[openvino]".'
        )

    def write(
        self, model: Model, path: Path, material: ExportData
    ) -> Generator[Progress, None, Facts]:
        network = network_graph(model, path)
        yield Progress(0, None, "Converting the network to OpenVINO")
        save(complete(model, network, matrix_graph), metadata(model), path)
        yield Progress(1, 1, "Converting the network to OpenVINO")
        return {}

    def script(self, name: str) -> str:
        return script("openvino", OPENED.format(model=name, place=PLACE), ASKED)


def save(graph: onnx.ModelProto, facts: dict[str, str], path: Path) -> None:
    """Converts by OpenVINO's own reader of ONNX, and writes both files.

    `openvino.convert_model` would do the same, and count its use on a server of its makers; so does
    the import, if it is not kept from it (engine/__init__.py). Raises Refused where OpenVINO can't
    say this model.
    """
    import openvino

    try:
        converted = openvino.Core().read_model(graph.SerializeToString())
    except RuntimeError as error:
        raise Refused(
            "OpenVINO can't convert this network or learner, so nothing was exported. Choose ONNX "
            f"instead, and report this: {str(error).strip().splitlines()[-1][:200]}"
        ) from error
    for name, text in facts.items():
        converted.set_rt_info(text, [PLACE, name])
    openvino.save_model(converted, path, compress_to_fp16=False)
    digest = hashlib.sha256(path.with_suffix(".bin").read_bytes()).hexdigest()
    # So that an .xml never answers with the weights of another export that lies beside it.
    converted.set_rt_info(digest, [PLACE, WEIGHTS])
    openvino.save_model(converted, path, compress_to_fp16=False)
