"""Why an image gets its answer."""

from typing import NotRequired, TypedDict

from engine.results.images import ImageRow


class Why(TypedDict):
    """What each place of an image adds to the logit of the class that is answered, or was asked
    about (`answer`), less the mean of all classes' logits: `values` as rows from the top.

    `kind` is "exact" or "first order", where the values sum to `logit` but for the share that they
    don't explain, or "occlusion", where they are how much it falls when that place is covered.
    `shared`: so much of it belongs to the image as a whole, and was shared out among the places.
    `region` is what the network sees: left, top, right and bottom in shares of the image's sides.
    `overlay` is a PNG of the colours for it. `where` and `how` tell both in words, and
    `whose` that the model in use answers otherwise, or has learnt the image since. `beside` is the
    nearest learnt image of the likeliest class but for `answer`, which is `second`.
    """

    answer: str
    second: str
    kind: str
    logit: float
    values: list[list[float]]
    explained: float | None
    shared: float
    region: tuple[float, float, float, float]
    overlay: bytes
    where: str
    how: str
    whose: NotRequired[str]
    beside: NotRequired[ImageRow]


ReasonsSaved = TypedDict("ReasonsSaved", {"to": str})
"""The file with the image and its reasons."""
