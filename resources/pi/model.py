"""The network of this zip: opened by ONNX Runtime, asked about one frame after another."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from engine.errors import Refused
from engine.export.exported import OUTPUTS, Exported, told_by
from engine.predict.asked import Answerer, live_answerer, stricter

NETWORK = "model.onnx"
MOST_THREADS = 4
"""Small networks are no faster with more."""


def opened(folder: Path, threads: int = 0) -> Exported:
    """The network with what it says of itself; `threads` of 0: as many as there are cores, at most
    four. Raises Refused where it can't be opened."""
    # Only here: by now `engine` was imported, which keeps it from telling its makers of its use.
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads_of(threads)
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what goes wrong is raised as well
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    path = folder / NETWORK
    try:
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has an error for each of its troubles
        raise Refused(f"{NETWORK} can't be opened: {error}. Unpack the zip again.") from error

    def run(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return session.run(list(OUTPUTS), {"pictures": pixels})

    return told_by(run, session.get_modelmeta().custom_metadata_map, path)


def threads_of(wanted: int) -> int:
    return wanted if wanted > 0 else min(os.cpu_count() or 1, MOST_THREADS)


def answerer(folder: Path, threads: int = 0, least: float = 0.0) -> Answerer:
    """Who answers frames; what is less probable than `least` is not sure."""
    if not 0 <= least <= 1:
        raise Refused(f"The least probability lies between 0 and 1, and {least:g} does not.")
    return stricter(live_answerer(opened(folder, threads)), least)
