"""Learnt images to look at again."""

from typing import TypedDict

MisplacedImage = TypedDict(
    "MisplacedImage",
    {
        "path": str,
        "class": str,
        "probability": float,
        "likelier": str,
        "likelier_probability": float,
        "nearest": str,
    },
)
"""An image with its class, how probable that is without it, the class that is likeliest then, and
the nearest image of that."""
UnlikeImage = TypedDict(
    "UnlikeImage", {"path": str, "class": str, "distance": float, "nearest": str}
)
"""An image with its class, how far it lies from all others (in deviations from what is usual), and
the nearest of them."""


class Review(TypedDict):
    """Both lists, the worst first, of so many `images` that were judged; those that a person keeps
    are not in them. `both_sides`: those learnt from were judged, too."""

    images: int
    both_sides: bool
    wrong: list[MisplacedImage]
    unlike: list[UnlikeImage]
