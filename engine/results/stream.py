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


DriftTest = TypedDict(
    "DriftTest",
    {
        "what": str,
        "class": str,
        "known": int,
        "images": int,
        "highest": float,
        "entire": int | None,
        "clear": bool,
    },
)
"""`what` is "class" or a quality (brightness, sharpness, colour, over all classes). `images` were
compared with `known` ones; `highest` is how far the martingale went, that begins at 1. An entire
change would be noticed after so many images, None for not at all; one by a standard deviation if
`clear` (9 times of 10, see learning/drift_limits.py)."""
Drift = TypedDict(
    "Drift",
    {
        "what": str,
        "class": str,
        "sentence": str,
        "since": str,
        "since_when": str,
        "noticed": str,
        "noticed_when": str,
        "after": int,
        "images": list[str],
        "files": list[str],
    },
)
"""It began at the image `since`, as far as can be said, and was noticed `after` so many. `files`
are those that `images` are read from."""


class Drifts(TypedDict):
    """An alarm is raised where a martingale reaches `bound`. A stream without drift raises any with
    a probability of `rate` at most; `definition` says so in words, and `says` what was
    not found, and what could not have been."""

    rate: float
    bound: float
    definition: str
    says: str
    alarms: list[Drift]
    tests: list[DriftTest]


class StreamArrived(TypedDict):
    """Of the images found, `already_there` lie in the project, `twice` are there twice, and were
    left out."""

    images: int
    classes: dict[str, int]
    new_classes: list[str]
    times: StreamTimes
    already_there: int
    twice: int
    skipped: list[SkippedFile]


class OwnStream(TypedDict):
    """The prequential accuracy of what a person named after a suggestion: of so many `images` so
    many `right`, the `curve` with its fading factor after each, and its last value. `one_by_one`
    counts the images that drift can be told from, `drift` is what was found."""

    images: int
    right: int
    last: float | None
    fading: float
    curve: list[float]
    definition: str
    one_by_one: int
    drift: NotRequired[Drifts]


class StreamJudged(StreamArrived):
    """`learnt_before`: images that the project had learnt before the stream began. `recent` says
    which images are unlearnt on the way, empty where none is; `learnt` is what learning all of them
    afterwards came to."""

    learner: str
    learnt_before: int
    batch: int
    fading: float
    definition: str
    recent: str
    orders: list[StreamOrder]
    drift: Drifts
    learnt: NotRequired[FolderLearnt]
