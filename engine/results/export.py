"""Jobs of the Export page, and the demo that ends with one."""

from typing import NotRequired, TypedDict

from engine.events import with_more
from engine.registry import PluginView

Exporters = TypedDict("Exporters", {"exporters": list[PluginView]})


class ClassKept(TypedDict):
    """A class's accuracy by the project and by the file."""

    name: str
    images: int
    before: float | None
    after: float | None


@with_more
class Receipt(TypedDict):
    """What was checked about an export; what else formats note is told in `summary` alone.

    `confusion` has true class, answer and number of images, as places in `classes`.
    """

    file: str
    format: str
    summary: list[list[str]]
    verdict: str
    papers: dict[str, str]
    classes: list[str]
    per_class: NotRequired[list[ClassKept]]
    confusion: NotRequired[list[list[int]]]


class LearnerScore(TypedDict):
    learner: str
    accuracy: float | None
    seconds: float


class DemoMade(TypedDict):
    """`picture` is of the window; the command line adds it where one could be taken."""

    folder: str
    project: str
    pictures: str
    model: str
    scores: list[LearnerScore]
    receipt: Receipt
    picture: NotRequired[str]
