"""A model as one ONNX file, with a script that runs it and the receipt of what was checked."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import tempfile
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

from engine import device as devices
from engine.errors import Refused
from engine.events import Progress
from engine.exporters import EXPORTERS, Exporter, Receipt
from engine.exporters.picture_graph import with_preprocessing
from engine.exporters.reading import OUTPUTS, predict_onnx
from engine.exporters.script import MARK, script_for
from engine.exporters.verify import Checked, check_elsewhere
from engine.frozen import Frozen
from engine.graph import CantExport, write_onnx
from engine.net import Model, Preprocessing

__all__ = ["MOST", "OnnxFile", "export_onnx", "predict_onnx"]

MOST = 0.02
"""The largest difference in a probability that still counts as agreement."""

ENOUGH = 64
"""Pictures that a receipt is made from, where a project has so many."""


@EXPORTERS.register("onnx", "ONNX file")
@dataclass
class OnnxFile(Exporter):
    """One file with preprocessing inside, for ONNX Runtime and everything that reads ONNX."""

    overwrite: bool = False
    suffix = ".onnx"

    def export(
        self, model: Model, path: Path, pictures: Sequence[Path], expected: np.ndarray
    ) -> Generator[Progress, None, Receipt]:
        return export_onnx(model, path, pictures, expected, self.overwrite)


def export_onnx(
    model: Model,
    path: Path,
    pictures: Sequence[Path],
    expected: np.ndarray,
    overwrite: bool = False,
) -> Generator[Progress, None, Receipt]:
    """Writes `path`, NAME.py and NAME.receipt.json beside it, and returns the receipt.

    `expected` are the project's probabilities (pictures, classes) for the pictures. The file is
    written under another name, checked in a process without PyTorch, and only then renamed. Raises
    Refused: it does not agree, a file is in the way, or the folder can't be written.
    """
    path = Path(path).absolute()
    check_target(path, overwrite)
    yield Progress(0, None, "Writing the network")
    half = reserve(path)
    try:
        write(model, half)
        found = yield from check_elsewhere(half, pictures, devices.threads())
        receipt = receipt_of(model, half, found, expected, len(pictures))
        refuse_disagreement(receipt)
        settle(half, path, receipt)
    except OSError as error:
        raise Refused(cant_write(path, error)) from error
    finally:
        half.unlink(missing_ok=True)
    return receipt


def check_target(path: Path, overwrite: bool) -> None:
    """Refuses names that are taken or wrong, before any work is done."""
    if path.suffix.lower() != ".onnx":
        raise Refused(f"“{path.name}” does not end in .onnx. Choose a name that does.")
    if not path.parent.is_dir():
        raise Refused(f"There is no folder {path.parent}. Make it, or choose another.")
    if path.is_dir():
        raise Refused(f"{path.name} is a folder. Choose another name.")
    if path.exists() and not overwrite:
        raise Refused(f"{path.name} is there already. Choose another name, or let it be replaced.")
    script = path.with_suffix(".py")
    if script.exists() and MARK not in script.read_bytes()[:200]:
        raise Refused(
            f"{script.name} lies where the export's own script would be written, and is not one "
            "of Espalier's. Choose another name for the export."
        )


def reserve(path: Path) -> Path:
    """A new empty file beside the target. Raises Refused where the folder can't be written."""
    try:
        handle, name = tempfile.mkstemp(".onnx", ".espalier-", path.parent)
    except OSError as error:
        raise Refused(cant_write(path, error)) from error
    os.close(handle)
    return Path(name)


def cant_write(path: Path, error: OSError) -> str:
    return (
        f"{path} can't be written ({(error.strerror or str(error)).lower()}), so nothing was "
        "exported. Close the programs that use it, or choose another folder."
    )


