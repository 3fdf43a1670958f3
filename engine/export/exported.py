"""An exported file that is open, whatever its format: what it answers, and what it says of itself.

The zip for a Raspberry Pi carries this file, so it needs NumPy and Pillow alone.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from engine.errors import EspalierError, UnusableImage, UnusableWeights
from engine.images.preprocess import FILTERS, preprocess
from engine.system.groups import Naming
from engine.system.words import BETWEEN

log = logging.getLogger(__name__)

OUTPUTS = ("probabilities", "distance")
Run = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]

LARGE = 48_000_000
"""Pixels of an image from which on it is shrunk before the file is asked: the file's own resizing
would hold it in memory several times over."""
MOST_SIDE = 8192

DEEPEST = 32
"""Groups within groups of a file's classes, at most."""


@dataclass(frozen=True)
class InputSizes:
    """What `preprocess` needs to know of a network's input."""

    size: int
    resize: int
    interpolation: str

    def __post_init__(self) -> None:
        whole = type(self.size) is type(self.resize) is int
        if not whole or not 0 < self.size <= self.resize <= MOST_SIDE:
            raise ValueError("no sizes of an input")
        if self.interpolation not in FILTERS:
            raise ValueError("no way of resizing")


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
    name: str
    """Of the file, for sentences."""
    promise: float = 0.0
    """What share of its answers may be wrong; 0: nothing is promised."""
    least: tuple[float, ...] = ()
    """The probability below which an answer of each class is none; empty: it answers always."""
    within: tuple[str, ...] = ()
    """The group that each class is within; empty: there are none."""
    sizes: InputSizes | None = None
    """How it brings images to its network's size; None where it does not say."""

    @cached_property
    def naming(self) -> Naming:
        """What it answers, by its promise."""
        return Naming(self.class_names, self.within, self.least)

    def given(self, image: Image.Image) -> np.ndarray:
        """What the file is given of an upright image: uint8 (height, width, 3), whole.

        Of a large one it is given what its own preprocessing would keep, at the size at which
        that changes nothing. Raises UnusableImage where the file does not say what that is.
        """
        if image.width * image.height <= LARGE:
            return np.asarray(image)
        if self.sizes is None:
            raise UnusableImage(
                f"This image has more than {LARGE // 1_000_000} megapixels, and {self.name} does "
                "not say how to shrink it. Export it again, or save the image smaller."
            )
        return self.framed(image)

    def framed(self, image: Image.Image) -> np.ndarray:
        """What is given of an image where time counts: uint8 (resize, resize, 3). It was brought to
        the network's size by Pillow, to the bit as the file would, and the file only cuts it: a
        fifth of the time for 640 x 480 pixels. Whole, where the file does not say its sizes."""
        if self.sizes is None:
            return np.asarray(image)
        size, resize = self.sizes.size, self.sizes.resize
        if size == resize:
            return preprocess(image, self.sizes)
        start = round((resize - size) / 2)
        framed = np.zeros((resize, resize, 3), np.uint8)
        framed[start : start + size, start : start + size] = preprocess(image, self.sizes)
        return framed

    def answers(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities (n, classes) and distances (n,) of images of one size.

        Raises UnusableWeights where the file's network fails, or gives something else.
        """
        try:
            found = [np.asarray(part) for part in self.run(pixels)]
        except EspalierError:
            raise
        except Exception as error:  # each runtime has errors of its own
            raise damaged(self.name, error) from error
        shapes = [(len(pixels), len(self.class_names)), (len(pixels),)]
        if [part.shape for part in found] != shapes or not all(map(all_numbers, found)):
            raise damaged(self.name)
        return found[0], found[1]

    def answer(self, pixels: np.ndarray) -> tuple[np.ndarray, float]:
        """Probabilities (classes,) and the distance of one image, uint8 (height, width, 3)."""
        probabilities, distances = self.answers(pixels[None])
        return probabilities[0], float(distances[0])


def told_by(run: Run, facts: Mapping[str, str], path: Path) -> Exported:
    """An open file with what it says of itself: texts by name, as exporters write them.

    Raises UnusableWeights where that is not enough.
    """
    try:
        names, threshold = json.loads(facts["class_names"]), float(facts["threshold"])
        sizes = InputSizes(**json.loads(facts["sizes"])) if "sizes" in facts else None
        promise, least = float(facts.get("promise", 0)), json.loads(facts.get("least", "[]"))
        least, within = tuple(map(float, least)), json.loads(facts.get("within", "[]"))
        "".join(within).encode("utf-8", "surrogateescape")
        "".join(names).encode("utf-8", "surrogateescape")  # as names of folders are
    except (KeyError, TypeError, ValueError) as error:
        raise foreign(path) from error
    if type(names) is not list or not names or len(set(names)) < len(names):
        raise foreign(path)
    if math.isnan(threshold) or not all(map(math.isfinite, (promise, *least))):
        raise foreign(path)
    whole = all(len(each) in (0, len(names)) for each in (least, within))
    deep = max((path.count(BETWEEN) for path in within), default=0)
    if type(within) is not list or not whole or deep > DEEPEST:
        raise foreign(path)
    told = promise, least, tuple(within)
    return Exported(run, tuple(names), threshold, dict(facts), path.name, *told, sizes)


def all_numbers(values: np.ndarray) -> bool:
    return values.dtype.kind == "f" and bool(np.isfinite(values).all())


def damaged(name: str, error: Exception | None = None) -> UnusableWeights:
    """What is said of a file whose network can't be run, or gives no numbers; the log says why."""
    log.info("%s can't be run", name, exc_info=error)
    return UnusableWeights(
        f"{name} can't be run: it is damaged, or was made for another program or version. Export "
        "it or get it again."
    )


def foreign(path: Path) -> UnusableWeights:
    return UnusableWeights(
        f"{path.name} was not exported by Espalier, so it is not known what images it takes and "
        "what its answers mean. Choose a file that Espalier exported."
    )
