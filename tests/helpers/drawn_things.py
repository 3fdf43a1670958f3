"""Drawn things that are moved before a camera: films for tests and benches."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator

import numpy as np
from PIL import Image

from engine.images.drawing import Canvas, affine, paint
from engine.images.sample import Studio, halved

GROUND, NOISE = 7, 4.0


class Stage:
    """One thing after the other before the same ground, as somebody holds it and turns it."""

    def __init__(self) -> None:
        self.studio = Studio()
        side = self.studio.side
        self.ground = self.studio.grounds()[GROUND][:side, :side]

    def frame(self, name: str, seconds: float, seed: int = 0) -> np.ndarray:
        """What a camera sees of a class's thing after so many seconds: uint8 (side, side, 3)."""
        thing = self.studio.recipe["classes"][name]
        drawn = np.random.default_rng([seed, 3])
        colours = self.studio.colours(drawn, thing.get("likes"))
        colours["ground"] = tuple(self.ground.mean((0, 1)))
        canvas = Canvas(2 * self.studio.side, colours["body"])
        at = (0.25 * math.sin(0.9 * seconds), 0.2 * math.sin(1.3 * seconds + 1))
        turn, grow = 25 * math.sin(0.7 * seconds), 0.7 + 0.12 * math.sin(0.5 * seconds)
        paint(canvas, thing["parts"], colours, drawn, affine(at, turn, (grow, grow)))
        image, mask = halved(canvas)
        scene = self.ground + (image - self.ground) * (mask / 255)[..., None]
        noise = np.random.default_rng([seed, round(1000 * seconds)]).normal(0, NOISE, scene.shape)
        return (scene + noise).clip(0, 255).astype(np.uint8)

    def film(self, name: str, first: float, last: float, rate: float) -> Iterator[np.ndarray]:
        """So many frames a second between two times in seconds."""
        for number in range(round((last - first) * rate)):
            yield self.frame(name, first + number / rate)


def jpeg_of(frame: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(frame).save(content, "JPEG", quality=90)
    return content.getvalue()
