"""Jobs of the Learn page, and those that ask what was learnt."""

from typing import NotRequired, TypedDict, final

from engine.registry import PluginView
from engine.results.cluster import ClusterUsed
from engine.results.images import AnsweredImage, ImageRow, SkippedFile
from engine.results.scores import Chose, Continual, SomeScores, StepScores


class Learnt(StepScores):
    """`classes` says how many images each has (where folders were added: got)."""

    classes: dict[str, int]
    seconds: dict[str, float]
    cluster: NotRequired[ClusterUsed]


class FolderLearnt(Learnt):
    already_there: int
    skipped: list[SkippedFile]


class Forgotten(SomeScores):
    name: str


StepUsed = TypedDict("StepUsed", {"step": int})


class ClassScore(TypedDict):
    name: str
    images: int
    right: int
    recall: float | None
    precision: float | None


class ScoreTable(TypedDict):
    """Scores with the confusion matrix: images by class (rows) and answer (columns)."""

    classes: list[str]
    rows: list[ClassScore]
    accuracy: float | None
    interval: tuple[float, float] | None
    per_class: dict[str, float | None]
    confusion: list[list[int]]


class FullScores(ScoreTable, Continual, Chose):
    """`typed_at_random` of the held-out images were drawn from unsorted ones, and typed."""

    typed_at_random: int
    old_accuracy: float | None
    new_accuracy: float | None
    step: int
    definitions: dict[str, str]


class BurstEffect(TypedDict, total=False):
    """What share of `images` would be right if the split cut bursts, and as they are, `whole`.

    `more` is between what the difference lies, 95 times of 100. Empty where no burst can be cut.
    """

    images: int
    bursts: int
    cut: float
    whole: float
    more: tuple[float, float]


class Score(ScoreTable, Continual, Chose, total=False):
    """FullScores of the step in use, or the scores on a folder. `predictions` are by path."""

    typed_at_random: int
    old_accuracy: float | None
    new_accuracy: float | None
    step: int
    definitions: dict[str, str]
    skipped: list[SkippedFile]
    unknown_classes: list[str]
    predictions: dict[str, str]


class LearntAgain(SomeScores, total=False):
    """Empty where there was nothing to learn."""

    accuracy_before: float | None


ImageTaught = TypedDict("ImageTaught", {"class": str, "moved": int, "image": int, "step": int})
"""`moved` says how many times the image was in the project before."""


class AnsweredImages(TypedDict):
    """Some of `total` images. `both_sides`: those learnt from are judged, too. `lists` says how
    many images each of the lists to look at again has, and how many are in "any" of them."""

    total: int
    rows: list[AnsweredImage]
    both_sides: bool
    lists: NotRequired[dict[str, int]]


class Kept(TypedDict):
    """What a promise of at most `rate` would give: of all test images so many answers, so many of
    them by a group's name, so many wrong; `said` tells it, or why it can't be kept (`kept` is
    False). `missing`: how many more test images it takes, where it is for want of them."""

    rate: float
    kept: bool
    images: int
    answers: int
    groups: int
    wrong: int
    missing: int
    said: str


class ClassPromise(TypedDict):
    """Answers of one class under the promise; `alone`: it is shown of this class by itself.

    Below `least` its answers are "not sure"; above 1: it never answers.
    """

    name: str
    least: float
    alone: bool
    answers: int
    wrong: int


class RiskPoint(TypedDict):
    """Answering what is at least as sure as `confidence`: which share of the test images gets an
    answer, which share of these is wrong, and what it is at most, CERTAIN of it."""

    confidence: float
    answered: float
    wrong: float
    most: float


class PromiseView(TypedDict):
    """`rate` is the project's, 0 where it promises nothing; then `now` and `classes` are empty.
    `choices` are those that are offered. `curve` goes from the surest answers to all of them."""

    rate: float
    images: int
    now: list[Kept]
    choices: list[Kept]
    classes: list[ClassPromise]
    curve: list[RiskPoint]


class PromiseSet(TypedDict):
    rate: float
    said: str


Learners = TypedDict("Learners", {"learners": tuple[PluginView, ...]})


@final
class ImageAnswer(TypedDict):
    """Probabilities by class. Beyond `threshold` an image is not `known`: none of these. By the
    `promise` (0: none) the answer is the likeliest class, a `group` that is `share` probable, or
    none: `sure` says whether there is any."""

    classes: dict[str, float]
    known: bool
    sure: bool
    group: str
    share: float
    promise: float
    distance: float
    threshold: float
    nearest: NotRequired[list[ImageRow]]


@final
class NoAnswer(TypedDict):
    reason: str


ImageAnswers = TypedDict("ImageAnswers", {"pictures": dict[str, ImageAnswer | NoAnswer]})
"""By path."""
PastedAnswer = TypedDict("PastedAnswer", {"picture": ImageAnswer | NoAnswer})


class AnswersWritten(TypedDict):
    """How many images were answered, and how many of these are none of the classes, or not sure
    by the promise."""

    images: int
    none_of_these: int
    not_sure: int
    unusable: int
    others: int
    to: str
    cluster: NotRequired[ClusterUsed]


class ImagesSorted(TypedDict):
    """How many images went into each folder, or were left out for each reason."""

    to: str
    move: bool
    folders: dict[str, int]
    there: int
    left_out: dict[str, int]
    list: str


class RecentSet(TypedDict):
    """Of each class the last `images` are learnt, or those of the last `days`; 0 and 0: all.
    `learnt` is how many are, `old` how many others are too old; `formula` says which. `accuracy` is
    that on held-out images afterwards, None before anything was learnt."""

    images: int
    days: float
    learnt: int
    old: int
    formula: str
    accuracy: NotRequired[float | None]
