"""Exported files, opened and asked what images show: one reader a format, chosen by the ending.

No PyTorch here, unless a format can be run by nothing else: what an exported file answers must not
depend on the program that wrote it.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import UnusableImage, UnusableWeights
from engine.images import WHOLE, checked_size, decode, hush_pillow, identify, read

OUTPUTS = ("probabilities", "distance")
Run = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]

READERS = {
    ".onnx": "engine.readers.onnx_file",
    ".xml": "engine.readers.openvino_ir",
    ".zip": "engine.readers.web",
    ".pt2": "engine.readers.pt2_file",
    ".safetensors": "engine.readers.safetensors_file",
    ".tflite": "engine.readers.litert_file",
}
"""Which module's `open_file(path, threads)` opens files with an ending."""


@dataclass(frozen=True)
class Exported:
    """An exported file that is open: what it answers by, and what it says of itself.

    `run` takes images uint8 (n, height, width, 3), upright, any size, and gives probabilities
    float32 (n, classes) and distances (n,). It may be called from several threads.
    """

    run: Run
    class_names: tuple[str, ...]
    threshold: float
    facts: Mapping[str, str]

    def answers(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities (n, classes) and distances (n,) of images of one size."""
        probabilities, distances = self.run(pixels)
        return np.asarray(probabilities), np.asarray(distances)

    def answer(self, pixels: np.ndarray) -> tuple[np.ndarray, float]:
        """Probabilities (classes,) and the distance of one image, uint8 (height, width, 3)."""
        probabilities, distances = self.answers(pixels[None])
        return probabilities[0], float(distances[0])


def is_exported(path: str | Path) -> bool:
    """Whether a name ends as exported files do."""
    return Path(path).suffix.lower() in READERS


def open_exported(path: Path, threads: int = 1) -> Exported:
    """The file, ready to answer. Raises UnusableWeights where it is damaged, or from elsewhere."""
    path = Path(path)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise UnusableWeights(
            f"“{path.name}” is no kind of exported file. Give one that ends in "
            f"{', '.join(READERS)}."
        )
    return importlib.import_module(reader).open_file(path, threads)


def told_by(run: Run, facts: Mapping[str, str], width: int, path: Path) -> Exported:
    """An open file with what it says of itself. Raises UnusableWeights where that is not enough.

    `facts` are texts by name, as exporters write them; `width` is how many probabilities it gives.
    """
    try:
        names, threshold = json.loads(facts["class_names"]), float(facts["threshold"])
    except (KeyError, ValueError) as error:
        raise foreign(path) from error
    if not isinstance(names, list) or width != len(names):
        raise foreign(path)
    return Exported(run, tuple(map(str, names)), threshold, dict(facts))


def foreign(path: Path) -> UnusableWeights:
    return UnusableWeights(
        f"{path.name} was not exported by Espalier, so it is not known what images it takes and "
        "what its answers mean. Choose a file that Espalier exported."
    )


def whole_picture(path: Path) -> np.ndarray:
    """A picture as a person sees it, uint8 (height, width, 3). Raises UnusableImage."""
    hush_pillow()
    image = identify(read(path), path)
    checked_size(image.size)
    return np.asarray(decode(image, WHOLE)[0])


def predict_exported(path: Path, pictures: Sequence[Path]) -> dict[str, dict[str, Any]]:
    """What an exported file says of pictures, by path.

    Each is {"classes": {name: probability}, "known", "distance", "threshold"}, or {"reason"} where
    the picture can't be used. Raises UnusableWeights where the file can't.
    """
    exported = open_exported(path)
    return {str(picture): told(exported, picture) for picture in pictures}


def told(exported: Exported, picture: Path) -> dict[str, Any]:
    try:
        probabilities, distance = exported.answer(whole_picture(picture))
    except UnusableImage as reason:
        return {"reason": str(reason)}
    return {
        "classes": dict(zip(exported.class_names, map(float, probabilities), strict=True)),
        "known": distance <= exported.threshold,
        "distance": distance,
        "threshold": exported.threshold,
    }
