"""What a stream of images says of learning one image after the other."""

from typing import NotRequired, TypedDict

from engine.results.images import SkippedFile
from engine.results.learn import FolderLearnt


class StreamOrder(TypedDict):
    """The images in one order, each asked before it was learnt.

    `accuracy` is the share of right answers among all `images`; `curve` is the prequential accuracy
    with its fading factor after each of `paths`, `last` its end, `lowest` its lowest value at
    least as many images after the start as the factor remembers.
    """

    order: str
    images: int
    right: int
    accuracy: float
    last: float
    lowest: float
    lowest_at: str
    per_class: dict[str, float]
    paths: list[str]
    curve: list[float]


class StreamTimes(TypedDict):
    """By what the images are ordered: the camera's time, their file's, or their name where files
    have the same second; and when the first and the last were taken."""

    camera: int
    file: int
    name: int
    first: str
    last: str


class StreamJudged(TypedDict):
    """`learnt_before`: images that the project had learnt before the stream began. Of the images
    found, `already_there` lie in the project, `twice` are there twice, and were left out.
    `learnt` is what learning them afterwards came to."""

    images: int
    classes: dict[str, int]
    new_classes: list[str]
    learner: str
    learnt_before: int
    batch: int
    fading: float
    definition: str
    times: StreamTimes
    already_there: int
    twice: int
    skipped: list[SkippedFile]
    orders: list[StreamOrder]
    learnt: NotRequired[FolderLearnt]
