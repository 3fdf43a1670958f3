"""Ways to tune for someone who sets nothing: three lengths of time, each by how many images.

Batches of 2 lost 3 to 8 points on test photos (MobileNetV2 at 96 pixels, 40 and 130 photos of ten
classes), and 14 at their last epoch: each batch norm then works by the statistics of two images,
which are others than those it is used with. So no batch is below `LEAST_BATCH` where there are as
many images, and few images are seen in more epochs instead. `python -m tests.bench.presets`
measures it; of 32 images to learn from, tuning still brings 5 points or takes them by chance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.errors import BadSetting
from engine.registry import PluginView
from engine.results.tune import PresetRow
from engine.training.tuners import TUNERS

LEAST_BATCH = 16
STEPS_OF_A_RUN = 40
"""A batch is so small that an epoch has at least so many steps, but for `LEAST_BATCH`."""


@dataclass(frozen=True)
class Preset:
    """A way to tune by its name: in a person's words, and what it stands for."""

    name: str
    title: str
    help: str
    schedule: str
    epochs: float
    steps: int
    """An epoch of few images has few steps: there are as many epochs as make so many steps."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    tuner: str = "fine_tune"


PRESETS = (
    Preset(
        name="quick",
        title="Quick",
        help="Only the upper part of the network learns: a first look.",
        schedule="last_stages",
        epochs=6,
        steps=24,
    ),
    Preset(
        name="thorough",
        title="Thorough",
        help="The whole network learns.",
        schedule="none",
        epochs=12,
        steps=60,
    ),
    Preset(
        name="long",
        title="Long",
        help="The whole network learns for long. It ends by itself once nothing gets better.",
        schedule="none",
        epochs=60,
        steps=240,
        settings={"augment": "medium", "patience": 15},
    ),
)


OLD_NAMES = {"overnight": "long"}
"""Names of before, as scripts may hold them."""


def batch_for(images: int, usual: int) -> int:
    """How many images are shown at once: the usual number, fewer where there are few images."""
    most = 2 ** max(1, int(math.log2(max(2, images / STEPS_OF_A_RUN))))
    fitting = 2 ** max(1, int(math.log2(max(2, images))))
    return min(usual, max(most, min(LEAST_BATCH, fitting)))


def proposed(tuner: PluginView, images: int) -> dict[str, Any]:
    """Settings of a tuner that depend on how many images there are."""
    usual = {view.name: view.default for view in tuner.settings}
    batch = batch_for(images, usual["batch"])
    return {"batch": batch, "lr": float(f"{usual['lr'] * batch / usual['batch']:.2g}")}


def preset_of(name: str, images: int) -> tuple[str, str, dict[str, Any]]:
    """The tuner, the schedule and the settings that a preset means for so many images.

    Raises BadSetting where there is no such preset.
    """
    meant = OLD_NAMES.get(name, name)
    preset = next((made for made in PRESETS if made.name == meant), None)
    if preset is None:
        names = ", ".join(made.name for made in PRESETS)
        raise BadSetting(f"There is no preset “{name}”. Choose one of: {names}.")
    view = next(view for view in TUNERS.describe() if view.name == preset.tuner)
    settings = {**proposed(view, images), **preset.settings}
    each = max(1, images // settings["batch"])
    settings["epochs"] = float(max(preset.epochs, math.ceil(preset.steps / each)))
    return preset.tuner, preset.schedule, settings


def preset_views(images: int) -> list[PresetRow]:
    """The presets as a form shows them, and what they stand for with so many images."""
    views: list[PresetRow] = []
    for made in PRESETS:
        tuner, schedule, settings = preset_of(made.name, images)
        views.append(
            {
                "name": made.name,
                "title": made.title,
                "help": made.help,
                "tuner": tuner,
                "schedule": schedule,
                "settings": settings,
            }
        )
    return views
