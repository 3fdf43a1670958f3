"""The input size of a new project: the network's own, or less where the computer is slow."""

from __future__ import annotations

import time

import torch

from engine.models.backbone import Backbone
from engine.models.speeds import keep_speed, known_speeds

SLOW = 0.15
"""Seconds of one image from which on a computer is slow: 3,000 take eight minutes or more."""
SMALLER = 160
"""Pixels, for half the work of 224."""
TRIES = 3


def first_size(backbone: Backbone) -> tuple[int, float]:
    """Side in pixels, and the seconds that one image takes here at the network's own size.

    It is measured where it is not known from earlier use, and kept.
    """
    own, known = backbone.preprocessing.size, known_speeds().get(backbone.name)
    if known and known["size"] == own:
        seconds = backbone.looks * float(known["milliseconds"]) / 1000
    else:
        once = seconds_of(backbone)
        keep_speed(backbone.name, own, 1000 * once)
        seconds = backbone.looks * once
    return (own if seconds < SLOW else min(own, SMALLER)), seconds


def seconds_of(backbone: Backbone) -> float:
    """How long the network takes for one image: the quickest of a few.

    By the processor's time, which does not grow with what else runs here.
    """
    side = backbone.preprocessing.size
    image, network, taken = torch.zeros(1, 3, side, side), backbone.below(), []
    with torch.inference_mode():
        for _ in range(TRIES):
            clock = time.process_time()
            network(image)
            taken.append(time.process_time() - clock)
    return min(taken) / torch.get_num_threads()
