"""What is known of the official supernets before anything is measured.

A ridge regression on the 2,223 subnets of width 1.0 whose ImageNet accuracy at 224 pixels was
published; its weights lie in resources/. Its order of networks holds on other images to a degree,
which the first measurements correct.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files

import numpy as np

from engine.models.supernet.space import Space

OFFICIAL = ("ofa_w10", "ofa_w12")


def prior_for(backbone: str, space: Space) -> Callable[[np.ndarray], np.ndarray] | None:
    """Guesses of accuracies (shares of 1) for rows of genes; None where nothing is known."""
    return imagenet_guess(space) if backbone in OFFICIAL else None


def imagenet_guess(space: Space) -> Callable[[np.ndarray], np.ndarray]:
    """The guess at 224 pixels; other resolutions are left to what is measured."""
    facts = json.loads((files("resources") / "ofa_w10_prior.json").read_text(encoding="utf-8"))
    weights, mean = np.array(facts["weights"], np.float32), facts["mean"]
    return lambda genes: mean + space.encoded(genes)[:, :-1] @ weights
