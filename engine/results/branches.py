"""Jobs on branches."""

from typing import NotRequired, TypedDict

from engine.registry import PluginView
from engine.results.images import ImagesAdded
from engine.results.scores import Accuracies, Compared, Difference, SomeScores, StepScores
from engine.results.tune import RunRow


class CurvePoint(TypedDict):
    """A cut, the shares that lie below it, and how accurate a branch above it is."""

    cut: str
    share_parameters: float
    share_macs: float
    accuracy: float
    interval: list[float]
    seconds: float


class SharingCurve(TypedDict):
    """`threshold` is in points; the curve is empty where a cut was named."""

    curve: list[CurvePoint]
    recommended: str | None
    threshold: float


class Cost(TypedDict):
    """A way to learn, and what it costs to learn (`learn_...`) and for one image."""

    way: str
    pictures: int
    trained_parameters: int
    learn_macs: int
    learn_read_bytes: int
    learn_joules: float
    learn_seconds: float | None
    stored_bytes: int
    macs: int
    read_bytes: int
    joules: float


Costs = TypedDict("Costs", {"rows": list[Cost], "energy": str})
"""`energy` says where the joules come from."""


class BranchLearnt(StepScores, SharingCurve):
    """The scores of what is in use now; what was measured of the branch, where one was grown."""

    cut: str
    adopted: bool
    branch: int | None
    costs: NotRequired[Costs]
    before: NotRequired[Accuracies]
    after: NotRequired[Accuracies]
    difference: NotRequired[Difference]
    images: NotRequired[int]


class BranchGrown(BranchLearnt, ImagesAdded):
    pass


class BranchRemoved(StepScores):
    """`before` and `after` are accuracies."""

    branch: int
    before: float | None
    after: float | None


class BranchesMerged(Compared, SomeScores):
    """With scores where the merged network is used."""

    adopted: bool


class BranchRow(TypedDict):
    branch: int
    cut: str
    features: int
    classes: list[str]


Branches = TypedDict("Branches", {"branches": list[BranchRow], "cuts": list[str]})


class SizedBranch(BranchRow):
    bytes: int


ClassToLearn = TypedDict("ClassToLearn", {"name": str, "images": int})


class BranchChoices(TypedDict):
    """`problem`: why no branch can be grown for `classes`, if so. `first` are the settings of the
    form that matter most, `own` those of the branch; the others are of fine-tuning."""

    cuts: list[str]
    branches: list[SizedBranch]
    classes: list[ClassToLearn]
    problem: str
    form: PluginView
    first: tuple[str, ...]
    own: tuple[str, ...]


def compared_in(found: BranchLearnt | RunRow) -> Compared | None:
    """The comparison in a result that has one only where there was something to compare."""
    before, after = found.get("before"), found.get("after")
    difference, images = found.get("difference"), found.get("images")
    if before is None or after is None or difference is None or images is None:
        return None
    return {"before": before, "after": after, "difference": difference, "images": images}
