"""What a bench has looked at, kept in a file so that it can be run again without the images."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from engine.models.backbone import Backbone
from engine.models.backbones import load_backbone
from tests.bench.given import parts_of

Arrays = dict[str, np.ndarray]


def kept(
    options: argparse.Namespace, folder: Path, look: Callable[[Path, Backbone], Arrays]
) -> Arrays:
    """What `look` finds in the photos with the network that was asked for; from the file --kept
    where it is there, which is written otherwise."""
    if options.kept and options.kept.exists():
        with np.load(options.kept) as arrays:
            return dict(arrays)
    found = look(parts_of(options, folder), network(options.weights, options.size))
    if options.kept:
        np.savez(options.kept, **found)
    return found


def network(weights: str, size: int) -> Backbone:
    """MobileNetV2 from a file of weights, or Lite0, each with its usual features."""
    if weights:
        return load_backbone("mobilenet_v2", Path(weights), size, "pooled")
    return load_backbone("efficientnet_lite0", None, size, "moments")
