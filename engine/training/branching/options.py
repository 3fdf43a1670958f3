"""How a person wants a branch to be grown, and what suits branches where nothing else is wished."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.errors import BadSetting
from engine.training.adopt import check_adopt
from engine.training.setup import made
from engine.training.tuner import Tuning

AUTO = "auto"
EXACT, CALIBRATED = JOINS = ("exact", "calibrated")
RECIPE = {"optimiser": "adamw", "lr": 5e-4, "epochs": 6.0, "views": 4}
"""For CIFAR-100's classes, 20 at a time, with MobileNetV2 at 96 pixels; SGD, other rates and twice
the epochs came out alike, within 2 points."""
FEATURES = 128
"""Of 1280: on CIFAR-100's classes 256 are hardly better (59.8 to 59.4 %)."""
MEMORY = 1.0
"""Earlier images for each new one: on CIFAR-100's classes 59.4 % with 1, 58.5 with 0.5, and 56.2
without any, where the same stages trained on everything reach 60.1."""
STEPS_OF_AN_EPOCH = 16
"""A batch is so small that an epoch has at least so many steps, where that is possible."""


@dataclass(frozen=True)
class BranchOptions:
    """How a person wants a branch to be grown; see `grow_branch`."""

    cut: str
    threshold: float
    join: str
    adopt: str
    settings: Mapping[str, Any]
    features: int = 0
    memory: float = 0.0

    def check(self) -> None:
        """Raises BadSetting before any work is done."""
        check_adopt(self.adopt)
        if self.join not in JOINS:
            raise BadSetting(f"Join takes one of: {', '.join(JOINS)}; not “{self.join}”.")
        check_threshold(self.threshold)
        if not 0 <= self.features <= 10_000:
            raise BadSetting("A branch adds 1 to 10,000 features, or 0 for all that it has.")
        if not 0 <= self.memory <= 100:
            raise BadSetting("A branch sees 0 to 100 earlier images beside each new one.")
        self.tuning(1000)

    def tuning(self, images: int) -> Tuning:
        """The way of training for so many images."""
        return recipe(self.settings, images)


def check_threshold(points: float) -> None:
    if not 0 <= points <= 100:
        raise BadSetting(f"A threshold is 0 to 100 points, not {points}.")


def recipe(settings: Mapping[str, Any], images: int) -> Tuning:
    """Fine-tuning with what suits branches, where `settings` say nothing else."""
    batch = max(4, min(32, images // STEPS_OF_AN_EPOCH))
    return made("fine_tune", "none", {**RECIPE, "batch": batch, **settings})[0]


def wished(settings: Mapping[str, Any] | None, epochs: float) -> dict[str, Any]:
    return {**(settings or {}), **({"epochs": epochs} if epochs else {})}
