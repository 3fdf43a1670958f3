"""A network of four small stages and images for it, for tests of single parts of tuning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from engine.events import Step
from engine.images.preprocess import Preprocessing
from engine.models.backbone import Backbone, Stage
from engine.training.augment import Views
from engine.training.dataset import ImageArray
from engine.training.loop import Stack, Training, train
from engine.training.schedules import SCHEDULES, Timetable
from engine.training.tuner import BatchSource, Tuning, stack_of

SIZE, CLASSES, WIDTH = 16, 4, 12
CPU = torch.device("cpu")


def convolution(given: int, made: int, side: int) -> nn.Sequential:
    conv = nn.Conv2d(given, made, side, padding=side // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(made), nn.ReLU())


def backbone(seed: int = 0, pointwise: bool = True) -> Backbone:
    """In eval mode, its norms with the statistics of some images."""
    torch.manual_seed(seed)
    stages = [
        Stage("stem", nn.Sequential(convolution(3, 6, 3), nn.MaxPool2d(2))),
        Stage("middle", convolution(6, 8, 1 if pointwise else 3)),
        Stage("upper", convolution(8, WIDTH, 1 if pointwise else 3)),
        Stage("features", nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())),
    ]
    network = nn.Sequential(*(stage.module for stage in stages))
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        network.train()(torch.randn(32, 3, SIZE, SIZE))
    for norm in norms:
        norm.momentum = 0.1
    network.eval()
    return Backbone("tiny", stages, Preprocessing(SIZE, SIZE), WIDTH, facts={})


def with_last_layer(network: Backbone, width: int = 16) -> Backbone:
    """The network with a convolution before its features are pooled, as EfficientNet has one."""
    last = [nn.Conv2d(WIDTH, width, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    stages = [*network.stages[:-1], Stage("features", nn.Sequential(*last).eval())]
    return replace(network, stages=stages, width=width)


def corpus(each: Sequence[int] = (8, 8, 8, 8), seed: int = 0, side: int = SIZE) -> ImageArray:
    """So many images of each class: noise about a colour of its own."""
    rng = np.random.default_rng(seed)
    classes = np.repeat(np.arange(len(each)), each)
    colours = np.random.default_rng(9).integers(60, 200, (len(each), 1, 1, 3))
    pixels = colours[classes] + rng.normal(0, 30, (len(classes), side, side, 3))
    files = tuple(f"{seed}-{n:03}" for n in range(len(classes)))
    names = tuple("abcdefgh"[: len(each)])
    return ImageArray(pixels.clip(0, 255).astype(np.uint8), classes, names, files)


def views(images: ImageArray, strength: str = "light", seed: int = 0) -> Views:
    return Views(images, Preprocessing(SIZE, SIZE), strength, seed)


def head(classes: int = CLASSES, seed: int = 0) -> nn.Linear:
    torch.manual_seed(seed)
    return nn.Linear(WIDTH, classes)


def lessons(tuning: Tuning, seen: Views, schedule: str = "none", **settings: object) -> BatchSource:
    timing = SCHEDULES.make(schedule, settings)
    names = [*backbone().cuts, "head"]
    total = tuning.steps(len(seen.corpus))
    return BatchSource(tuning, seen, Timetable(timing, names, tuning.lr, total), CPU)


def dressed(tuning: Tuning, source: Backbone, classes: int = CLASSES) -> Stack:
    return stack_of(tuning.dressed(source), head(classes), CPU)


def trained(
    tuning: Tuning, stack: Stack, shown: BatchSource, new: Sequence[int] = ()
) -> Iterator[Step]:
    """Trains to the end, step by step."""
    training = Training(stack, tuning.optimised(stack), shown.timetable)
    loss = tuning.loss(stack, new)
    supply = (shown.batch(position) for position in range(shown.timetable.total))
    return train(training, supply, lambda b: stack(b.given, b.start), loss)


def undressed(tuning: Tuning, stack: Stack, source: Backbone) -> Backbone:
    """The trained stages in use."""
    stack.eval()
    stages = [Stage(name, part) for name, part in stack.parts.items() if name != "head"]
    return replace(source, stages=tuning.undressed(stages))


def features(network: Backbone, pixels: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return network.below().eval()(pixels)
