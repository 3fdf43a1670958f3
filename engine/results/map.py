"""Jobs of the Map page. Many numbers of one kind are bytes, which cross to the window at once."""

from typing import TypedDict

from engine.results.images import ImageRow

MapDrawn = TypedDict("MapDrawn", {"images": int, "parted": int, "refined": bool})
"""How many images lie on the map; `parted`: the number of classes that its axes part, 0 for those
along which images differ most. `refined`: what is alike is drawn together."""
MapSaved = TypedDict("MapSaved", {"to": str, "rows": int})


class MapPoints(MapDrawn):
    """All images that lie on the map, those of classes first, then those that wait.

    `spots` are float32 (images, 2); `ids` int64, of images that wait their own; `classes` int32,
    places in `names`, -1 for those that wait. `paths` are joined by a zero character. `missing`
    images lie nowhere yet.
    """

    spots: bytes
    ids: bytes
    classes: bytes
    paths: str
    names: list[str]
    missing: int
    can_refine: bool


class MapImage(ImageRow):
    """An image of the map; without a class it waits for one. `likeliest` are the classes that the
    model sees, with their probabilities, in images that it has not learnt."""

    likeliest: list[tuple[str, float]]


MapImages = TypedDict("MapImages", {"images": list[MapImage], "unsorted": list[MapImage]})
PointsNamed = TypedDict("PointsNamed", {"named": int, "moved": int, "class": str})
"""How many images got the class that waited for one, and how many came from another."""
