"""A model as an ONNX file whose network has 8 bits: smaller and faster, and a little less sure."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx

from engine.errors import Refused
from engine.events import Progress
from engine.export.formats import EXPORTERS, ExportData, Exporter, Facts, Receipt
from engine.export.graphs.model_onnx import complete, halves, joined
from engine.export.int8.choice import (
    Choice,
    Trials,
    by_loss,
    chosen,
    names_of,
    opened_pixels,
    points_lost,
)
from engine.export.int8.layers import Body, small
from engine.export.int8.qdq import PAIR, WEIGHT
from engine.export.int8.ranges import METHODS, Histogram, Range, histograms
from engine.export.int8.saturation import adds_in_16_bits
from engine.export.int8.speed import swiftest
from engine.export.receipts.script import script_for
from engine.images.preprocess import Preprocessing
from engine.models.backbone import Model
from engine.models.timing import processor_name
from engine.registry import setting
from engine.system import device as devices
from engine.system.words import many

ANY = f"any: no two weights of a channel exceed {PAIR} together, so sums of products never overflow"
VNNI_ONLY = "only those with VNNI, or Arm's dot product; on others its answers would be different"
TRIED_ON = 64
"""Images beside those that ranges are chosen by, on which choices are tried."""


@EXPORTERS.register("onnx-int8", "ONNX, 8 bits")
@dataclass
class OnnxInt8(Exporter):
    """One ONNX file of about a third of the size, faster where processors know 8 bits (VNNI).

    The weights of each channel, and what runs between layers, are whole numbers of 8 bits. What
    range those shall hold is chosen on images that were learnt from. Resizing, normalisation and
    the head stay in 32 bits, and so do layers that lose too much. Where 8 bits are slower on this
    computer, the weights alone have 8 bits, and the layers compute in 32.
    """

    suffix = ".onnx"
    whom = "For newer processors, where the file should be small and fast."

    points: float = setting(
        1.0,
        "How many points of accuracy may be lost; with more, the file is not kept.",
        least=0,
        most=100,
        label="Points that may be lost",
    )
    layers: int = setting(
        4,
        "How many layers may stay in 32 bits: those that lose most for their size.",
        least=0,
        most=1000,
        label="Layers in 32 bits",
    )
    images: int = setting(
        128,
        "How many of the images that were learnt from the ranges are chosen by.",
        least=8,
        most=4096,
        label="Images to choose ranges by",
    )
    fastest: bool = setting(
        True,
        "Whether layers compute in 32 bits where that is faster on this computer; their "
        "weights have 8 bits all the same. Turn it off if the file shall run elsewhere.",
        label="Fastest on this computer",
    )
    vnni_only: bool = setting(
        False,
        "Whether weights use all of their 8 bits: a little more exact, but right only on "
        "processors that add products of 8 bits in 32 (VNNI, or Arm's dot product). Others would "
        "give other answers. Leave it off if the file shall run anywhere.",
        label="For processors with VNNI only",
    )
    tried: list[tuple[int, float]] = field(default_factory=list, init=False, repr=False)
    """Layers that were kept in 32 bits and the points that were lost, of each version tried."""

    def write(
        self, model: Model, path: Path, material: ExportData
    ) -> Generator[Progress, None, Facts]:
        """Writes the file and yields how far it is. Raises Refused where too much is lost."""
        if self.vnni_only and adds_in_16_bits():
            raise Refused(
                "This computer's processor has no VNNI, so a file for VNNI only can't be checked "
                "here. Turn “For processors with VNNI only” off: such a file runs here too."
            )
        below, above = halves(model, path)
        body = Body(below, 2 * WEIGHT if self.vnni_only else PAIR)
        if not body.layers:
            raise Refused(
                "This network has no layers that can have 8 bits. Choose ONNX with 16 bits instead."
            )
        yield Progress(0, None, "Opening images")
        p = model.backbone.preprocessing
        _, pixels = opened_pixels(material.training, p, self.images + TRIED_ON)
        if not len(pixels):
            _, pixels = opened_pixels(material.images, p, TRIED_ON)
        first = min(self.images, max(len(pixels) - TRIED_ON, -(-len(pixels) // 2)))
        ranges = yield from self.ranges(model, body, pixels[:first])
        trials = Trials(
            body, above, pixels[first:] if first < len(pixels) else pixels, devices.threads()
        )
        choice = yield from chosen(trials, ranges, self.layers)
        if self.fastest:
            choice = yield from swiftest(trials, choice)
        yield Progress(0, None, "Counting what 8 bits lose")
        yield from self.refuse_loss(trials, choice, p, material)
        graph = body.quantised(choice.ranges, choice.order[: choice.kept], choice.light)
        onnx.save(complete(model, joined(small(graph), above)), path)
        return self.facts(model, body, choice, first)

    def ranges(
        self, model: Model, body: Body, pixels: np.ndarray
    ) -> Generator[Progress, None, dict[str, dict[str, Range]]]:
        """What each tensor's 8 bits shall hold, by each method."""
        counted: dict[str, Histogram] = {}
        runs = histograms(body.graph, body.tensors, pixels, model.looks, devices.threads())
        for done, found in runs:
            counted = found
            yield Progress(done, len(pixels), "Counting what runs through the network")
        return {how: {name: h.range_by(how) for name, h in counted.items()} for how in METHODS}

    def refuse_loss(
        self, trials: Trials, choice: Choice, p: Preprocessing, material: ExportData
    ) -> Generator[Progress, None, None]:
        """Raises Refused where the choice loses too many points, once it is known what would do."""
        used, pixels = opened_pixels(material.images, p, len(material.images))
        if not used:
            return  # the check in another process will find none either, and say so
        truth = None if material.truth is None else material.truth[used]
        self.tried, count, order = [], choice.kept, choice.order
        while True:
            graph = trials.body.quantised(choice.ranges, order[:count], choice.light)
            found = trials.answers(graph, pixels)[0]
            lost, images = points_lost(material.expected[used], found, truth)
            self.tried.append((count, lost))
            if lost <= self.points or count == len(order):
                break
            if not self.layers and not count:  # until now it did not matter which lose most
                order = yield from by_loss(trials, choice.ranges, 4)
                order = tuple(sorted(order, key=lambda name: name in choice.light))
            count = min(max(2 * count, self.layers + 1, 2), len(order))
        if self.tried[0][1] > self.points:
            raise Refused(self.too_much(self.tried[0][1], images))

    def too_much(self, lost: float, images: int) -> str:
        """Why a file is refused, and which setting would do, of what was tried."""
        would = f"Let {math.ceil(10 * lost) / 10:.1f} points be lost"
        better = [(count, less) for count, less in self.tried[1:] if less < lost]
        if better:
            count, less = min(better, key=lambda pair: (max(pair[1], self.points), pair[0]))
            would += f", or keep {count} layers in 32 bits, which lost {max(less, 0):.1f}"
        return (
            f"With 8 bits this model loses {lost:.1f} points of accuracy on {images} images, and "
            f"{self.points:g} may be lost, so no file was kept. {would}."
        )

    def facts(self, model: Model, body: Body, choice: Choice, images: int) -> Facts:
        """What the receipt says of the 8 bits; `images` is how many ranges were chosen by."""
        stages = [stage.name for stage in model.backbone.stages]
        kept = choice.order[: choice.kept]
        light = [name for name in choice.light if name not in kept]
        other = next(name for name in METHODS if name != choice.method)
        moved = {name: round(value, 2) for name, value in choice.by_method.items()}
        facts: Facts = {
            "calibration": (
                f"by {choice.method}, on {many(images, 'image')} learnt from: there 8 bits moved "
                f"{moved[choice.method]} % of an answer's probability to other classes, and by "
                f"{other} {moved[other]} %"
            ),
            "layers_in_8_bits": len(body.layers) - len(kept) - len(light),
            "layers_whose_weights_alone_have_8_bits": len(light),
            "layers_in_32_bits": names_of(kept, list(body.layers), stages),
            "points_that_may_be_lost": self.points,
            "processors": VNNI_ONLY if self.vnni_only else ANY,
        }
        if light:
            last = names_of(light[-1:], list(body.layers), stages)[0]
            facts["computing_in_32_bits"] = f"until {last}, since that is faster on this computer"
        if choice.slowness is not None:
            facts["time_of_the_network"] = (
                f"{choice.slowness:.2f} times that of 32 bits (threads: {devices.threads()}, "
                f"{processor_name()})"
            )
        return facts

    def judge(self, receipt: Receipt) -> None:
        """Probabilities may move here; what counts is how often it is right."""
        lost = 100 * (1 - receipt["top_class_agreement"])
        images = receipt["compared"]
        if "accuracy_images" in receipt:
            lost = 100 * (receipt["accuracy_before"] - receipt["accuracy_after"])
            images = receipt["accuracy_images"]
        # So that a largest difference that is no number fails too.
        if not (lost <= self.points and receipt["largest_difference"] <= 1):
            raise Refused(self.too_much(lost, images))

    def script(self, name: str) -> str:
        return script_for(name)
