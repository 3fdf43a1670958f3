"""Jobs of the Images page."""

from typing import NotRequired, TypedDict

SkippedFile = TypedDict("SkippedFile", {"path": str, "reason": str})


class ImagesAdded(TypedDict):
    """`classes` says how many images came to each."""

    classes: dict[str, int]
    already_there: int
    skipped: list[SkippedFile]


class SampleMade(ImagesAdded):
    """`path` is the project's, `pictures` that of the folder."""

    path: str
    pictures: str


ImagesMoved = TypedDict("ImagesMoved", {"moved": int})
ImagesRemoved = TypedDict("ImagesRemoved", {"removed": int})
ClassChanged = TypedDict("ClassChanged", {"name": str, "moved": NotRequired[int]})
"""`moved` says how many images came from a class that was merged into it."""
ClassesGrouped = TypedDict("ClassesGrouped", {"group": str, "changed": int})
"""The group with those around it, and how many classes were not in it before."""
ImageRow = TypedDict(
    "ImageRow",
    {
        "id": int,
        "class": str,
        "split": str,
        "path": str,
        "file": str,
        "width": int,
        "height": int,
        "note": str,
        "thumb": tuple[str, int, int],
    },
)
"""An image; `thumb` is the file of its thumbnail, where it begins there, and its bytes."""


class AnsweredImage(ImageRow):
    """With the class that the model sees, and the likeliest ones with their probabilities.

    `kept` says that a person said that the image is right where it is; `beside` is the image to
    compare it with, where it is to be looked at again.
    """

    predicted: str
    confidence: float
    likeliest: list[tuple[str, float]]
    kept: bool
    beside: NotRequired[ImageRow]


ImagePage = TypedDict("ImagePage", {"total": int, "rows": list[ImageRow | AnsweredImage]})
"""Some of `total` images; sorted by confidence those have answers that can be judged."""
ImageIds = TypedDict("ImageIds", {"ids": bytes})
"""Ids as `array("q")` holds them: of a million in a list each would be checked by itself."""
LikeliestClass = TypedDict("LikeliestClass", {"name": str})
ImagesMended = TypedDict("ImagesMended", {"moved": int, "kept": int})
Conflict = TypedDict("Conflict", {"sha256": str, "classes": list[str], "images": list[ImageRow]})
Conflicts = TypedDict("Conflicts", {"conflicts": list[Conflict]})


class NearDuplicateGroup(TypedDict):
    crosses_split: bool
    images: list[ImageRow]


NearDuplicates = TypedDict("NearDuplicates", {"total": int, "groups": list[NearDuplicateGroup]})
"""The first of `total` groups."""


class SkippedRow(SkippedFile):
    when: str


Skipped = TypedDict("Skipped", {"skipped": list[SkippedRow]})
