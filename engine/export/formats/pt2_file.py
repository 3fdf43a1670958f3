"""A model as a program of PyTorch (torch.export), with its preprocessing inside."""

from __future__ import annotations

import io
import json
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import torch

from engine.events import Progress
from engine.export.formats import EXPORTERS, ExportData, Exporter, Facts
from engine.export.graphs.model_onnx import metadata
from engine.export.graphs.torch_program import whole_program
from engine.export.readers.pt2_file import FACTS
from engine.export.receipts.script import script
from engine.models.backbone import Model

OPENED = """extra = {{{facts!r}: ""}}
program = torch.export.load(Path(__file__).with_name({model!a}), extra_files=extra).module()
facts = json.loads(extra[{facts!r}])"""
ASKED = """with torch.inference_mode():
    probabilities, distance = program(torch.from_numpy(np.asarray(image)[None].copy()))"""


@EXPORTERS.register("pt2", "PyTorch program (torch.export)")
@dataclass
class Pt2File(Exporter):
    """One file with preprocessing inside, for PyTorch and what compiles its programs."""

    suffix = ".pt2"
    whom = "For people who program with PyTorch."

    def write(
        self, model: Model, path: Path, material: ExportData
    ) -> Generator[Progress, None, Facts]:
        program = whole_program(model)
        yield Progress(0, None, "Writing the program")
        # PyTorch's own writer ends the whole process where the disk is full.
        content = io.BytesIO()
        torch.export.save(program, content, extra_files={FACTS: json.dumps(metadata(model))})
        path.write_bytes(content.getbuffer())
        return {}

    def script(self, name: str) -> str:
        return script("torch", OPENED.format(model=name, facts=FACTS), ASKED)
