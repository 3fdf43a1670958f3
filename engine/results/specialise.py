"""Jobs on subnets, on latency tables, and on networks that are trained from the beginning."""

from typing import Any, NotRequired, TypedDict

from engine.registry import PluginView
from engine.results.scores import StepScores


class LatencyTableRow(TypedDict):
    """A table in short; `ratio` is how much slower this computer was when it was checked last."""

    name: str
    device: str
    setting: str
    width: float
    resolutions: list[int]
    entries: int
    when: str
    own: bool
    fits: bool
    ratio: float
    error_ms: float
    error_share: float
    usual: float


TableUnreadable = TypedDict("TableUnreadable", {"name": str, "problem": str})
LatencyTables = TypedDict("LatencyTables", {"tables": list[LatencyTableRow | TableUnreadable]})


class TableExported(LatencyTableRow):
    path: str


class TableMeasured(TableExported):
    seconds: float


class SubnetRow(TypedDict):
    """A measured subnet. On the `front` no other is both faster and at least as accurate."""

    architecture: str
    title: str
    predicted_ms: float
    error_ms: float
    measured_ms: float | None
    accuracy: float
    macs: int
    params: int
    memory: int
    file_bytes: int
    front: bool


Block = TypedDict("Block", {"kernel": int, "expand": float})
MadeElastic = TypedDict("MadeElastic", {"seconds": float, "resolutions": list[int]})


FormEstimate = TypedDict("FormEstimate", {"seconds": float, "images": int, "epochs": int})


class FormTrained(TypedDict):
    """The errors of features `before` and `after`, as shares of their variance; `architecture` is
    that of the one that is better."""

    architecture: str
    kept: bool
    before: float
    after: float
    accuracy: float
    images: int
    seconds: float


class FoldNews(TypedDict):
    """Classes that came after the network in use was narrowed, and what it loses of the features on
    their images and on those of then, as shares of their variance; whether that is clearly
    `worse`; and all of it as `text`, empty where no class came."""

    new: list[str]
    lost_then: float
    lost_new: float
    worse: bool
    text: str


class SubnetDetails(SubnetRow):
    stages: list[list[Block]]
    resolution: int
    per_class: dict[str, float]


Landmark = TypedDict("Landmark", {"name": str, "size": int, "accuracy": float, "latency_ms": float})
"""Another network to compare subnets with; `size` is in pixels."""
Landmarks = TypedDict("Landmarks", {"landmarks": list[Landmark]})
SupernetUsed = TypedDict("SupernetUsed", {"title": str, "width": float})


class Subnets(TypedDict):
    """`why` there are none, if so; `in_use` is an architecture, or nothing. A network that is no
    supernet may be `elastic`, and `ready` once it was made so; otherwise it is `fixed`."""

    supernet: SupernetUsed | None
    elastic: bool
    ready: bool
    fixed: bool
    rows: list[SubnetRow]
    landmarks: list[Landmark]
    range_ms: list[float] | None
    error_ms: float | None
    table: LatencyTableRow | None
    in_use: str
    why: str
    resolutions: NotRequired[list[int]]


Timing = TypedDict("Timing", {"p50": float, "p95": float})


class SearchSummary(TypedDict):
    """The winner of a search; `measured_ms` is None where another device's table was taken."""

    architecture: str
    title: str
    predicted_ms: float
    error_ms: float
    measured_ms: Timing | None
    accuracy: float
    macs: int
    params: int
    memory: int
    file_bytes: int
    front: list[SubnetRow]


class SubnetFound(SearchSummary):
    target_ms: float | None
    measured_candidates: int
    seconds: float


class SubnetUsed(StepScores):
    architecture: str


class SupernetTuners(TypedDict):
    """`proposed` are settings for so many `pictures`."""

    tuners: list[PluginView]
    proposed: dict[str, Any]
    pictures: int


SubnetScores = TypedDict("SubnetScores", {"smallest": float, "middle": float, "largest": float})
"""The accuracy of three subnets."""


class SupernetTrained(SubnetScores):
    """`size` is the largest resolution."""

    path: str
    work: str
    steps: int
    size: int


Pretrained = TypedDict("Pretrained", {"path": str, "steps": int, "accuracy": float})
