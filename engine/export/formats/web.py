"""A model as a page that runs in any browser, without a network: one zip."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Generator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Template

from engine.errors import Refused
from engine.events import Progress
from engine.export.formats import EXPORTERS, ExportData, Exporter, Facts
from engine.export.graphs.model_onnx import metadata, whole_graph
from engine.export.receipts.script import script_for_zip
from engine.export.zips import NETWORK, pack
from engine.models.backbone import Model

RESOURCES = resources.files("resources")
PARTS = RESOURCES / "web"
MOST = 256 << 20
"""Bytes of the largest network: browsers hold no text much longer than twice that."""

README = """What is it? - a page that says what a picture shows

Unpack this zip, then open index.html in a browser. It needs no network and no installation.
Drop a picture on the page, paste or choose one, or use the camera.

To put it on a web server, copy index.html there. On a telephone the camera needs https.

index.html   the page, with the network and ONNX Runtime inside
model.onnx   the same network for other programs: espalier predict THIS.zip PICTURE
LICENSE.onnxruntime.txt, ThirdPartyNotices.txt   the terms of ONNX Runtime, which is MIT

Licence of the network: {licence}
Made by {program}.
"""


@EXPORTERS.register("web", "Page for the browser")
@dataclass
class WebPage(Exporter):
    """One zip with a page that classifies pictures in any browser, without a network."""

    suffix = ".zip"
    whom = "For people without any program: it opens in a browser."

    def write(
        self, model: Model, path: Path, material: ExportData
    ) -> Generator[Progress, None, Facts]:
        """Writes the zip. Raises Refused where the network is too large for a browser."""
        network = whole_graph(model, path).SerializeToString()
        if len(network) > MOST:
            raise Refused(
                f"This network has {len(network) >> 20} MB, more than the {MOST >> 20} MB that "
                "browsers can take in a page, so nothing was exported. Choose a smaller network, "
                "or another format."
            )
        yield Progress(1, 2, "Writing the page")
        facts = metadata(model)
        files = {
            "index.html": page(facts, network),
            NETWORK: network,
            "README.txt": README.format(**facts).encode("utf-8", "replace"),
        }
        for name in ("LICENSE.onnxruntime.txt", "ThirdPartyNotices.txt"):
            files[name] = (PARTS / name).read_bytes()
        pack(path, files)
        yield Progress(2, 2, "Writing the page")
        return {}

    def script(self, name: str) -> str:
        return script_for_zip(name, NETWORK)


def page(facts: dict[str, str], network: bytes) -> bytes:
    """index.html with all that it needs inside, so that a double click opens it."""
    told = {
        "classes": json.loads(facts["class_names"]),
        "threshold": float(facts["threshold"]),
        "promise": float(facts["promise"]),
        "least": json.loads(facts["least"]),
        "within": json.loads(facts["within"]),
        "facts": {
            "Network": facts["backbone"],
            "Preprocessing": facts["preprocessing"],
            "Licence": facts["licence"],
            "Made by": facts["program"],
        },
    }
    whole = Template((PARTS / "page.html").read_text("utf-8")).substitute(
        icon=base64.b64encode((RESOURCES / "icons" / "espalier.svg").read_bytes()).decode(),
        style=(PARTS / "page.css").read_text("utf-8"),
        page=(PARTS / "page.js").read_text("utf-8"),
        # ASCII, and nothing in it can end the element that it lies in.
        told=json.dumps(told).replace("<", "\\u003c"),
        runtime=packed((PARTS / "ort.wasm.bundle.min.mjs").read_bytes()),
        wasm=base64.b64encode((PARTS / "ort-wasm-simd-threaded.wasm.gz").read_bytes()).decode(),
        model=packed(network),
    )
    return whole.encode()


def packed(content: bytes) -> str:
    """Bytes as the page unpacks them."""
    return base64.b64encode(gzip.compress(content, 6, mtime=0)).decode()
