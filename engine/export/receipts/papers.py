"""Writes what lies beside an exported file: script, receipt, its page and picture, and the card."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.export.receipts.card import card
from engine.export.receipts.confusion_picture import confusion_picture
from engine.export.receipts.page import page
from engine.export.receipts.script import MARK
from engine.export.receipts.words import Receipt
from engine.models.backbone import Model

if TYPE_CHECKING:
    from engine.export.formats import ExportData, Exporter


ENDINGS = {
    "script": ".py",
    "receipt": ".receipt.json",
    "page": ".receipt.html",
    "picture": ".confusion.png",
    "card": ".md",
}
"""What each paper's name ends in."""
IMPORTED = sys.stdlib_module_names | {
    "PIL",
    "ai_edge_litert",
    "numpy",
    "onnxruntime",
    "openvino",
    "safetensors",
    "torch",
}
"""What scripts import: one of such a name would be taken for it by itself."""


def read_receipt(path: Path) -> dict[str, Any]:
    """A receipt that lies somewhere; nothing where there is none, or the file is something else."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("sha256"), dict) else {}


def stem_beside(path: Path) -> str:
    """How the papers of an export begin: as its own name without the ending.

    Where papers of that name are those of another file, moths.onnx beside moths.pt2, the whole
    name of the file is taken, so that no export takes another's receipt away.
    """
    found = read_receipt(path.with_name(path.stem + ENDINGS["receipt"]))
    return path.stem if not found or path.name in found["sha256"] else path.name


def papers_of(path: Path, script: bool = True, picture: bool = True) -> dict[str, str]:
    """The names of the papers of an export at `path`, by what they are."""
    stem = stem_beside(path)
    left_out = {name for name, there in (("script", script), ("picture", picture)) if not there}
    names = {name: stem + ending for name, ending in ENDINGS.items() if name not in left_out}
    if script and stem in IMPORTED:
        names["script"] = f"{stem} model.py"
    return names


def foreign_paper(path: Path) -> str:
    """The name of a file that an export at `path` would replace though it is no paper of its own.

    Empty where there is none.
    """
    names = papers_of(path)
    found = read_receipt(path.with_name(names["receipt"]))
    own = {names["receipt"], *map(str, found.get("papers", {}).values())} if found else set()
    for kind, name in names.items():
        file = path.with_name(name)
        if not file.exists():
            continue
        # A script of ours that a person made their own bears no mark any more.
        ours = MARK in file.read_bytes()[:200] if kind == "script" else name in own
        if not ours:
            return name
    return ""


def write_papers(
    exporter: Exporter, model: Model, folder: Path, receipt: Receipt, material: ExportData
) -> None:
    """Writes the papers that a receipt names into `folder`."""
    names, script = receipt["papers"], exporter.script(receipt["file"])
    png = picture_bytes(receipt) if "picture" in names else b""
    texts = {
        "script": script,
        "receipt": json.dumps(receipt, indent=2, ensure_ascii=True) + "\n",
        "page": page(receipt, png, material.unsure),
        "card": card(receipt, model, material.about, script, exporter.inside),
    }
    for name, text in texts.items():
        if name in names:
            (folder / names[name]).write_text(text, "utf-8")
    if png:
        (folder / names["picture"]).write_bytes(png)


def picture_bytes(receipt: Receipt) -> bytes:
    """The confusion matrix of a receipt as a PNG."""
    buffer = io.BytesIO()
    image = confusion_picture(receipt["classes"], receipt["confusion"])
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
