"""From a supernet of the official size to a file: `python -m tests.bench.extraction [FOLDER]`.

Weights of the right shapes are drawn at random unless `--weights` names a supernet's. Extraction,
recalibration on the photos, and export with its check, for the smallest, a middle and the largest
subnet at 224 pixels.
"""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path

import torch
from torch import nn

from engine.export.formats import ExportData
from engine.export.formats.onnx_file import OnnxFile
from engine.export.material import some_images
from engine.export.write import export_model
from engine.learning.answering import look
from engine.learning.subnet import settled
from engine.models.backbone import Model
from engine.models.backbones import subnet_backbone
from engine.models.extractor import Extractor
from engine.models.supernet.architecture import Architecture, largest, smallest, uniform
from engine.models.supernet.files import subnet_bytes
from engine.models.supernet.mobilenet import MobileNet
from engine.models.supernet.supernet import Supernet
from engine.session import Session
from tests.bench.common import do, finished, new, timed
from tests.bench.given import parser_of, photos_of


def official_file(path: Path) -> Path:
    """A file of the official layout; its statistics are those of noise, so that nothing bursts."""
    torch.manual_seed(0)
    supernet = Supernet(1000, 1.0).train()
    with torch.no_grad():
        for _ in range(5):
            supernet(torch.randn(8, 3, 128, 128))
    torch.save({"state_dict": supernet.state_dict()}, path)
    return path


class Head(nn.Module):
    """Any head: probabilities (n, 10) and distances (n,) from features (n, 1, width)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 10)

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits = self.linear(features[:, 0] / features[:, 0].norm(dim=1, keepdim=True))
        return logits.softmax(1), logits[:, 0]


def export(session: Session, network: MobileNet, architecture: Architecture, path: Path) -> None:
    """Writes the network with a head, and lets it be checked as every export is."""
    origin = session.supernet()[1]
    backbone = subnet_backbone(subnet_bytes(network, architecture, origin))
    head = Head(backbone.width).eval()
    model = Model(backbone, head, tuple("abcdefghij"), 1.0)
    extractor = Extractor(backbone, device="cpu")
    seen = finished(look(model, extractor, list(some_images(session.require()))))
    material = ExportData(seen.paths, seen.answers.probabilities)
    finished(export_model(OnnxFile(), model, path, material))


def main() -> None:
    options = parser_of(__doc__).parse_args()
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as name:
        folder = Path(name)
        photos = photos_of(options, folder)
        weights = options.weights or str(official_file(folder / "ofa.pth"))
        session = new(folder, "official", weights=weights, size=224)
        do(session, "add_images", paths=[str(photos)])
        session.supernet()
        print(f"{'subnet':<10} {'extract, recalibrate (s)':>26} {'export, check (s)':>20}")
        for kind, architecture in (
            ("smallest", smallest(224)),
            ("middle", uniform(224, 5, 4, 3)),
            ("largest", largest(224)),
        ):
            begun = time.perf_counter()
            network = finished(settled(session.require(), session.supernet()[0], architecture))
            settling = time.perf_counter() - begun
            writing, _ = timed(
                partial(export, session, network, architecture, folder / f"{kind}.onnx")
            )
            print(f"{kind:<10} {settling:26.1f} {writing:20.1f}", flush=True)
        session.close()


if __name__ == "__main__":
    main()
