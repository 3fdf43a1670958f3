"""A model as a file of LiteRT (TensorFlow Lite), for telephones and small boards."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import json
import logging
import warnings
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import torch

from engine.errors import Refused
from engine.events import Progress
from engine.export.formats import EXPORTERS, ExportData, Exporter, Facts
from engine.export.graphs.model_onnx import Whole
from engine.export.graphs.torch_program import first_line
from engine.export.readers.beside import card_of
from engine.export.receipts.script import script
from engine.export.receipts.sidecar import PIXELS, card
from engine.models.backbone import Model

NEEDED = ("litert_torch", "ai_edge_litert")
OPENED = """card = json.loads(Path(__file__).with_name({card!a}).read_text("utf-8"))
facts, p = card["facts"], card["preprocessing"]
interpreter = Interpreter(str(Path(__file__).with_name({model!a})))
network = interpreter.get_signature_runner()"""
ASKED = """found = network(args_0=pixels_of(image)[None])
probabilities, distance = found["output_0"], found["output_1"]"""


@EXPORTERS.register("litert", "LiteRT (TensorFlow Lite)")
@dataclass
class LitertFile(Exporter):
    """One .tflite file for telephones and small boards, and a card; one image at a time.

    Its converter resizes to no other sizes than those known before, so that resizing is not
    inside: the card says it to the pixel, and the script does it with Pillow.
    """

    suffix = ".tflite"
    whom = "For phones and small boards."
    inside = False
    companions = (".json",)

    @classmethod
    def missing(cls) -> str:
        if all(map(importlib.util.find_spec, NEEDED)):
            return ""
        return (
            "LiteRT's converter is not installed, so this format can't be written. Install it "
            'with: pip install "espalier[litert]" (it may take an older PyTorch with it, as far '
            "as the converter knows)."
        )

    def write(
        self, model: Model, path: Path, material: ExportData
    ) -> Generator[Progress, None, Facts]:
        """Writes the file. Raises Refused where the converter can't, or is not there."""
        size = model.backbone.preprocessing.size
        yield Progress(0, None, "Converting the network to LiteRT, which takes a while")
        sample = torch.zeros(1, size, size, 3, dtype=torch.uint8)
        try:
            with silent():
                convert(Whole(model).eval(), sample, path)
        except Exception as error:  # the converter raises what each of its parts does
            raise Refused(
                "LiteRT can't convert this network or learner, so nothing was exported. Choose "
                f"ONNX instead, and report this: {type(error).__name__}: {first_line(error)}"
            ) from error
        told = card(model, hashlib.sha256(path.read_bytes()).hexdigest())
        card_of(path).write_text(json.dumps(told, indent=1), "utf-8")
        return {}

    def script(self, name: str) -> str:
        opened = OPENED.format(model=name, card=card_of(Path(name)).name)
        return script(
            "ai-edge-litert",
            opened + PIXELS,
            ASKED,
            runtime="from ai_edge_litert.interpreter import Interpreter",
        )


def convert(module: torch.nn.Module, sample: torch.Tensor, path: Path) -> None:
    import litert_torch

    litert_torch.convert(plain_votes(module, sample), (sample,)).export(str(path))


def plain_votes(module: torch.nn.Module, sample: torch.Tensor) -> torch.nn.Module:
    """The module with each one_hot as a comparison: the converter can't say what one_hot checks."""
    program = torch.export.export(module, (sample,)).module()
    aten, graph = torch.ops.aten, program.graph
    for node in graph.find_nodes(op="call_function", target=aten.one_hot.default):
        values, count = node.args
        with graph.inserting_before(node):
            each = graph.call_function(aten.arange.default, (count,))
            beside = graph.call_function(aten.unsqueeze.default, (values, -1))
            equal = graph.call_function(aten.eq.Tensor, (beside, each))
            found = graph.call_function(aten.to.dtype, (equal, torch.int64))
        node.replace_all_uses_with(found)
        graph.erase_node(node)
    program.recompile()
    return program


@contextlib.contextmanager
def silent() -> Generator[None, None, None]:
    """The converter tells each of its steps to whoever looks; here nobody does."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
            torch.no_grad(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
        torch.backends.mha.set_fastpath_enabled(fast)
