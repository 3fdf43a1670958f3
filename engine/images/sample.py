"""The sample: pictures that the project draws itself, so that it can be tried without any."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from PIL import Image, ImageColor, ImageFilter

from engine.events import Progress
from engine.images.drawing import Canvas, Palette, affine, paint
from engine.system.cpu import available_cores
from engine.system.progress import Eta

GROUNDS = 48
"""So many backgrounds are drawn; each picture shows a part of one, turned or mirrored."""

STEMS = ("#4f7a35", "#6c8f45", "#3d5c2c", "#8a8f4c")
SKINS = ("#e0b899", "#b98563", "#7d5238")


def draw_sample(folder: Path) -> Iterator[Progress]:
    """Draws the sample's pictures, always the same, over those that are there.

    learn/CLASS/NNN.jpg are for learning, try/CLASS/NN.jpg for trying and scoring, and
    strangers/NN.jpg are of no class. About 450 pictures, 5 MB, some seconds of all cores.
    """
    studio = Studio()
    recipe = studio.recipe
    jobs = [(folder / "strangers" / f"{n:02}.jpg", "") for n in range(recipe["strangers"])]
    for name in recipe["classes"]:
        jobs += [(folder / "learn" / name / f"{n:03}.jpg", name) for n in range(recipe["learn"])]
        jobs += [(folder / "try" / name / f"{n:02}.jpg", name) for n in range(recipe["try"])]
    pace = Eta(len(jobs), "Drawing the sample images")
    pool = ThreadPoolExecutor(available_cores(), thread_name_prefix="sample")
    try:
        made = pool.map(studio.picture, [name for _, name in jobs], range(len(jobs)))
        for number, ((path, _), (image, quality)) in enumerate(zip(jobs, made, strict=True), 1):
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save(path, "JPEG", quality=quality)
            yield pace.at(number)
    finally:
        pool.shutdown(cancel_futures=True)


class Studio:
    """Draws pictures from the recipe in resources/sample.json."""

    def __init__(self) -> None:
        text = files("resources").joinpath("sample.json").read_text("utf-8")
        self.recipe: dict[str, Any] = json.loads(text)
        self.side: int = self.recipe["side"]
        self.kept: list[np.ndarray] = []
        self.drawing = Lock()

    def picture(self, name: str, number: int) -> tuple[Image.Image, int]:
        """Picture `number`, of the class `name` (none where it is empty), and its JPEG quality."""
        image, quality, _ = self.scene(name, number)
        return image, quality

    def scene(self, name: str, number: int) -> tuple[Image.Image, int, np.ndarray]:
        """The same, and where its thing is seen: float32 (side, side), from 0 to 1."""
        chance = np.random.default_rng([self.recipe["seed"], 1, number])
        ground = self.ground(chance)
        thing = self.recipe["classes"][name] if name else self.recipe["stranger"]
        colours = self.colours(chance, thing.get("likes"))
        colours["ground"] = tuple(ground.mean((0, 1)))
        picture, mask = self.thing(thing, colours, chance)
        light = chance.uniform(0, 2 * math.pi)
        picture = lit(picture, mask, light, chance)
        scene = shadowed(ground, mask, light, chance)
        scene += (picture - scene) * (mask / 255)[..., None]
        seen = mask / 255
        if chance.random() < 0.25:
            front, cover = self.front(chance)
            scene += (front - scene) * (cover / 255)[..., None]
            seen = seen * (1 - cover / 255)
        return photographed(scene, chance), int(chance.integers(55, 93)), seen

    def colours(
        self, chance: np.random.Generator, likes: Sequence[int] | None = None
    ) -> dict[str, tuple[float, float, float]]:
        """One of the recipe's palettes, often one that the class likes, moved by chance."""
        palettes = self.recipe["palettes"]
        if likes and chance.random() < 0.6:
            palettes = [palettes[number] for number in likes]
        chosen = dict(palettes[chance.integers(len(palettes))])
        chosen["stem"] = STEMS[chance.integers(len(STEMS))]
        chosen["skin"] = SKINS[chance.integers(len(SKINS))]
        tint = chance.normal(0, 14, 3)
        return {
            role: tuple(np.clip(np.array(ImageColor.getrgb(text)) + tint, 8, 247).tolist())
            for role, text in chosen.items()
        }

    def thing(
        self, thing: Mapping[str, Any], colours: Palette, chance: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """What the picture is of: float32 (side, side, 3) and its mask (side, side), 0 to 255."""
        canvas = Canvas(2 * self.side, colours["body"])
        grow = chance.uniform(0.6, 0.98)
        squash = chance.uniform(*thing.get("squash", (1, 1))) * chance.choice((-1, 1))
        room = 1.05 - grow
        at = chance.uniform(-room, room, 2)
        turn = chance.uniform(*thing["turn"])
        paint(canvas, thing["parts"], colours, chance, affine(at, turn, (grow * squash, grow)))
        return halved(canvas)

    def front(self, chance: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Something that covers a part of the picture, and its mask."""
        colours = self.colours(chance)
        canvas = Canvas(2 * self.side, colours["body"])
        part = self.recipe["front"][chance.integers(len(self.recipe["front"]))]
        place = affine(chance.uniform(-0.6, 0.6, 2), chance.uniform(-30, 30), (1, 1))
        paint(canvas, [part], colours, chance, place)
        picture, mask = halved(canvas)
        return picture * chance.uniform(0.6, 1.1), mask

    def ground(self, chance: np.random.Generator) -> np.ndarray:
        """A part of one of the backgrounds: float32 (side, side, 3)."""
        grounds = self.grounds()
        whole = grounds[chance.integers(len(grounds))]
        x, y = chance.integers(0, whole.shape[0] - self.side, 2)
        part = whole[y : y + self.side, x : x + self.side]
        part = part[:, ::-1] if chance.random() < 0.5 else part
        return part * chance.uniform(0.75, 1.15) + chance.normal(0, 8, 3).astype(np.float32)

    def grounds(self) -> list[np.ndarray]:
        """All backgrounds, a third larger than pictures, drawn by whichever thread is first."""
        with self.drawing:
            if not self.kept:
                self.kept = [self.drawn_ground(number) for number in range(GROUNDS)]
        return self.kept

    def drawn_ground(self, number: int) -> np.ndarray:
        chance = np.random.default_rng([self.recipe["seed"], 2, number])
        kind = self.recipe["backgrounds"][number % len(self.recipe["backgrounds"])]
        colours = self.colours(chance)
        canvas = Canvas(self.side * 4 // 3, colours["mark"])
        place = affine((0, 0), chance.uniform(-10, 10), (chance.uniform(1.1, 1.4),) * 2)
        paint(canvas, kind["parts"], colours, chance, place)
        blur = chance.uniform(0.5, 2.5) + kind.get("blur", 0)
        image = canvas.image.filter(ImageFilter.GaussianBlur(blur))
        picture = np.asarray(image, np.float32)
        calm = chance.uniform(0.25, 0.7)  # a ground less lively than what stands before it
        return picture * calm + picture.mean((0, 1)) * (1 - calm)


def halved(canvas: Canvas) -> tuple[np.ndarray, np.ndarray]:
    """A canvas at half its size, which smooths the edges: the picture and the mask, float32."""
    image, mask = canvas.image.reduce(2), canvas.mask.reduce(2)
    return np.asarray(image, np.float32), np.asarray(mask, np.float32)


def lit(
    picture: np.ndarray, mask: np.ndarray, light: float, chance: np.random.Generator
) -> np.ndarray:
    """The thing with light from the angle `light`: round at its edges, uneven on its surface."""
    radius = chance.uniform(3, 9)
    height = np.asarray(
        Image.fromarray(mask.astype(np.uint8)).filter(ImageFilter.GaussianBlur(radius)), np.float32
    )
    down, across = np.gradient(height / 255 * radius)
    shade = (across * math.cos(light) + down * math.sin(light)) * chance.uniform(0.3, 1.1)
    cloud = clouds(picture.shape[0], chance) * chance.uniform(0.02, 0.16)
    return picture * (1 - shade + cloud)[..., None]


def shadowed(
    ground: np.ndarray, mask: np.ndarray, light: float, chance: np.random.Generator
) -> np.ndarray:
    """The ground with the thing's shadow, away from the light."""
    far = chance.uniform(2, 14)
    moved = np.roll(mask, (round(far * math.sin(light)), round(far * math.cos(light))), (0, 1))
    blur = ImageFilter.GaussianBlur(chance.uniform(2, 9))
    soft = np.asarray(Image.fromarray(moved.astype(np.uint8)).filter(blur), np.float32)
    return ground * (1 - soft / 255 * chance.uniform(0.0, 0.6))[..., None]


def clouds(side: int, chance: np.random.Generator) -> np.ndarray:
    """Smooth noise of spread 1: float32 (side, side)."""
    few = Image.fromarray(chance.normal(0, 1, (7, 7)).astype(np.float32))
    return np.asarray(few.resize((side, side), Image.Resampling.BICUBIC))


def photographed(scene: np.ndarray, chance: np.random.Generator) -> Image.Image:
    """What a camera makes of the scene: exposure, colour of the light, blur and noise."""
    side = scene.shape[0]
    slope = np.linspace(-1, 1, side, dtype=np.float32)
    angle = chance.uniform(0, 2 * math.pi)
    fall = 1 + chance.uniform(0, 0.3) * (
        slope[None] * math.cos(angle) + slope[:, None] * math.sin(angle)
    )
    tint = 1 + chance.normal(0, 0.06, 3).astype(np.float32)
    scene = scene * fall[..., None] * tint * chance.uniform(0.75, 1.2)
    grey = (scene @ np.full(3, 1 / 3, np.float32))[..., None]
    scene = grey + (scene - grey) * chance.uniform(0.45, 1.1)
    image = Image.fromarray(scene.clip(0, 255).astype(np.uint8))
    if chance.random() < 0.6:
        image = image.filter(ImageFilter.GaussianBlur(chance.uniform(0.2, 1.1)))
    noise = chance.standard_normal((side, side, 1), np.float32) * chance.uniform(1, 8)
    return Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype(np.uint8))
