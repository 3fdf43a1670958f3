"""Jobs of the Tune page."""

from typing import Any, NotRequired, TypedDict

from engine.registry import PluginView
from engine.results.scores import Accuracies, Compared, Difference

SavedByFreezing = TypedDict("SavedByFreezing", {"seconds": float, "flops": float})
"""What freezing saved; below 0 where the cache took more."""


class LayerRates(TypedDict):
    stage: str
    frozen_at_iteration: int | None
    learning_rates: list[float]


class Unlabelled(TypedDict):
    """Of a run without classes: how many images it learnt from, and how spread out its outputs
    were in the last epoch; 1 is healthy, near 0 they are all the same."""

    images: int
    spread: float
    collapsed: bool


class RunSummary(TypedDict):
    run: int
    unlabelled: Unlabelled | None
    seconds: float
    seconds_per_epoch: list[float]
    layers: list[LayerRates]
    saved: SavedByFreezing
    full_flops: float


class ComparedRun(Compared):
    """Beside the two networks, figures by name of the trained one's own head, before and after."""

    first_head: dict[str, float]
    trained_head: dict[str, float]


class Tuned(RunSummary, ComparedRun):
    adopted: bool


RunUsed = TypedDict("RunUsed", {"run": int})


Followed = TypedDict("Followed", {"steps": int})
"""Of a process that trained beside another one."""


class RunAdopted(RunUsed):
    adopted: bool


class RunRow(TypedDict):
    """A kept run; it has no `difference`, and what belongs to one, until it was compared."""

    id: int
    title: str
    made: str
    tuner: str
    schedule: str
    settings: dict[str, Any]
    state: str
    epochs_done: float
    epochs: float
    seconds: float
    saved: SavedByFreezing | None
    best_accuracy: float | None
    best_epoch: float | None
    collapsed: bool
    before: Accuracies | None
    after: Accuracies | None
    difference: Difference | None
    images: int | None


Runs = TypedDict("Runs", {"runs": list[RunRow]})


class LayerColumns(TypedDict):
    """A LayerPlan as it is kept: a row for each stage, and in it a value for each of `steps`."""

    total: int
    stages: list[str]
    steps: list[int]
    rates: list[list[float]]
    frozen: list[list[bool]]
    cached: list[list[bool]]
    reasons: list[list[str]]


class RunDetails(RunRow):
    """Figures by name: of each epoch, and for each kept step."""

    epochs_curve: list[dict[str, float]]
    steps_curve: dict[str, list[float]]
    layers: LayerColumns | None


class PresetRow(TypedDict):
    """A preset in a person's words, and what it stands for with the images there are."""

    name: str
    title: str
    help: str
    tuner: str
    schedule: str
    settings: dict[str, Any]


class TuningChoices(TypedDict):
    """`proposed` has, for each tuner, settings for so many `pictures`. `methods` need no
    classes."""

    tuners: tuple[PluginView, ...]
    methods: tuple[PluginView, ...]
    schedules: tuple[PluginView, ...]
    pictures: int
    proposed: dict[str, dict[str, Any]]
    presets: list[PresetRow]


ChangedImage = TypedDict("ChangedImage", {"class": str, "jpeg": bytes})
ChangedImages = TypedDict("ChangedImages", {"pictures": list[ChangedImage]})


class Estimate(TypedDict):
    """So many seconds for so many steps on so many images; of adapting also how often each image
    is seen."""

    seconds: float
    steps: int
    pictures: int
    epochs: NotRequired[float]


PresetTimes = TypedDict("PresetTimes", {"seconds": dict[str, float], "pictures": int})
"""So many seconds for each preset by its name."""
