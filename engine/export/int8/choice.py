"""Which ranges 8 bits shall hold, and which layers stay in 32: tried on images learnt from."""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import onnx

from engine.errors import UnusableImage
from engine.events import Progress
from engine.export.int8.layers import Body
from engine.export.int8.ranges import METHODS, Range
from engine.images.decode import open_many
from engine.images.preprocess import Preprocessing
from engine.models.ort import open_session

GROUPS = 24
"""Layers are looked at in at most so many groups of neighbours; then the worst one by one."""
LOOK = 24
"""Images on which layers are compared; all the images for what matters more."""
BATCH = 8
DEAR = 0.01
"""A layer with this share of all weights counts half: its 32 bits cost more bytes."""


@dataclass(frozen=True)
class Choice:
    """How a network was brought to 8 bits."""

    method: str
    ranges: Mapping[str, Range]
    order: tuple[str, ...]
    """All layers, those first that lose most for their size."""
    kept: int
    """How many of them, from the first on, stay in 32 bits."""
    by_method: Mapping[str, float]
    """`Trials.drift` of each method, with as many layers kept."""
    light: tuple[str, ...] = ()
    """Layers whose weights alone have 8 bits."""
    slowness: float | None = None
    """How many times as long an image takes as in 32 bits, where it was measured."""


class Trials:
    """Runs versions of a backbone's graph, with the head in 32 bits above them."""

    def __init__(self, body: Body, above: onnx.ModelProto, pixels: np.ndarray, threads: int):
        self.body, self.pixels, self.threads = body, pixels, threads
        self.head = open_session(above.SerializeToString(), threads)
        self.expected = self.answers(body.graph, pixels)[0]

    def answers(self, graph: onnx.ModelProto, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities (n, classes) and distances (n,) of pixels uint8 (n, size, size, 3)."""
        session = open_session(graph.SerializeToString(), self.threads)
        parts = []
        for start in range(0, len(pixels), BATCH):
            features = session.run(None, {"pixels": pixels[start : start + BATCH]})[0]
            parts.append(self.head.run(None, {"features": features}))
        probabilities, distances = zip(*parts, strict=True)
        return np.concatenate(probabilities), np.concatenate(distances)

    def drift(self, graph: onnx.ModelProto, count: int | None = None) -> float:
        """How much probability moves to other classes, in points: the mean over the images."""
        found = self.answers(graph, self.pixels[:count])[0]
        return float(50 * np.abs(found - self.expected[:count]).sum(1).mean())


def opened_pixels(
    paths: Sequence[Path], p: Preprocessing, count: int
) -> tuple[list[int], np.ndarray]:
    """The first `count` images that can be opened: their places, and uint8 (n, size, size, 3)."""
    opened = open_many(iter(paths), p)
    try:
        good = (
            (place, image.seen)
            for place, (_, image) in enumerate(opened)
            if not isinstance(image, UnusableImage)
        )
        found = list(islice(good, count))
    finally:
        opened.close()
    nothing = np.empty((0, p.size, p.size, 3), np.uint8)
    return [place for place, _ in found], np.stack([x for _, x in found]) if found else nothing


def chosen(
    trials: Trials, ranges: Mapping[str, Mapping[str, Range]], most: int
) -> Generator[Progress, None, Choice]:
    """The method, and how many layers up to `most` in 32 bits, that move probabilities least."""
    body = trials.body
    drifts = {(how, 0): trials.drift(body.quantised(ranges[how])) for how in METHODS}
    method = min(drifts, key=drifts.__getitem__)[0]
    order = (yield from by_loss(trials, ranges[method], most)) if most else tuple(body.layers)
    for count in dict.fromkeys((*(2**n for n in range(most.bit_length())), most)):
        if 0 < count <= len(order):
            for how in METHODS:
                graph = body.quantised(ranges[how], order[:count])
                drifts[how, count] = trials.drift(graph)
            yield Progress(count, most, "Keeping layers in 32 bits")
    method, kept = min(drifts, key=drifts.__getitem__)
    by_method = {how: drifts[how, kept] for how in METHODS}
    return Choice(method, ranges[method], order, kept, by_method)


def by_loss(
    trials: Trials, ranges: Mapping[str, Range], most: int
) -> Generator[Progress, None, tuple[str, ...]]:
    """All layers, those first that lose most for their size when they alone have 8 bits."""
    layers = list(trials.body.layers)
    size = -(-len(layers) // GROUPS)
    groups = [layers[at : at + size] for at in range(0, len(layers), size)]
    dear = DEAR * sum(trials.body.bytes.values())
    found: dict[tuple[str, ...], float] = {}

    def look(group: Sequence[str]) -> None:
        graph = trials.body.quantised(ranges, only=group)
        heavy = max(trials.body.bytes[name] for name in group)
        found[tuple(group)] = trials.drift(graph, LOOK) / (1 + heavy / dear)

    for number, group in enumerate(groups, start=1):
        look(group)
        yield Progress(number, len(groups), "Looking where 8 bits lose most")
    single = 0
    while size > 1 and single < most:
        worst = max((group for group in found if len(group) > 1), key=found.__getitem__, default=())
        if not worst:
            break
        del found[worst]
        for name in worst:
            look([name])
        single += len(worst)
        yield Progress(min(single, most), most, "Looking where 8 bits lose most")
    return tuple(
        name for group in sorted(found, key=found.__getitem__, reverse=True) for name in group
    )


def points_lost(
    expected: np.ndarray, found: np.ndarray, truth: np.ndarray | None
) -> tuple[float, int]:
    """Points of accuracy that `found` loses against `expected`, and on how many images.

    Probabilities (n, classes); `truth` holds places among the classes, or -1 where a class is not
    known. Where none is known, each answer that changed counts as lost.
    """
    known = np.flatnonzero(truth >= 0) if truth is not None else np.empty(0, np.int64)
    before, after = expected.argmax(1), found.argmax(1)
    if truth is None or not len(known):
        return float(100 * (before != after).mean()), len(before)
    right = [(answers[known] == truth[known]).mean() for answers in (before, after)]
    return float(100 * (right[0] - right[1])), len(known)


def stage_of(layer: str) -> int:
    """Which of the backbone's stages a layer lies in; -1 where its name does not say."""
    parts = [part for part in layer.split("/") if part.startswith("trunk.")]
    number = parts[0].split(".")[1] if parts else ""
    return int(number) if number.isdigit() else -1


def names_of(
    layers: Collection[str], everything: Collection[str], stages: Sequence[str]
) -> list[str]:
    """Layers as a person can place them: “stage 2, layer 3”."""
    seen: dict[str, int] = {}
    told: dict[str, str] = {}
    for name in everything:
        number = stage_of(name)
        stage = stages[number] if 0 <= number < len(stages) else "network"
        seen[stage] = seen.get(stage, 0) + 1
        told[name] = f"{stage}, layer {seen[stage]}"
    return [told[name] for name in layers]
