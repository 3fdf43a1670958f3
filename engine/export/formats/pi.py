"""A model as a zip that watches a camera on a Raspberry Pi, without Espalier and PyTorch."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from string import Template

import numpy
import onnxruntime
import PIL

from engine.events import Progress
from engine.export.carried import carried
from engine.export.formats import EXPORTERS, MOST, ExportData, Exporter, Facts, Receipt
from engine.export.graphs.model_onnx import metadata
from engine.export.readers import open_exported
from engine.export.receipts.script import script_for_zip
from engine.export.receipts.words import readable
from engine.export.self_test import self_test
from engine.export.zips import NETWORK, pack
from engine.models.backbone import Model
from engine.registry import setting
from engine.system.words import listed, many

PARTS = resources.files("resources") / "pi"
PROGRAMS = ("watch.py", "model.py", "selftest.py")
OTHERS = ("install.sh", "espalier-watch.service", "watch.conf", "LICENSE.txt")
NEEDS = {"numpy": numpy, "pillow": PIL, "onnxruntime": onnxruntime}
CAMERA = "opencv-python-headless"
MOST_8 = 0.05
"""The largest difference in a probability by which 8 bits may be rounded otherwise on a device."""
SHOWN = 40


@EXPORTERS.register("pi", "Raspberry Pi")
@dataclass
class RaspberryPi(Exporter):
    """One zip that watches a camera, a film or a folder, and tests itself on the device.

    In it are the network, a program that needs NumPy, Pillow, ONNX Runtime and OpenCV alone, what
    installs it, and some images with the answers that they must get.
    """

    suffix = ".zip"
    whom = "For a Raspberry Pi, or another small computer with Linux and a camera."

    eight_bits: bool = setting(
        False,
        "Whether the network has 8 bits: a third of the size and faster, and a little less sure.",
        label="8 bits",
    )
    points: float = setting(
        1.0,
        "With 8 bits: how many points of accuracy may be lost; with more, no file is kept.",
        least=0,
        most=100,
        label="Points that may be lost",
    )
    images: int = setting(
        12,
        "How many of the project's images go along, made small, to test the device by. Whoever "
        "has the zip can see them.",
        least=1,
        most=256,
        label="Images to test by",
    )
    inner: Exporter = field(init=False, repr=False)
    """Writes the network."""

    def __post_init__(self) -> None:
        # It runs elsewhere, so what is fastest here says nothing.
        small = {"points": self.points, "fastest": False}
        self.inner = (
            EXPORTERS.make("onnx-int8", small) if self.eight_bits else EXPORTERS.make("onnx")
        )

    def write(
        self, model: Model, path: Path, material: ExportData
    ) -> Generator[Progress, None, Facts]:
        """Writes the zip. Raises Refused where 8 bits lose too much, or nothing can be tested."""
        network = path.with_suffix(".onnx")
        facts = yield from self.inner.write(model, network, material)
        yield Progress(0, None, "Asking about the images that go along")
        tolerance = MOST_8 if self.eight_bits else MOST
        paths, truth = material.images, material.truth
        tests = self_test(model, open_exported(network), paths, truth, self.images, tolerance)
        content = network.read_bytes()
        network.unlink()
        programs = {name: (PARTS / name).read_bytes() for name in PROGRAMS}
        files = {
            "README.txt": readme(model, len(tests) - 1, self.eight_bits),
            NETWORK: content,
            **programs,
            **{name: (PARTS / name).read_bytes() for name in OTHERS},
            "requirements.txt": requirements(),
            **carried([text.decode() for text in programs.values()]),
            **tests,
        }
        yield Progress(0, None, "Writing the zip")
        pack(path, files)
        return facts | {"self_test": f"{many(len(tests) - 1, 'image')} with their answers go along"}

    def judge(self, receipt: Receipt) -> None:
        self.inner.judge(receipt)

    def script(self, name: str) -> str:
        return script_for_zip(name, NETWORK)


def readme(model: Model, images: int, eight_bits: bool) -> bytes:
    """README.txt, in plain steps."""
    promise = model.promise.rate if model.promise else 0.0
    told = {
        **metadata(model),
        "classes": listed([readable(name) for name in model.class_names], SHOWN),
        "promised": f", and it gives an answer only where at most {100 * promise:g} % of the "
        'answers are wrong;\nthe others are "not sure"'
        if promise
        else "",
        "bits": 8 if eight_bits else 32,
        "images": many(images, "image"),
    }
    text = (PARTS / "README.txt").read_text("utf-8")
    return Template(text).substitute(told).encode("utf-8", "replace")


def requirements() -> bytes:
    """The versions that the answers were made with: with these they agree to the bit."""
    lines = [f"{name}=={module.__version__}" for name, module in NEEDS.items()]
    return "\n".join([*lines, CAMERA, ""]).encode()
