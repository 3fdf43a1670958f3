"""A model as one ONNX file with its preprocessing inside."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import onnx

from engine.events import Progress
from engine.export.formats import EXPORTERS, ExportData, Exporter, Facts
from engine.export.graphs.model_onnx import whole_graph
from engine.export.receipts.script import script_for
from engine.models.backbone import Model


@EXPORTERS.register("onnx", "ONNX, 32 bits")
@dataclass
class OnnxFile(Exporter):
    """One file with preprocessing inside, for ONNX Runtime and everything that reads ONNX."""

    suffix = ".onnx"
    whom = "Right for most: it runs on any computer and in most programs."

    def write(
        self, model: Model, path: Path, material: ExportData
    ) -> Generator[Progress, None, Facts]:
        onnx.save(whole_graph(model, path), path)
        yield Progress(0, None, "Writing the network")
        return {}

    def script(self, name: str) -> str:
        return script_for(name)