class Whole(nn.Module):
    """From cropped pictures, uint8 (n, size, size, 3), to probabilities and distance."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        p = model.backbone.preprocessing
        self.frozen = Frozen(p, model.backbone.below(), model.views)
        self.head = model.head

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.head(self.frozen(pixels))


def write(model: Model, path: Path) -> None:
    """Writes the file with preprocessing and metadata. Raises Refused where ONNX can't say it."""
    p = model.backbone.preprocessing
    sample = torch.zeros(2, p.size, p.size, 3, dtype=torch.uint8)
    try:
        write_onnx(Whole(model).eval(), sample, path, ("pixels", OUTPUTS))
    except CantExport as error:
        raise Refused(
            "This network or learner can't be written as ONNX. Choose another one, and report "
            f"this: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        ) from error
    whole = with_preprocessing(onnx.load(path), p, OUTPUTS)
    whole.producer_name, whole.producer_version = "Espalier", program_version()
    onnx.helper.set_model_props(whole, metadata(model))
    onnx.save(whole, path)


def metadata(model: Model) -> dict[str, str]:
    """What the file says of itself; all values are text."""
    backbone = model.backbone
    facts = {
        # ASCII: any name survives, also one from a folder whose name is no valid UTF-8.
        "class_names": json.dumps(list(model.class_names)),
        "threshold": repr(float(model.threshold)),
        "backbone": backbone.name,
        "weights_sha256": backbone.digest,
        "preprocessing": in_words(backbone.preprocessing),
        "views": str(model.views),
        "licence": backbone.licence,
        "program": f"Espalier {program_version()}",
        "input": "pictures: uint8 RGB (n, height, width, 3), any size, turned upright",
        "output": "probabilities (n, classes); distance (n): above threshold is none of these",
    }
    return facts | {f"{name}_sha256": digest for name, digest in model.digests.items()}


def in_words(p: Preprocessing) -> str:
    return (
        f"inside the file: shorter side to {p.resize} ({p.interpolation}, antialiased), centre "
        f"crop {p.size}, divided by 255, mean {p.mean}, std {p.std}"
    )


def program_version() -> str:
    try:
        return version("espalier")
    except PackageNotFoundError:
        return "from source"


def receipt_of(
    model: Model, path: Path, found: Checked, expected: np.ndarray, asked: int
) -> Receipt:
    """What was checked, as plain values for NAME.receipt.json."""
    project = expected[found.used]
    difference = np.abs(found.probabilities - project) if found.used else np.ones((1, 1))
    ordered = np.sort(project, axis=1)
    margin = ordered[:, -1] - (ordered[:, -2] if project.shape[1] > 1 else 0)
    same = found.probabilities.argmax(1) == project.argmax(1) if found.used else np.zeros(1, bool)
    times = np.array(found.milliseconds or [np.nan])
    return {
        "compared": len(found.used),
        "compared_note": note(len(found.used), asked),
        "largest_difference": float(difference.max()),
        "top_class_agreement": float(same.mean()),
        "clear_disagreements": int((~same & (margin > MOST)).sum()) if found.used else 0,
        "bytes": path.stat().st_size,
        "latency_ms": {
            "p50": round(float(np.percentile(times, 50)), 2),
            "p95": round(float(np.percentile(times, 95)), 2),
            "pictures": "one whole image at a time, resizing included, decoding not",
            "threads": devices.threads(),
            "machine": f"{platform.system()} {platform.machine()}",
        },
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "backbone": model.backbone.name,
        "digests": {"weights": model.backbone.digest, **model.digests},
        "classes": list(model.class_names),
        "threshold": float(model.threshold),
        "preprocessing": in_words(model.backbone.preprocessing),
        "licence": model.backbone.licence,
        "versions": {
            "espalier": program_version(),
            "torch": str(torch.__version__),  # PyTorch's own class of text would come along
            "onnx": onnx.__version__,
            **found.versions,
        },
    }


def note(compared: int, asked: int) -> str:
    if compared >= ENOUGH:
        return f"Compared on {compared} of the project's images."
    gone = f"; {asked - compared} could not be opened" if asked > compared else ""
    return f"Compared on {compared} images only, because the project has no more{gone}."


def refuse_disagreement(receipt: Receipt) -> None:
    """No agreement, no export."""
    if not receipt["compared"]:
        raise Refused(
            "The exported file could not be compared on any image, so it was not kept. Check "
            "that the project's images are still where they were."
        )
    # The comparison is written so that a difference that is no number fails it too.
    if receipt["clear_disagreements"] or not receipt["largest_difference"] <= MOST:
        raise Refused(
            f"The exported file does not agree with the project: on {receipt['compared']} images "
            f"a probability differs by up to {receipt['largest_difference']:.3f} (at most {MOST} "
            f"is allowed), and {receipt['clear_disagreements']} clear answers changed. It was not "
            "kept. Try another learner or backbone."
        )


def settle(half: Path, path: Path, receipt: Receipt) -> None:
    """Gives the checked file its name, and writes the script and the receipt beside it."""
    os.chmod(half, 0o644)  # temporary files are for their owner alone
    with half.open("rb+") as file:
        os.fsync(file.fileno())
    os.replace(half, path)
    path.with_suffix(".py").write_text(script_for(path.name), "utf-8")
    text = json.dumps(receipt, indent=2, ensure_ascii=True)
    path.with_suffix(".receipt.json").write_text(text + "\n", "utf-8")
