"""LiteRT's files (.tflite) with their card, run by LiteRT's own interpreter."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np

from engine.errors import UnusableWeights
from engine.export.exported import Exported, damaged, foreign, told_by
from engine.export.readers.beside import card_beside
from engine.models.file_signature import read_head

OUTPUTS = ("output_0", "output_1")
"""As the converter calls probabilities and distance."""
MARK = b"TFL3"


def open_file(path: Path, threads: int = 1) -> Exported:
    """Opens what Espalier exported. Raises UnusableWeights where it is damaged or from elsewhere,
    or where LiteRT is not installed."""
    head = read_head(path)
    if head[4:8] != MARK:
        raise UnusableWeights(f"{path.name} is no file of LiteRT. Export it or get it again.")
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise UnusableWeights(
            f"{path.name} needs LiteRT to be run, which is not installed. Install it with: "
            'pip install "espalier[litert]".'
        ) from error
    card = card_beside(path)
    try:
        interpreter = Interpreter(str(path), num_threads=threads)
        network = interpreter.get_signature_runner()
        given = tuple(network.get_input_details()["args_0"]["shape"])
    except (RuntimeError, ValueError, KeyError, IndexError) as error:
        raise damaged(path.name, error) from error
    if given != (1, card.shape.size, card.shape.size, 3):
        raise foreign(path)
    busy = threading.Lock()

    def run(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with busy:  # one image at a time, as the file was made for
            found = [network(args_0=seen[None]) for seen in card.prepared(pixels)]
        one, other = (np.concatenate([each[name] for each in found]) for name in OUTPUTS)
        return one, other

    return told_by(run, card.facts, path)
