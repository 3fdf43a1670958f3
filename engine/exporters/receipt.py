"""The receipt of an export: what was checked about it, for people and for programs."""

from __future__ import annotations

import hashlib
import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import onnx
import torch

from engine import device as devices
from engine.exporters import MOST, Exporter, Material, Receipt
from engine.net import Model, Preprocessing
from engine.readers.elsewhere import Checked

ENOUGH = 256
"""Pictures that a receipt is made from, where a project has so many."""


def receipt_of(
    exporter: Exporter, model: Model, path: Path, found: Checked, material: Material
) -> Receipt:
    """What was checked, as plain values."""
    return {
        "format": exporter.name,
        **compared(found, material),
        "bytes": sum(file.stat().st_size for file in path.parent.iterdir()),
        "latency_ms": {
            "p50": round(float(np.percentile(found.milliseconds, 50)), 2),
            "p95": round(float(np.percentile(found.milliseconds, 95)), 2),
            "pictures": "one whole image at a time, resizing included, decoding not",
            "threads": devices.threads(),
            "machine": f"{platform.system()} {platform.machine()}",
        },
        "memory_bytes": found.memory,
        "sha256": {
            file.name: hashlib.sha256(file.read_bytes()).hexdigest()
            for file in sorted(path.parent.iterdir())
        },
        "backbone": model.backbone.name,
        "digests": {"weights": model.backbone.digest, **model.digests},
        "classes": list(model.class_names),
        "threshold": float(model.threshold),
        "preprocessing": in_words(model.backbone.preprocessing, exporter.inside),
        "licence": model.backbone.licence,
        "versions": {
            "espalier": program_version(),
            "torch": str(torch.__version__),  # PyTorch's own class of text would come along
            "onnx": onnx.__version__,
            **found.versions,
        },
    }


def compared(found: Checked, material: Material) -> Receipt:
    """The file's answers beside the project's, on the images that the other process could open."""
    project = material.expected[found.used]
    ordered = np.sort(project, axis=1)
    margin = ordered[:, -1] - (ordered[:, -2] if project.shape[1] > 1 else 0)
    same = found.probabilities.argmax(1) == project.argmax(1)
    result: Receipt = {
        "compared": len(found.used),
        "compared_note": note(len(found.used), len(material.pictures)),
        "compared_in": "a process of its own"
        + (", with PyTorch, which runs this format" if found.torch else ", without PyTorch"),
        "largest_difference": float(np.abs(found.probabilities - project).max()),
        "top_class_agreement": float(same.mean()),
        "clear_disagreements": int((~same & (margin > MOST)).sum()),
    }
    if material.truth is not None:
        truth = material.truth[found.used]
        known = truth >= 0
        if known.any():
            result["accuracy_images"] = int(known.sum())
            for key, answers in (("before", project), ("after", found.probabilities)):
                right = answers.argmax(1)[known] == truth[known]
                result[f"accuracy_{key}"] = float(right.mean())
    return result


def note(compared: int, asked: int) -> str:
    if compared >= ENOUGH:
        return f"Compared on {compared} of the project's images."
    gone = f"; {asked - compared} could not be opened" if asked > compared else ""
    return f"Compared on {compared} images only, because the project has no more{gone}."


def in_words(p: Preprocessing, inside: bool = True) -> str:
    where = "inside the file" if inside else "to do before the file is asked, as its script does"
    return (
        f"{where}: shorter side to {p.resize} ({p.interpolation}, antialiased), centre "
        f"crop {p.size}, divided by 255, mean {p.mean}, std {p.std}"
    )


def program_version() -> str:
    try:
        return version("espalier")
    except PackageNotFoundError:
        return "from source"


def papers(
    exporter: Exporter,
    model: Model,
    path: Path,
    found: Checked,
    material: Material,
    receipt: Receipt,
) -> None:
    """Writes what lies beside an exported file into its folder: script and receipt."""
    if script := exporter.script(path.name):
        path.with_suffix(".py").write_text(script, "utf-8")
    text = json.dumps(receipt, indent=2, ensure_ascii=True)
    path.with_suffix(".receipt.json").write_text(text + "\n", "utf-8")
