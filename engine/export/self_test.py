"""Images with the answers that they must get, for an export to carry to where it is used.

The images are made smaller and lose their names and all else that cameras note. So the project is
asked about them as they are then, and what it answers is what the device must answer.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from engine.errors import Refused, UnusableImage
from engine.export.exported import Exported
from engine.export.graphs.model_onnx import Whole
from engine.export.readers import upright
from engine.images.preprocess import preprocess
from engine.models.backbone import Model

LONGER = 384
"""Pixels of the longer side that an image keeps."""
FOLDER = "check"
DIGITS = 6
"""Of a probability, as it is written."""


def self_test(
    model: Model,
    exported: Exported,
    images: Sequence[Path],
    truth: np.ndarray | None,
    count: int,
    tolerance: float,
) -> dict[str, bytes]:
    """At most `count` images as files by their path, and check/expected.json, which holds for each
    the project's answer, that of the open file, and the digest of its prepared pixels.

    `truth` holds each image's class, -1 where it is not known. Raises Refused where none can be
    opened.
    """
    files: dict[str, bytes] = {}
    lines: list[dict[str, Any]] = []
    for path in in_turn(images, truth):
        if len(lines) == count:
            break
        try:
            image = small(upright(path))
        except UnusableImage:
            continue
        name = f"{FOLDER}/{len(lines) + 1:02}.png"
        files[name] = png(image)
        lines.append({"image": name, **answers(model, exported, image)})
    if not lines:
        raise Refused(
            "None of the project's images can be opened any more, so there is nothing that the "
            "device could be tested by. Put them back where they were, or drop them again."
        )
    told = {"classes": list(model.class_names), "tolerance": tolerance, "images": lines}
    files[f"{FOLDER}/expected.json"] = json.dumps(told, indent=1).encode()
    return files


def in_turn(images: Sequence[Path], truth: np.ndarray | None) -> list[Path]:
    """The first image of each class, then the second of each, and so on."""
    if truth is None:
        return list(images)
    met: dict[int, int] = defaultdict(int)
    turns = []
    for path, place in zip(images, truth, strict=True):
        turns.append((met[int(place)], path))
        met[int(place)] += 1
    return [path for _, path in sorted(turns, key=lambda turn: turn[0])]


def small(image: Image.Image) -> Image.Image:
    """Its longer side with at most LONGER pixels, and without what was noted in the file."""
    seen = Image.fromarray(np.asarray(image))
    seen.thumbnail((LONGER, LONGER), Image.Resampling.LANCZOS)
    return seen


def png(image: Image.Image) -> bytes:
    content = io.BytesIO()
    image.save(content, "PNG", optimize=True)
    return content.getvalue()


def answers(model: Model, exported: Exported, image: Image.Image) -> dict[str, Any]:
    """What the project and the open file say of an image, and what the network is given of it."""
    pixels = preprocess(image, model.backbone.preprocessing)
    with torch.inference_mode():
        project = Whole(model).eval()(torch.from_numpy(pixels)[None])[0][0].numpy()
    framed = exported.framed(image)
    return {
        "by_project": numbers(project),
        "by_file": numbers(exported.answer(framed)[0]),
        "pixels_sha256": hashlib.sha256(framed.tobytes()).hexdigest(),
    }


def numbers(values: np.ndarray) -> list[float]:
    return [round(float(value), DIGITS) for value in values]
