"""Jobs of images that wait for a class."""

from typing import TypedDict

from engine.results.images import SkippedFile


class UnsortedAdded(TypedDict):
    """`in_classes` are files left out since the same image lies in a class."""

    added: int
    already_there: int
    in_classes: list[str]
    skipped: list[SkippedFile]
    waiting: int


class UnsortedRow(TypedDict):
    """An image that waits; `thumb` is the file of its thumbnail, where it begins, its bytes.

    `taken` is when, as its file says; empty where it doesn't.
    """

    id: int
    path: str
    file: str
    width: int
    height: int
    note: str
    taken: str
    thumb: tuple[str, int, int]


UnsortedPage = TypedDict("UnsortedPage", {"total": int, "aside": int, "rows": list[UnsortedRow]})
"""Some of `total` images that wait, or that were set aside; of these there are `aside`."""
BurstsFound = TypedDict("BurstsFound", {"bursts": int})
"""How many bursts there are among the images that wait."""
UnsortedRemoved = TypedDict("UnsortedRemoved", {"removed": int})


class Suggestion(UnsortedRow):
    """With the likeliest classes and their probabilities, nine at most.

    `burst` are the ids of all that wait and were taken together with it, itself among them; empty
    for one alone; `together` are the likeliest classes of all of these as one.
    """

    likeliest: list[tuple[str, float]]
    burst: list[int]
    together: list[tuple[str, float]]


class Asked(UnsortedRow):
    """An image that was drawn at random, to judge by: to be named without a suggestion.

    `choices` are the nine likeliest classes, in the order of their names.
    """

    choices: list[str]


class Standing(TypedDict):
    """How far the heap is. `judged` are held-out images that were drawn at random and typed.

    `keys_left` are the keys until the rest can be accepted, where the program is surer than
    `least`, with `wanted` of all right.
    """

    waiting: int
    aside: int
    typed: int
    accepted: int
    bulk: int
    judged: int
    recent: int
    recent_right: int
    keys_left: int
    least: float
    wanted: float


class Suggestions(TypedDict):
    """`order` are the ids of all that wait; `rows` are the first of them. `ask` comes before them.

    `groups` are ids of images that are alike, most typical first, until there are two classes
    or where they are asked for;
    `bursts` those of images that wait and were taken together.
    """

    order: list[int]
    rows: list[Suggestion]
    ask: Asked | None
    classes: list[str]
    groups: list[list[int]]
    bursts: list[list[int]]
    standing: Standing


ClassesSuggested = TypedDict(
    "ClassesSuggested",
    {
        "suggestions": dict[str, dict[str, float]],
        "order": list[str],
        "ask": str | None,
        "groups": list[list[str]],
        "standing": Standing,
    },
)
"""By path: the probability of each class. `ask` is the path of an image drawn at random."""


ImagesNamed = TypedDict(
    "ImagesNamed",
    {
        "images": int,
        "class": str,
        "new_class": bool,
        "held_out": int,
        "suggestions": Suggestions | None,
        "step": int | None,
    },
)
"""`held_out` of the images are there to judge by; `step` is what was learnt, if that was asked."""


class Accepted(TypedDict):
    """`mistakes` are expected among the `images`; nothing was changed where `done` is false."""

    images: int
    mistakes: float
    classes: dict[str, int]
    done: bool
    suggestions: Suggestions | None
    step: int | None


class ShownAccepted(TypedDict):
    """How many images got a class, and how many each class got."""

    images: int
    classes: dict[str, int]
    suggestions: Suggestions | None
    step: int | None


class SetAside(TypedDict):
    images: int
    suggestions: Suggestions | None
