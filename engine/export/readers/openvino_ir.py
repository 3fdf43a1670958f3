"""OpenVINO's files (.xml and .bin), run by its own runtime."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import UnusableWeights
from engine.export.exported import OUTPUTS, Exported, foreign, told_by
from engine.export.readers.beside import read_whole

PLACE = "espalier"
"""Under which name Espalier's facts lie in the .xml's own (rt_info)."""
WEIGHTS = "weights_file_sha256"


def open_file(path: Path, threads: int = 1) -> Exported:
    """Opens what Espalier exported. Raises UnusableWeights where it is damaged or from elsewhere,
    or where OpenVINO is not installed."""
    try:
        import openvino
    except ImportError as error:
        raise UnusableWeights(
            f"{path.name} needs OpenVINO to be run, which is not installed. Install it with: "
            'pip install "espalier[openvino]".'
        ) from error
    core = openvino.Core()
    model, digest = read(core, path, path.with_suffix(".bin"))
    facts = facts_of(model, path)
    if facts.get(WEIGHTS) != digest:
        raise UnusableWeights(
            f"{path.stem}.bin does not belong to {path.name}, or is damaged. Export both again, or "
            "copy both from one place."
        )
    # OpenVINO would calculate in 16 bits where the processor can, which changes answers.
    exact = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
    compiled = core.compile_model(model, "CPU", exact)
    busy = threading.Lock()

    def run(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with busy:  # one question at a time; the answers are copied
            found = compiled(np.ascontiguousarray(pixels))
            return found[OUTPUTS[0]], found[OUTPUTS[1]]

    return told_by(run, facts, path)


def read(core: Any, path: Path, weights: Path) -> tuple[Any, str]:
    """The network of both files, and the digest of its weights. Raises UnusableWeights."""
    try:
        head = read_whole(path)[:64]
        digest = hashlib.sha256(read_whole(weights)).hexdigest()
    except OSError as error:
        raise UnusableWeights(
            f"{path.name} can't be opened together with {weights.name}, which holds its weights "
            f"({(error.strerror or str(error)).lower()}). Put both files into one folder."
        ) from error
    try:
        if not head.lstrip().startswith((b"<?xml", b"<net")):
            raise RuntimeError("it would be tried as any format that OpenVINO knows")
        model = core.read_model(path, weights)
    except RuntimeError as error:
        raise UnusableWeights(
            f"{path.name} is no network of OpenVINO, or it or {weights.name} is cut short. Export "
            "it or get both again."
        ) from error
    return model, digest


def facts_of(model: Any, path: Path) -> dict[str, str]:
    """What an .xml says of itself. Raises UnusableWeights where it is none of Espalier's."""
    outputs = [name for output in model.outputs for name in output.names]
    if not model.has_rt_info([PLACE]) or not set(OUTPUTS) <= set(outputs):
        raise foreign(path)
    return {
        name: model.get_rt_info([PLACE, name]).astype(str)
        for name in model.get_rt_info([PLACE]).astype(dict)
    }
