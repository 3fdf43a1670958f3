"""Drawn things that are moved before a camera: films for tests and benches."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from engine.images.drawing import Canvas, affine, paint
from engine.images.sample import Studio

GROUND, NOISE = 7, 4.0


class Stage:
    """One thing after the other before the same ground, as somebody holds it and turns it."""

    def __init__(self) -> None:
        self.studio = Studio()
        side = self.studio.side
        ground = self.studio.grounds()[GROUND][:side, :side]
        self.ground = np.kron(ground, np.ones((2, 2, 1), np.float32))
        self.side = 2 * side

    def frame(self, name: str, seconds: float, seed: int = 0) -> np.ndarray:
        """What a camera sees of a class's thing after so many seconds: uint8 (side, side, 3)."""
        thing = self.studio.recipe["classes"][name]
        drawn = np.random.default_rng([seed, 3])
        colours = self.studio.colours(drawn, thing.get("likes"))
        colours["ground"] = tuple(self.ground.mean((0, 1)))
        canvas = Canvas(self.side, colours["body"])
        at = (0.25 * math.sin(0.9 * seconds), 0.2 * math.sin(1.3 * seconds + 1))
        turn, grow = 25 * math.sin(0.7 * seconds), 0.7 + 0.12 * math.sin(0.5 * seconds)
        paint(canvas, thing["parts"], colours, drawn, affine(at, turn, (grow, grow)))
        image, mask = (np.asarray(one, np.float32) for one in (canvas.image, canvas.mask))
        scene = self.ground + (image - self.ground) * (mask / 255)[..., None]
        noise = np.random.default_rng([seed, round(1000 * seconds)]).normal(0, NOISE, scene.shape)
        return (scene + noise).clip(0, 255).astype(np.uint8)

    def film(self, name: str, first: float, last: float, rate: float) -> Iterator[np.ndarray]:
        """So many frames a second between two times in seconds."""
        for number in range(round((last - first) * rate)):
            yield self.frame(name, first + number / rate)
