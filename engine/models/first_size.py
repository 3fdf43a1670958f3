"""The input size of a new project: the network's own, or less where the computer is slow."""

from __future__ import annotations

import contextlib
import json
import time

import torch

from engine.models.backbone import Backbone
from engine.system.files import replace_file
from engine.system.paths import cache_folder

SLOW = 0.15
"""Seconds of one image from which on a computer is slow: 3,000 take eight minutes or more."""
SMALLER = 160
"""Pixels, for half the work of 224."""
TRIES = 5


def first_size(backbone: Backbone) -> tuple[int, float]:
    """Side in pixels, and the seconds that one image takes here at the network's own size.

    It is measured once for each network and computer, and kept in the cache.
    """
    file = cache_folder() / "speed.json"
    try:
        known = {str(k): float(v) for k, v in json.loads(file.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        known = {}
    if backbone.name not in known:
        known[backbone.name] = seconds_of(backbone)
        with contextlib.suppress(OSError):  # a full disk: it is measured again
            replace_file(file, json.dumps(known).encode(), shared=True)
    own, seconds = backbone.preprocessing.size, known[backbone.name]
    return (own if seconds < SLOW else min(own, SMALLER)), seconds


def seconds_of(backbone: Backbone) -> float:
    """How long the network takes for one image: the quickest of a few, whatever else runs."""
    side = backbone.preprocessing.size
    image, network, taken = torch.zeros(1, 3, side, side), backbone.below(), []
    with torch.inference_mode():
        for _ in range(TRIES):
            clock = time.perf_counter()
            network(image)
            taken.append(time.perf_counter() - clock)
    return min(taken)
