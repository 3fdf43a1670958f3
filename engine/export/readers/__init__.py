"""Exported files, opened and asked what images show: one reader a format, chosen by the ending.

No PyTorch here, unless a format can be run by nothing else: what an exported file answers must not
depend on the program that wrote it.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from engine.errors import EspalierError, UnusableImage, UnusableWeights
from engine.export.endings import READERS
from engine.export.exported import Exported, damaged
from engine.images.decode import WHOLE, checked_size, decode, identify, read, silence_pillow
from engine.results.learn import ImageAnswer, NoAnswer
from engine.system.missing import TORCH_MISSING, lacks_torch
from engine.system.replacing import CutOffError, finish_beside

TRIAL = (8, 8)
"""Height and width of the first image that a file is asked about, to see whether it answers."""


def open_exported(path: Path, threads: int = 1) -> Exported:
    """The file, ready to answer. Raises UnusableWeights where it is damaged, or from elsewhere."""
    path = Path(path)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise UnusableWeights(
            f"“{path.name}” is no kind of exported file. Give one that ends in "
            f"{', '.join(READERS)}."
        )
    try:
        finish_beside(path)
    except CutOffError as error:
        raise UnusableWeights(
            f"An export of {path.name} was cut off before its end, and can't be brought to it here "
            "because the folder can't be written. Make it writable, or export the file again."
        ) from error
    try:
        found = importlib.import_module(reader).open_file(path, threads)
    except EspalierError:
        raise
    except ModuleNotFoundError as error:
        if not lacks_torch(error):
            raise damaged(path.name, error) from error
        raise UnusableWeights(f"{path.name} {TORCH_MISSING}") from error
    except Exception as error:  # a file from anywhere can be wrong in ways that nobody foresaw
        raise damaged(path.name, error) from error
    found.answers(np.zeros((1, *TRIAL, 3), np.uint8))
    return found


def upright(path: Path) -> Image.Image:
    """An image as a person sees it, RGB, whole. Raises UnusableImage."""
    silence_pillow()
    image = identify(read(path), path)
    checked_size(image.size)
    return decode(image, WHOLE)[0]


def predict_exported(path: Path, images: Sequence[Path]) -> dict[str, ImageAnswer | NoAnswer]:
    """What an exported file says of images, by path. Raises UnusableWeights where it can't."""
    exported = open_exported(path)
    return {str(image): told(exported, image) for image in images}


def told(exported: Exported, image: Path) -> ImageAnswer | NoAnswer:
    """What the file says of one image, or why that can't be asked about."""
    try:
        probabilities, distance = exported.answer(exported.given(upright(image)))
    except UnusableImage as reason:
        return {"reason": str(reason)}
    return {
        "classes": dict(zip(exported.class_names, map(float, probabilities), strict=True)),
        "known": distance <= exported.threshold,
        **exported.naming.told(probabilities),
        "promise": exported.promise,
        "distance": distance,
        "threshold": exported.threshold,
    }
