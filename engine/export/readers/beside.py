"""The card (.json) beside a file that does not hold its preprocessing."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from engine.errors import UnusableWeights
from engine.export.exported import InputSizes, foreign
from engine.images.preprocess import preprocess


@dataclass(frozen=True)
class Card:
    """What a card says: of the file, and of what must be done to an image."""

    facts: Mapping[str, str]
    shape: InputSizes
    told: Mapping[str, Any]

    def prepared(self, images: np.ndarray) -> np.ndarray:
        """Whole images uint8 (n, height, width, 3) as uint8 (n, size, size, 3)."""
        seen = [preprocess(Image.fromarray(image), self.shape) for image in images]
        return np.stack(seen)


def read_whole(path: Path) -> bytes:
    """A file's bytes. Raises OSError: a pipe, for one, could be waited for without end."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "no file")
    return path.read_bytes()


def card_of(path: Path) -> Path:
    return path.with_suffix(".json")


def card_beside(path: Path) -> Card:
    """Raises UnusableWeights where there is none, or it is another file's."""
    name = card_of(path).name
    try:
        told = json.loads(read_whole(card_of(path)))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UnusableWeights(
            f"{path.name} can't be opened together with {name}, which says what belongs to it "
            f"({(error.strerror or str(error)).lower()}). Put both files into one folder."
        ) from error
    except ValueError as error:
        raise UnusableWeights(
            f"{name} is no card of an export, or is cut short. Export it or get it again."
        ) from error
    try:
        p = told["preprocessing"]
        shape = InputSizes(int(p["size"]), int(p["resize"]), str(p["interpolation"]))
        card, known = Card(told["facts"], shape, told), told["weights_file_sha256"]
    except (KeyError, TypeError, ValueError) as error:
        raise foreign(path) from error
    if known != digest:
        raise UnusableWeights(
            f"{path.name} does not belong to {name}, or is damaged. Export both again, or copy "
            "both from one place."
        )
    return card
