"""The job that compares strategies on a project's images."""

from typing import NotRequired, TypedDict

from engine.results.images import ImageRow
from engine.results.scores import Interval


class Asked(TypedDict):
    """What a study is asked for: names of strategies, and `epochs` or `seconds` for each that
    trains (0: not this way), `shares` in per cent for the learning curves; with `every_curve` what
    trains, and other networks, have one too."""

    strategies: list[str]
    epochs: float
    seconds: float
    seed: int
    shares: list[float]
    every_curve: NotRequired[bool]


class StudyRow(TypedDict):
    """A strategy on the held-out images; `interval` are the ends of its accuracy's 95 % interval.

    `difference` is the best row's accuracy less this one's, `p` how likely one as large is by
    chance, for all rows that were looked at (Holm); both None for the best itself. `tied` rows
    can't be told from the best. `trained` counts weights that gradients changed, `bytes` those of
    all weights in use, `macs` an image's multiply-adds. `p50` is the median of what an image takes
    here, in ms, and `export` the bytes of the exported file (ONNX, 32 bits): None where ONNX can't
    say it. `kept` rows were there from a study before. `useless` says why a project can't go on
    with this row's way; empty: it can.
    """

    name: str
    title: str
    accuracy: float
    interval: list[float]
    per_class: dict[str, float | None]
    difference: Interval | None
    p: float | None
    best: bool
    tied: bool
    seconds: float
    trained: int
    macs: int
    bytes: int
    p50: float | None
    export: int | None
    kept: bool
    useless: str


class CurvePoint(TypedDict):
    """What so many `images` to learn from brought, `share` per cent of each class's."""

    share: float
    images: int
    accuracy: float
    interval: list[float]


class LearningCurve(TypedDict):
    """`more` is what twice as many images would bring; None where that can't be said."""

    name: str
    title: str
    points: list[CurvePoint]
    more: Interval | None
    said: str


class LeftOut(TypedDict):
    title: str
    why: str


class Study(TypedDict):
    """`images` are held out, `learnt` learnt from; `said` is the reading, in plain English.
    `wanted` counts the rows that are to be shown, `earlier` those of them that the study before
    had."""

    images: int
    learnt: int
    classes: int
    epochs: float
    seconds: float
    seed: int
    wanted: int
    earlier: NotRequired[int]
    rows: list[StudyRow]
    curves: list[LearningCurve]
    left_out: list[LeftOut]
    said: str


class LastStudy(TypedDict):
    """The project's last study; `asked` is None where there is none, `study` until it has begun to
    measure. `done`: nothing of it is left to measure. `changed` says what is no longer as it was
    then: “network”, “images” or nothing."""

    asked: Asked | None
    study: Study | None
    done: bool
    changed: str


class StrategyView(TypedDict):
    """A strategy as a form shows it, by its `short` title below its group; `term` is what the field
    calls it, `network` the other one than the project's that it learns with."""

    name: str
    title: str
    short: str
    group: str
    term: str
    network: str


class Preset(TypedDict):
    """Some strategies by one name."""

    name: str
    title: str
    help: str
    strategies: list[str]


class StudyChoices(TypedDict):
    """All that can be compared here; `epochs` suit the number of images."""

    strategies: list[StrategyView]
    presets: list[Preset]
    epochs: float


class StudyEstimate(TypedDict):
    """About how long a study takes, and for how many rows that are not measured yet."""

    seconds: float
    rows: int
    missing: int
    left_out: list[LeftOut]


class RowUsed(TypedDict):
    """What the project goes on with; `already`: it did before, and nothing changed."""

    name: str
    title: str
    accuracy: float | None
    already: bool


class SideChoice(TypedDict):
    """What can be put beside another: the model in use, a row of the study, a run, a step."""

    name: str
    title: str
    group: str


class SideChoices(TypedDict):
    """All that can be put side by side."""

    choices: list[SideChoice]


class SideBySide(TypedDict):
    """Two models on the same `images`: how many `both`, the `first` alone, the `second` alone or
    `neither` has right; how many they answer alike. `shown` are images of `part`, `total` of them.
    """

    titles: list[str]
    images: int
    alike: int
    both: int
    first: int
    second: int
    neither: int
    part: str
    total: int
    shown: list[ImageRow]
    answers: list[list[str]]


class MoreOfClass(TypedDict):
    """What `images` more of a class would bring to it, as a share with its interval; None: that
    can't be said. `said` tells it."""

    name: str
    images: int
    more: Interval | None
    said: str


StudyDropped = TypedDict("StudyDropped", {"dropped": bool})
