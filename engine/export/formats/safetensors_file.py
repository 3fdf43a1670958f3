"""A model as weights (.safetensors), a card (.json) and the network as Python (.network.py).

PyTorch and Pillow are all that is needed to use it; torchvision is not, since the network is
written out operation by operation, whatever it is: a tuned one, a subnet, or one with branches.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import save

from engine.events import Progress
from engine.export.formats import EXPORTERS, ExportData, Exporter, Facts
from engine.export.graphs.torch_code import lines_of
from engine.export.graphs.torch_program import network_program
from engine.export.readers.beside import card_of
from engine.export.receipts.script import MARK, script
from engine.export.receipts.sidecar import PIXELS, card
from engine.models.backbone import Model

CODE = ".network.py"
NETWORK = '''{mark}: the network in {file}, in plain PyTorch.
# {backbone}; {classes} classes; {views} view(s) of each picture.
import operator

import torch

aten = torch.ops.aten


def network(w, pixels):
    """Weights, uint8 (n, {size}, {size}, 3): probabilities (n, {classes}), distance (n,)."""
    {lines}
    return found
'''
OPENED = """card = json.loads(Path(__file__).with_name({card!a}).read_text("utf-8"))
facts, p = card["facts"], card["preprocessing"]
weights = load_file(Path(__file__).with_name({model!a}))
network = runpy.run_path(str(Path(__file__).with_name({code!a})))["network"]"""
ASKED = """with torch.inference_mode():
    probabilities, distance = network(weights, torch.from_numpy(pixels_of(image)[None]))"""


@EXPORTERS.register("safetensors", "Weights for plain PyTorch (safetensors)")
@dataclass
class SafetensorsFile(Exporter):
    """Weights, a card of all that belongs to them, and the network in plain PyTorch.

    Resizing is not inside: the card says it to the pixel, and the script does it with Pillow.
    """

    suffix = ".safetensors"
    whom = "For people who go on training in PyTorch, or read the network's code."
    inside = False
    companions = (".json", CODE)

    def write(
        self, model: Model, path: Path, material: ExportData
    ) -> Generator[Progress, None, Facts]:
        program = network_program(model)
        yield Progress(0, None, "Writing the network")
        lines, weights = lines_of(program, "pixels", places(model))
        path.write_bytes(save(weights, {"format": "pt", "card": card_of(path).name}))
        told = card(model, hashlib.sha256(path.read_bytes()).hexdigest(), network=lines)
        card_of(path).write_text(json.dumps(told, indent=1), "utf-8")
        path.with_suffix(CODE).write_text(code(model, lines, path.name), "utf-8")
        return {"operations": len(lines) - 1}

    def script(self, name: str) -> str:
        path = Path(name)
        opened = OPENED.format(
            model=name, card=card_of(path).name, code=path.with_suffix(CODE).name
        )
        return script(
            "torch safetensors",
            opened + PIXELS,
            ASKED,
            "runpy",
            "import torch\nfrom safetensors.torch import load_file",
        )


def places(model: Model) -> dict[str, str]:
    """How weights' names begin in an export, and how a person calls the place."""
    stages = model.backbone.stages
    return {
        **{f"frozen.trunk.{at}.": f"{stage.name}." for at, stage in enumerate(stages)},
        "frozen.normalise.": "normalise.",
    }


def code(model: Model, lines: list[str], file: str) -> str:
    """The same network as Python to read and to import."""
    return NETWORK.format(
        mark=MARK.decode(),
        file=ascii(file),
        backbone=ascii(model.backbone.name).strip("'"),
        classes=len(model.class_names),
        views=model.views,
        size=model.backbone.preprocessing.size,
        lines="\n    ".join(lines),
    )
