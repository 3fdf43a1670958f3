"""The job that compares strategies on a project's images."""

from typing import TypedDict

from engine.results.scores import Interval


class StudyRow(TypedDict):
    """A strategy on the held-out images; `interval` are the ends of its accuracy's 95 % interval.

    `difference` is the best row's accuracy less this one's, `p` how likely one as large is by
    chance, for all rows that were looked at (Holm); both None for the best itself. `tied` rows
    can't be told from the best. `trained` counts weights that gradients changed, `bytes` those of
    all weights in use, `macs` an image's multiply-adds. `kept` rows were there from a study before.
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
    kept: bool


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
    """`images` are held out, `learnt` learnt from; `said` is the reading, in plain English."""

    images: int
    learnt: int
    classes: int
    epochs: float
    seed: int
    rows: list[StudyRow]
    curves: list[LearningCurve]
    left_out: list[LeftOut]
    said: str
